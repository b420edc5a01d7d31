# SPDX-License-Identifier: MIT
"""Longer than trained: what a character costs, against how many characters stand before it in the window.

python part3/position.py --checkpoint summaries/books/grimm summaries/books/grimm_stream

Windows of 600 characters of the held-out parts (validation and test) are read from state zero. One begins every
--stride characters, so that each character of the text is met near a window's beginning, in its middle and near its
end: the same characters are compared at every position, with more or less memory before them. (Only those are
counted that have a place at each position.) Standard errors are over blocks of 1,000 characters of the text.

A model was trained on windows of T characters. Does what lies further back help? "Near" is the loss with the last ten
of these numbers before, T - 9 to T, "far" with more, up to 600; their difference is what the memory beyond T is worth.
With a stride of 10 every character is counted once near, and 57 times far where T is 30.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from common import cli
from common.cli import UserError
from common.figure import save_both
from common.files import write_json
from part3.evaluation import bpc, mean_and_error
from part3.outputs import settle_outputs
from part3.text_plots import draw_memory
from part3.trained import facts, load_runs

# From text_plots.ALL_FROM on, bins are as wide as some strides: each has all characters, equally often.
EDGES = (1, 2, 3, 4, 5, 7, 9, 11, 21, 31, 41, 61, 101, 151, 221, 331, 481, 701, 1001, 1501, 2201, 3301, 4801, 7001)
BLOCK = 1000  # characters of the text whose mean is one observation
WINDOW, STRIDE = 600, 10
NEAR = 10  # positions up to T
BATCH = 64  # windows that are read at once


@torch.no_grad()
def window_losses(model, numbers, length, stride, device):
    """The losses in nats of windows of `numbers` (N,), each read from state zero.

    Returns:
        (losses (W, length), the places in `numbers` of the characters that they belong to, (W, length)). Column p - 1
        has those with p characters of the window before them.
    """
    starts = np.arange(0, len(numbers) - length, stride)
    places = starts[:, None] + np.arange(length + 1)  # (W, length + 1)
    losses = []
    for some in tqdm(np.array_split(places, -(-len(places) // BATCH)), unit="batch", disable=None, leave=False):
        windows = torch.from_numpy(numbers[some].astype(np.int64)).to(device)
        logits, _ = model(windows[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none")
        losses.append(loss.view(len(some), length).cpu().numpy())
    return np.concatenate(losses), places[:, 1:]


def block_means(losses, places, size, groups, number):
    """The mean loss of each group of positions in each block of the text, (blocks, number).

    Args:
        losses, places: of window_losses().
        size: N, characters of the text.
        groups: for each position (column) its group, 0 ... number - 1, or -1 for none.
        number: of groups.
    """
    length = losses.shape[1]
    place = places - length  # the first one that is met at each position is 0
    met = size - 2 * length + 1  # so many are
    blocks = max(met // BLOCK, 1)
    counted = (place >= 0) & (place < min(met, blocks * BLOCK)) & (groups >= 0)
    cell = (place // BLOCK * number + groups)[counted]
    sums = np.bincount(cell, weights=losses[counted], minlength=blocks * number)
    counts = np.bincount(cell, minlength=blocks * number)
    return (sums / counts).reshape(blocks, number)


def measure(model, numbers, trained_length, device, window, stride):
    """The loss against the position, in bins, and what the memory beyond T = trained_length is worth."""
    losses, places = window_losses(model, numbers, window, stride, device)
    positions = np.arange(1, window + 1)
    edges = [edge for edge in EDGES if edge <= window] + [window + 1]
    groups = np.searchsorted(edges, positions, side="right") - 1
    binned = block_means(losses, places, len(numbers), groups, len(edges) - 1)
    near_or_far = np.where(positions > trained_length, 1, np.where(positions > trained_length - NEAR, 0, -1))
    near, far = block_means(losses, places, len(numbers), near_or_far, 2).T
    bins = [
        {"from": first, "to": after - 1, **mean_and_error(column), "less_than_near": mean_and_error(near - column)}
        for first, after, column in zip(edges, edges[1:], binned.T, strict=False)
    ]
    return {
        "bins": bins,
        "near": mean_and_error(near),
        "far": mean_and_error(far),
        "gain": mean_and_error(near - far),
        "blocks": len(near),
        "windows": len(losses),
    }


def parser():
    p = cli.Parser(prog="position.py", description="The loss against the position in a window, from state zero.")
    p.add_argument(
        "--checkpoint",
        required=True,
        nargs="+",
        metavar="PATH",
        help="checkpoints, or runs' folders (their best.pt if they have one)",
    )
    p.add_argument("--txt_file", metavar="FILE", help="the book they were trained on, where it has moved since")
    p.add_argument("--window", type=cli.whole(2), default=WINDOW, help="characters of a window that are predicted")
    p.add_argument(
        "--stride", type=cli.whole(1, 10), default=STRIDE, help="characters from one window's start to the next"
    )
    p.add_argument("--output", metavar="FILE", help="of the numbers; by default memory.json in the first run's folder")
    p.add_argument("--figures", metavar="FOLDER", help="of the figure; by default that of --output")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def measure_all(runs, device, window=WINDOW, stride=STRIDE):
    """All of it for each run, with a line printed for each.

    Raises:
        UserError: the windows are no longer than those of the training, or too long for what was held out.
    """
    measured = {}
    for run in runs:
        T = run.config["seq_length"]
        numbers = np.concatenate([run.data.val, run.data.test])
        if window <= T:
            raise UserError(f"--window {window} is no longer than the {T} characters that {run.name} learned on")
        if len(numbers) < 2 * window + stride:
            raise UserError(
                f"{run.name} held out {len(numbers)} characters, too few for windows of {window};"
                f" choose a smaller --window or a run that holds more out"
            )
        result = measure(run.model, numbers, T, device, window, stride)
        measured[run.name] = {**run.about, **result}
        near, far, gain = (result[name] for name in ("near", "far", "gain"))
        print(
            f"{run.name}: {near['mean']:.4f} nats with {max(T - NEAR + 1, 1)} to {T} characters before,"
            f" {far['mean']:.4f} with {T + 1} to {window}: the memory beyond {T} is worth {gain['mean']:.4f} ±"
            f" {gain['standard_error'] or 0:.4f} nats = {bpc(gain['mean']):.4f} bits per character"
        )
    return {"window": window, "stride": stride, "block": BLOCK, "runs": measured}


def main(argv=None):
    config = parser().parse_args(argv)
    cli.set_threads(config)
    settle_outputs(config, "memory")
    runs = load_runs(config.checkpoint, config.device, config.txt_file)
    results = measure_all(runs, config.device, config.window, config.stride)
    write_json(config.output, {**facts(), **results})
    figure = config.figures / "text_memory.png"
    save_both(draw_memory(results), figure)
    print(f"see {config.output} and {figure}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
