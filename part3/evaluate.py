# SPDX-License-Identifier: MIT
"""The loss of any text under a checkpoint of train_text.py, with the state carried, in nats and bits per character.

python part3/evaluate.py --checkpoint summaries/grimm_... --txt_file assets/grimm.txt --part test
python part3/evaluate.py --checkpoint summaries/grimm_... --txt_file assets/grimm.txt --part test --dynamic

With --dynamic the model adapts as it reads (dynamic.py), which is what compressors do. The checkpoint is only read.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import time

from common import cli
from common.cli import UserError
from common.files import refuse_another_file, write_json
from common.machine import today, versions
from part3.dynamic import Rule, dynamic_losses
from part3.evaluation import bpc, character_losses, finite_mean
from part3.gutenberg import strip_gutenberg
from part3.text import part_starts, read_text
from part3.trained import load_run

PARTS = ("train", "validation", "test", "all")
SHOWN = 20  # unknown characters that are named


def parser():
    p = cli.Parser(prog="evaluate.py", description="The loss of a text under a checkpoint, per character.")
    g = p.add_argument_group("what is read")
    g.add_argument(
        "--checkpoint",
        required=True,
        metavar="PATH",
        help="a checkpoint, or a run's folder (its best.pt, or checkpoint.pt where there is none)",
    )
    g.add_argument("--txt_file", required=True, metavar="FILE", help="the text: the run's own or any other")
    g.add_argument(
        "--part", choices=PARTS, default="all", help="of the text, which is stripped and split as the run did it"
    )
    g.add_argument(
        "--warm_up", type=cli.natural, default=5000, help="characters before the part that are read first, not counted"
    )
    g.add_argument(
        "--unknown",
        choices=("refuse", "skip"),
        default="refuse",
        help="what to do with characters that the checkpoint does not know; skip leaves them out",
    )
    g = p.add_argument_group("dynamic evaluation")
    g.add_argument("--dynamic", action="store_true", help="learn from each window after it was scored")
    g.add_argument("--rate", type=cli.real(0), default=Rule.rate, help="of the learning")
    g.add_argument("--decay", type=cli.fraction, default=Rule.decay, help="towards the trained weights, a window")
    g.add_argument("--window", type=cli.positive_int, default=Rule.window, help="characters between two updates")
    g.add_argument(
        "--at_rest",
        type=cli.natural,
        default=20_000,
        help="characters before those of the warm-up over which the size of the gradients is collected",
    )
    g = p.add_argument_group("output")
    g.add_argument("--json", metavar="FILE", help="write the result there too")
    g.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    g.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    idle = sorted({"rate", "decay", "window", "at_rest"} & given)
    if idle and not config.dynamic:
        raise UserError(f"--{idle[0]} belongs to --dynamic; give that too, or leave it out")
    if config.json:
        refuse_another_file(config.json, "--json")
    cli.set_threads(config)
    result = measure(load_run(config.checkpoint, config.device), config)
    if config.json:
        write_json(config.json, {**result, "config": vars(config), "versions": versions(), "date": today()})
    return 0


def measure(run, config):
    """The loss of the part that the flags name under a run's model, printed and as plain values.

    Raises:
        UserError: the text does not serve.
    """
    rest, before, part = (known(text, run.vocabulary, config) for text in read_part(config, run.config))
    if len(before) + len(part) < 2 or not part:
        raise UserError(
            f"the part {config.part} of {config.txt_file} has nothing to predict; use a longer text,"
            " or a checkpoint whose run held such a part out"
        )
    began = time.perf_counter()
    numbers = run.vocabulary.encode(rest + before + part)
    if config.dynamic:
        rule = Rule(config.rate, config.decay, config.window)
        losses = dynamic_losses(run.model, numbers, config.device, rule, len(rest))
    else:
        losses, _ = character_losses(run.model, numbers, config.device)
    losses = losses[max(len(numbers) - len(part) - 1, 0) :]  # where nothing stands before, all but the first character
    return report(config, losses, time.perf_counter() - began)


def read_part(config, trained):
    """The part that is asked for, and before it the text that is read with the weights at rest (for --dynamic), and the
    text to warm up with. `trained` is the configuration of the run."""
    text = read_text(config.txt_file)
    if trained["strip_gutenberg"]:
        text, _ = strip_gutenberg(text)
    n = len(text)
    val, test = part_starts(n, trained["val_fraction"], trained["test_fraction"])
    begin, end = {"train": (0, val), "validation": (val, test), "test": (test, n), "all": (0, n)}[config.part]
    warm_up = max(begin - config.warm_up, 0)
    rest = max(warm_up - config.at_rest, 0) if config.dynamic else warm_up
    return text[rest:warm_up], text[warm_up:begin], text[begin:end]


def known(text, vocabulary, config):
    """The text without the characters that the checkpoint does not know, where --unknown skip leaves them out.

    Raises:
        UserError: there are such characters, and nothing was said about them.
    """
    unknown = vocabulary.unknown(text)
    if unknown and config.unknown == "refuse":
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        raise UserError(
            f"{config.txt_file} has characters that the checkpoint does not know: {unknown[:SHOWN]!r}{more};"
            f" --unknown skip leaves them out"
        )
    return vocabulary.without_unknown(text)


def report(config, losses, seconds):
    """Print the result, and return it as plain values."""
    nats = finite_mean(losses)
    how = (
        f"dynamic, rate {config.rate:g}, decay {config.decay:g}, window {config.window}" if config.dynamic else "static"
    )
    print(
        f"{config.part} of {config.txt_file} ({how}): {nats:.4f} nats = {bpc(nats):.4f} bits per character over"
        f" {len(losses)} characters, {round(bpc(losses.sum()) / 8)} bytes in all; {seconds:.0f} s"
    )
    return dict(loss=nats, bpc=bpc(nats), characters=len(losses), seconds=round(seconds, 2))


if __name__ == "__main__":
    cli.run_main(main)
