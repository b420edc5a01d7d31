# SPDX-License-Identifier: MIT
"""Figures against the temperature, from the results of temperature.py and novelty.py."""

import numpy as np

from common.figure import new_figure


def curve(axis, rows, column, value="mean", **style):
    """A column of the rows against the temperature, its mean with the standard error."""
    at = [row["temperature"] for row in rows]
    values = np.array([row[column][value] for row in rows], dtype=float)  # None becomes NaN: no point
    errors = np.array([row[column]["standard_error"] for row in rows], dtype=float) if value == "mean" else None
    axis.errorbar(at, values, errors, **{"marker": "o", **style})


def level(axis, value, label, color="#d55e00", linestyle="--"):
    """The test part's own value, which no temperature changes. (A book without words has no misspelt ones: None.)"""
    if value is not None:
        axis.axhline(value, label=label, color=color, linestyle=linestyle)


def complete(axes):
    for axis in axes:
        axis.set(xlabel="temperature")
        axis.set_ylim(bottom=0)
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1))


def draw_temperature(results):
    """Entropy, repetition, and words that the training part does not have, against the temperature."""
    rows, test = results["temperatures"], results["test"]
    figure, axes = new_figure(5.6, 2.5, ncols=3)
    curve(axes[0], rows, "entropy", label="along its own text")
    curve(axes[0], rows, "entropy_along_test", label="along the test part", marker="s", color="#0072b2", linestyle="-.")
    for axis, column in ((axes[1], "repetition"), (axes[2], "misspelt")):
        curve(axis, rows, column, label="generated")
        level(axis, test[column]["mean"], "test part")
    axes[0].set(ylabel="entropy (nats per character)")
    axes[1].set(ylabel="share of 8-grams repeated")
    axes[2].set(ylabel="share of words that are new")
    complete(axes)
    return figure


def draw_novelty(results):
    """The longest run copied and the share of 20-grams copied, against the temperature."""
    rows, test = results["temperatures"], results["test"]
    figure, axes = new_figure(5.6, 2.9, ncols=2)
    curve(axes[0], rows, "longest_run", "max", label=f"longest of {results['num_samples']} texts", marker="s")
    curve(axes[0], rows, "longest_run", label="their mean", color="#0072b2", linestyle="-.")
    level(axes[0], test["longest_run"]["max"], f"test part: longest of {test['texts']} pieces")
    level(axes[0], test["longest_run"]["mean"], "test part: their mean", linestyle=":")
    curve(axes[1], rows, "known_20_grams", label="generated")
    level(axes[1], test["known_20_grams"]["mean"], "test part")
    axes[0].set(ylabel="longest run copied (characters)")
    axes[1].set(ylabel="share of 20-grams copied")
    complete(axes)
    return figure
