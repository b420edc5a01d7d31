# SPDX-License-Identifier: MIT
"""Go on with a text, from a checkpoint of train_text.py: questions 3.1 b and c and the bonus question.

python part3/generate.py --checkpoint summaries/grimm_... --prompt "The prince went to" --temperature 0.8
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from common import cli
from common.checkpoint import checkpoint_path
from common.cli import UserError
from part3.model import load_model
from part3.sampling import generate


def parser():
    p = cli.Parser(prog="generate.py", description="Generate text from a checkpoint, the state carried at any length.")
    p.add_argument(
        "--checkpoint",
        required=True,
        metavar="PATH",
        help="a checkpoint, or a run's folder (its best.pt, or checkpoint.pt where there is none)",
    )
    p.add_argument("--prompt", help="the text to go on with; without one, a random character")
    p.add_argument("--length", type=cli.positive_int, default=500, help="characters to generate")
    p.add_argument("--temperature", type=cli.real(0), default=0.8, help="the logits are divided by it; 0 is greedy")
    p.add_argument("--num_samples", type=cli.positive_int, default=1, help="texts, one after another")
    p.add_argument("--seed", type=cli.natural, default=1, help="of the choices")
    p.add_argument("--threads", type=cli.positive_int, default=1, help="of the CPU")
    p.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def main(argv=None):
    config = parser().parse_args(argv)
    if config.prompt == "":
        raise UserError("--prompt is empty; give at least one character, or leave it out for a random one")
    cli.set_threads(config)
    model, vocabulary = load_model(best_of(config.checkpoint), config.device)
    rng = torch.Generator(config.device).manual_seed(config.seed)
    for number in range(1, config.num_samples + 1):
        if config.num_samples > 1:
            print(f"--- {number} of {config.num_samples}")
        if config.prompt is None:
            prompt = torch.randint(len(vocabulary), (1, 1), generator=rng, device=config.device)
        else:
            prompt = torch.from_numpy(vocabulary.encode(config.prompt)).long()[None].to(config.device)  # (1, P)
        print(vocabulary.decode(prompt[0]), end="", flush=True)
        for x in generate(model, prompt, config.length, config.temperature, rng):
            print(vocabulary.decode(x), end="", flush=True)
        print()
    return 0


def best_of(path):
    """The checkpoint to read: of a run's folder best.pt, or checkpoint.pt where nothing was validated."""
    best = Path(path) / "best.pt"
    return best if best.exists() else checkpoint_path(path)


if __name__ == "__main__":
    cli.run_main(main)
