# SPDX-License-Identifier: MIT
"""Memorised or new? How much of what a model writes stands in the training part word for word.

python part3/novelty.py --checkpoint summaries/grimm_...

For each place of a text: how many characters from there on stand together somewhere in the training part. The longest
of these runs, and the share of 20-grams (about four words) that stand there, against the temperature; beside them the
values of the test part in pieces as long as the texts: the same author's, and not copied. The texts are those that
temperature.py measures, for the same flags. Means compare; the longest run of all texts grows with their number.

n characters of the training part, N of a text.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bisect import bisect_left

import numpy as np

from common import cli
from common.figure import save_both
from common.files import write_json
from part3.evaluation import mean_and_error
from part3.temperature import TEMPERATURES, in_pieces, load, parser, write_texts
from part3.temperature_plots import draw_novelty

GRAM = 20


def suffix_array(numbers):
    """The starts of all suffixes of `numbers` (n,), in the suffixes' order.

    By doubling (Manber and Myers 1993): from the order by the first k characters follows that by the first 2k, as the
    k that come next have a rank already. It ends when no two are equal, after log2 of the longest repetition.
    """
    n = len(numbers)
    rank = np.asarray(numbers, dtype=np.int64)
    rank = rank - rank.min()
    k = 1
    while True:
        following = np.zeros(n, dtype=np.int64)  # 0 where the suffix has ended: a prefix stands before what it begins
        following[:-k] = rank[k:] + 1
        pairs = rank * (following.max() + 1) + following
        starts = np.argsort(pairs, kind="stable")
        ordered = pairs[starts]
        new = np.concatenate([[False], ordered[1:] != ordered[:-1]])
        rank[starts] = np.cumsum(new)
        if rank[starts[-1]] == n - 1:
            return starts
        k *= 2


def runs(text, book, starts):
    """For each place of the text the length of the longest run from there on that stands in the book.

    Of all suffixes of the book those share most with text[i:] that would stand beside it in their order.

    Args:
        text, book: strings.
        starts: the book's suffix array, as a list.
    """

    def beginning(start):
        return book[start : start + len(text)]

    lengths = []
    for i in range(len(text)):
        here = text[i:]
        place = bisect_left(starts, here, key=beginning)
        neighbours = starts[max(place - 1, 0) : place + 1]
        lengths.append(max(shared(here, book, start) for start in neighbours))
    return lengths


def shared(text, book, start):
    """How many characters text and book[start:] have in common before they differ."""
    n, most = 0, min(len(text), len(book) - start)
    while n < most and text[n] == book[start + n]:
        n += 1
    return n


def measure_texts(texts, data, book, starts):
    """The longest run of each text and the share of its 20-grams that stand in the book, over all texts."""
    longest, shares, best = [], [], ""
    for text in map(data.convert_to_string, texts):
        lengths = runs(text, book, starts)
        longest.append(max(lengths))
        shares.append(np.mean(np.array(lengths[: len(text) - GRAM + 1]) >= GRAM))
        if longest[-1] > len(best):
            place = lengths.index(longest[-1])
            best = text[place : place + longest[-1]]
    return {
        "texts": len(texts),
        "longest_run": {**mean_and_error(longest), "max": max(longest)},
        "longest_run_text": best,
        "known_20_grams": mean_and_error(shares),
    }


def measure(model, data, config):
    """A row of numbers for each temperature, and one for the test part."""
    book, starts = data.convert_to_string(data.train), suffix_array(data.train).tolist()
    rows = []
    for temperature in TEMPERATURES:
        texts = write_texts(model, data, temperature, config)
        rows.append({"temperature": temperature, **measure_texts(texts, data, book, starts)})
        print(line(f"temperature {temperature:g}", rows[-1]))
    held_out = measure_texts(in_pieces(data.test, config.length), data, book, starts)
    print(line("test part", held_out))
    return {"temperatures": rows, "test": held_out}


def line(name, row):
    """A row of the table that is printed."""
    run = row["longest_run"]
    return (
        f"{name:>16}: longest run {run['mean']:.1f} on average, {run['max']} at most;"
        f" 20-grams of the training part {row['known_20_grams']['mean']:.4f}; {row['longest_run_text']!r}"
    )


def main(argv=None):
    description = "How much of what a checkpoint writes stands in its training text, against the temperature."
    config = parser("novelty.py", description, "novelty").parse_args(argv)
    model, data, facts = load(config, "novelty")
    results = {**facts, **measure(model, data, config)}
    write_json(config.output, results)
    figure = config.figures / "novelty.png"
    save_both(draw_novelty(results), figure)
    print(f"see {config.output} and {figure}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
