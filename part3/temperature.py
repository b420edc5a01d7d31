# SPDX-License-Identifier: MIT
"""What the temperature does, as numbers: how unsure the model is, how often it repeats itself, how often it misspells.

python part3/temperature.py --checkpoint summaries/grimm_...

At each temperature the model writes texts from the same first characters, drawn from the training part. Measured are

* the entropy of what each character was drawn from, in nats; also along the test part, where the temperature alone
  changes and the text before does not;
* repetition: the share of 8-grams of a text that have stood in it before. Eight characters are a word and a half: the
  words of a language recur in any text, but such pieces of two words seldom do, unless the model runs in a circle;
* misspelt words: the share of words that are not in the training part. The first and the last word of a text are left
  out, as they may be cut. Rare names and new words count too, so that the test part's own share is not zero.

Beside them stand the values of the test part, in pieces as long as the texts.

B texts, N characters of a text, V vocabulary.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import re

import numpy as np
import torch

from common import cli
from common.cli import UserError
from common.figure import save_both
from common.files import write_json
from common.machine import versions
from part3.evaluation import mean_and_error
from part3.outputs import settle_outputs
from part3.sampling import distribution, generate
from part3.temperature_plots import draw_temperature
from part3.trained import load_run

TEMPERATURES = (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2)
SHOWN, SHOWN_LENGTH = (0, 0.5, 1, 2), 200  # temperatures and characters of the samples that are printed
SHORTEST = 50  # characters of a text
GRAM = 8  # characters of a piece whose return is a repetition
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
PIECE = 100  # characters whose distributions are held at once


def parser(prog, description, name):
    """The flags of this script, and of novelty.py."""
    p = cli.Parser(prog=prog, description=description)
    p.add_argument(
        "--checkpoint",
        required=True,
        metavar="PATH",
        help="a checkpoint, or a run's folder (its best.pt if it has one)",
    )
    p.add_argument("--txt_file", metavar="FILE", help="the book it was trained on, where it has moved since")
    p.add_argument("--num_samples", type=cli.positive_int, default=64, help="B, texts at each temperature")
    p.add_argument("--length", type=cli.whole(SHORTEST), default=1000, help="N, characters of a text")
    p.add_argument("--seed", type=cli.natural, default=1, help="of the texts")
    p.add_argument("--output", metavar="FILE", help=f"of the numbers; by default {name}.json in the run's folder")
    p.add_argument("--figures", metavar="FOLDER", help="of the figure; by default that of --output")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def load(config, name):
    """The model, the book in the parts that it was trained with, and what the results should say of both.

    Raises:
        UserError: the checkpoint or the book does not serve, or there is no test part of --length characters.
    """
    cli.set_threads(config)
    settle_outputs(config, name)
    run = load_run(config.checkpoint, config.device, config.txt_file)
    data = run.data
    if len(data.test) < config.length:
        remedy = "choose a smaller --length" if len(data.test) >= SHORTEST else "give a run that holds more out"
        raise UserError(f"the test part of {run.book} has {len(data.test)} characters; {remedy}")
    facts = {
        "book": run.about["book"],
        "step": run.about["step"],
        "num_samples": config.num_samples,
        "length": config.length,
        "seed": config.seed,
        "versions": versions(),
    }
    return run.model, data, facts


def write_texts(model, data, temperature, config):
    """Texts (B, N) at that temperature. The seed gives first characters and luck, the same at every temperature."""
    rng = torch.Generator().manual_seed(config.seed)
    places = torch.randint(len(data.train), (config.num_samples, 1), generator=rng)
    first = torch.from_numpy(data.train[places.numpy()].astype(np.int64)).to(config.device)  # (B, 1)
    following = generate(model, first, config.length - 1, temperature, rng)
    return np.stack([first[:, 0].cpu().numpy(), *(x.cpu().numpy() for x in following)], axis=1)


def in_pieces(part, length):
    """A part of the book as texts of that length (B, N); what is left over at its end is left out."""
    return part[: len(part) // length * length].reshape(-1, length)


@torch.no_grad()
def entropy(model, texts, temperature, device):
    """The entropy of the next character's distribution in nats, for each text (B, N) its mean (B,) over the text."""
    if temperature == 0:
        return np.zeros(len(texts))  # the limit: one character has probability 1
    numbers = torch.from_numpy(texts.astype(np.int64)).to(device)
    total, state = torch.zeros(len(texts), dtype=torch.float64), None
    for piece in numbers[:, :-1].split(PIECE, dim=1):
        logits, state = model(piece, state)
        probabilities = distribution(logits.flatten(0, 1).cpu(), temperature)  # (B * PIECE, V)
        total += torch.special.entr(probabilities).sum(dim=-1).view(len(texts), -1).sum(dim=1)
    return (total / (numbers.shape[1] - 1)).numpy()


def repetition(text):
    """The share of the text's 8-grams that have stood in it before."""
    grams = [text[i : i + GRAM] for i in range(len(text) - GRAM + 1)]
    return 1 - len(set(grams)) / len(grams)


def words(text):
    return [word.lower() for word in WORD.findall(text)]


def misspelt(text, known):
    """The share of the text's words that are not among the known; None where it has none but a first and a last."""
    whole = words(text)[1:-1]
    return sum(word not in known for word in whole) / len(whole) if whole else None


def measure(model, data, config):
    """A row of numbers for each temperature, one for the test part, and the samples to be shown."""
    known = set(words(data.convert_to_string(data.train)))
    test = in_pieces(data.test, config.length)
    rows, samples = [], []
    for temperature in TEMPERATURES:
        texts = write_texts(model, data, temperature, config)
        row = {"temperature": temperature, **measure_texts(model, data, texts, temperature, known, config.device)}
        row["entropy_along_test"] = mean_and_error(entropy(model, test, temperature, config.device))
        rows.append(row)
        print(line(f"temperature {temperature:g}", row))
        if temperature in SHOWN:
            samples.append({"temperature": temperature, "text": data.convert_to_string(texts[0][:SHOWN_LENGTH])})
    held_out = measure_texts(model, data, test, 1, known, config.device)
    print(line("test part", held_out))
    return {"temperatures": rows, "test": held_out, "samples": samples}


def measure_texts(model, data, texts, temperature, known, device):
    strings = [data.convert_to_string(text) for text in texts]
    return {
        "entropy": mean_and_error(entropy(model, texts, temperature, device)),
        "repetition": mean_and_error([repetition(string) for string in strings]),
        "misspelt": mean_and_error([misspelt(string, known) for string in strings]),
    }


def line(name, row):
    """A row of the table that is printed."""
    values = [row[column]["mean"] for column in ("entropy", "repetition", "misspelt")]
    shown = ["-" if value is None else f"{value:.3f}" for value in values]
    return f"{name:>16}: entropy {shown[0]} nats, 8-grams repeated {shown[1]}, words misspelt {shown[2]}"


def main(argv=None):
    description = "What the temperature does to the texts that a checkpoint writes, as numbers."
    config = parser("temperature.py", description, "temperature").parse_args(argv)
    model, data, facts = load(config, "temperature")
    results = {**facts, **measure(model, data, config)}
    for sample in results["samples"]:
        print(f"--- temperature {sample['temperature']:g}\n{sample['text']}")
    write_json(config.output, results)
    figure = config.figures / "temperature.png"
    save_both(draw_temperature(results), figure)
    print(f"see {config.output} and {figure}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
