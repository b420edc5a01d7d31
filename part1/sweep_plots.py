# SPDX-License-Identifier: MIT
"""Figures from the tables of sweep.py, report/results/part1/*.csv. A row is a cell: a dict by column name.

In all of them a point is a seed and a line is what the seeds have in common: the share that solved, or the median.
"""

import csv
import math
from statistics import median

import numpy as np
from matplotlib.ticker import NullLocator

from common.figure import new_figure, save_figure
from part1.run_plots import CHANCE, MARKERS, mean

LENGTH = "inputs T (palindrome T+1)"


def read_results(path):
    """The rows of a table with numbers as numbers and empty cells as None."""
    with open(path, encoding="utf-8", newline="") as f:
        return [{name: value_of(word) for name, word in row.items()} for row in csv.DictReader(f)]


def value_of(word):
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return {"": None, "True": True, "False": False}.get(word, word)


def select(rows, **values):
    """The rows that have these values."""
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def grouped(rows, *names):
    """{value (or tuple of the values) of those columns: its rows}, in order of appearance."""
    groups = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        groups.setdefault(key if len(names) > 1 else key[0], []).append(row)
    return groups


def share_solved(rows):
    return mean([row["solved_at"] is not None for row in rows])


def curve(rows, x, measure):
    """(values of column x in order, the measure of each one's rows)."""
    groups = grouped(sorted(rows, key=lambda row: row[x]), x)
    return list(groups), [measure(group) for group in groups.values()]


def draw_seeds(axis, rows, x, y, marker, line):
    """A point for each row in the colour of the line, the seeds side by side (x axes here are logarithmic)."""
    seeds = sorted({row["seed"] for row in rows})
    xs = [row[x] * 1.012 ** (seeds.index(row["seed"]) - (len(seeds) - 1) / 2) for row in rows]
    style = dict(color=line.get_color(), markersize=3, markeredgewidth=0.7, fillstyle="none")
    axis.plot(xs, [row[y] for row in rows], marker, **style)


def add_legend(axis, **style):
    if axis.get_legend_handles_labels()[0]:
        axis.legend(**style)


def length_axis(axis, ticks):
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())


def draw_lengths(rows, reservoirs, path):
    """Accuracy against T for both cells, digits one-hot and as scalars, under each initialisation."""
    figure, axes = new_figure(7.0, 5.4, nrows=2, ncols=2, sharex=True, sharey=True)
    for row_axes, input_dim in zip(axes, (10, 1), strict=True):
        for axis, model_type in zip(row_axes, ("RNN", "LSTM"), strict=True):
            of_panel = select(rows, model_type=model_type, input_dim=input_dim)
            for (init, group), marker in zip(grouped(of_panel, "init").items(), MARKERS, strict=False):
                (line,) = axis.plot(*curve(group, "input_length", share_solved), label=init)
                draw_seeds(axis, group, "input_length", "test_accuracy", marker, line)
                fixed = select(reservoirs, model_type=model_type, input_dim=input_dim, init=init)
                fixed = [row for row in fixed if row["input_length"] <= 50]
                if fixed:
                    x, y = curve(fixed, "input_length", lambda group: mean([row["test_accuracy"] for row in group]))
                    axis.plot(x, y, color=line.get_color(), linestyle="-", linewidth=0.6, alpha=0.8)
            axis.axhline(CHANCE, color="grey", linewidth=0.8)
            axis.set_title(f"{model_type}, digits {'one-hot' if input_dim == 10 else 'as scalars'}", fontsize=9)
            add_legend(axis, fontsize=7, loc="lower left", bbox_to_anchor=(0, 0.1))
            length_axis(axis, [5, 7, 10, 15, 20, 30, 50])
        row_axes[0].set_ylabel("line: share solved, points: accuracy")
    for axis in axes[1]:
        axis.set_xlabel(LENGTH)
    save_figure(figure, path)


def draw_steps_to_solve(rows, path):
    """Updates until solved against T, digits one-hot."""
    figure, axes = new_figure(7.0, 2.8, ncols=2, sharex=True, sharey=True)
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        solved = [row for row in select(rows, model_type=model_type, input_dim=10) if row["solved_at"]]
        for (init, group), marker in zip(grouped(solved, "init").items(), MARKERS, strict=False):
            (line,) = axis.plot(*curve(group, "input_length", median_solved), label=init)
            draw_seeds(axis, group, "input_length", "solved_at", marker, line)
        axis.set(title=model_type, xlabel=LENGTH, yscale="log")
        length_axis(axis, [5, 7, 10, 15, 20, 30, 50])
        add_legend(axis, fontsize=7)
    axes[0].set_ylabel("updates until solved")
    save_figure(figure, path)


def median_solved(rows):
    return median(row["solved_at"] for row in rows)


def network_label(row):
    """An initialisation and what helps it, as a legend has them."""
    label = f"{row['init']}" + " + curriculum" * (row["curriculum"] is not None)
    return label + ", Adam" * (row["optimizer"] == "adam")


def draw_reach(rows, reservoirs, path):
    """How far back at most: the share of seeds that solved, each seed's accuracy, and the updates that it took."""
    figure, axes = new_figure(7.0, 5.2, nrows=2, ncols=2, sharex=True, sharey="row")
    for column, model_type in zip(axes.T, ("RNN", "LSTM"), strict=True):
        groups = {}
        for row in select(rows, model_type=model_type):
            groups.setdefault(network_label(row), []).append(row)
        for (label, group), marker in zip(groups.items(), MARKERS, strict=False):
            (line,) = column[0].plot(*curve(group, "input_length", share_solved), label=label)
            draw_seeds(column[0], group, "input_length", "test_accuracy", marker, line)
            solved = [row for row in group if row["solved_at"]]
            if solved:
                column[1].plot(*curve(solved, "input_length", median_solved), color=line.get_color(),
                               linestyle=line.get_linestyle(), label=label)  # fmt: skip
                draw_seeds(column[1], solved, "input_length", "solved_at", marker, line)
        fixed = [row for row in select(reservoirs, model_type=model_type, init="latch") if row["input_length"] >= 50]
        if fixed:
            x, y = curve(fixed, "input_length", lambda group: mean([row["test_accuracy"] for row in group]))
            column[0].plot(
                x, y, color="grey", linestyle="-", marker="x", label="latch, read-out alone trained: accuracy"
            )
        column[0].axhline(CHANCE, color="grey", linewidth=0.8)
        column[0].set_title(model_type, fontsize=9)
        add_legend(column[0], fontsize=6.5, loc="lower left", bbox_to_anchor=(0, 0.1))
        column[1].set(xlabel=LENGTH, yscale="log")
        length_axis(column[1], [50, 100, 200, 500, 1000, 2000, 5000, 10000])
        column[1].tick_params(axis="x", rotation=45)
    axes[0, 0].set_ylabel("line: share solved, points: accuracy")
    axes[1, 0].set_ylabel("updates until solved")
    save_figure(figure, path)


def draw_transfer(rows, path):
    """Networks that solved T = 100, tested at other lengths."""
    figure, axes = new_figure(7.0, 2.9, ncols=2, sharex=True, sharey=True)
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        groups = {}
        for row in select(rows, model_type=model_type):
            if row["solved_at"]:
                groups.setdefault(network_label(row), []).append(row)
        for (label, group), marker in zip(groups.items(), MARKERS, strict=False):
            x, y = curve(group, "test_length", lambda group: median(row["accuracy"] for row in group))
            (line,) = axis.plot(x, y, label=label)
            draw_seeds(axis, group, "test_length", "accuracy", marker, line)
            axis.axvline(group[0]["input_length"], color="grey", linewidth=0.6, linestyle=":")
        axis.axhline(CHANCE, color="grey", linewidth=0.8)
        axis.set(title=model_type, xlabel="tested at T", ylim=(0, 1.05))
        length_axis(axis, [50, 100, 200, 500, 1000, 2000, 5000, 10000])
        axis.tick_params(axis="x", rotation=45)
        add_legend(axis, fontsize=7)
    axes[0].set_ylabel("held-out accuracy")
    save_figure(figure, path)


def draw_learning_rates(rows, path):
    """Heat maps of the updates until solved over learning rate and T; a cell says how many seeds solved."""
    figure, axes = new_figure(7.0, 3.0, ncols=2)
    cells = grouped(rows, "model_type", "learning_rate", "input_length")
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        of_model = select(rows, model_type=model_type)
        rates = sorted({row["learning_rate"] for row in of_model})
        lengths = sorted({row["input_length"] for row in of_model})
        picture = np.full((len(rates), len(lengths)), np.nan)
        for (y, rate), (x, length) in ((a, b) for a in enumerate(rates) for b in enumerate(lengths)):
            group = cells.get((model_type, rate, length), [])
            solved = [row for row in group if row["solved_at"]]
            if solved:
                picture[y, x] = math.log10(median_solved(solved))
            if group:
                colour = "white" if solved and picture[y, x] < 2.6 else "black"
                axis.text(x, y, f"{len(solved)}/{len(group)}", ha="center", va="center", fontsize=7, color=colour)
        image = axis.imshow(picture, origin="lower", aspect="auto", cmap="viridis", vmin=1, vmax=math.log10(5000))
        axis.set_xticks(range(len(lengths)), lengths)
        axis.set_yticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axis.set(title=model_type, xlabel=LENGTH)
        axis.grid(visible=False)
    axes[0].set_ylabel("learning rate (RMSprop)")
    bar = figure.colorbar(image, ax=axes, label="updates until solved (median)")
    bar.set_ticks([1, 2, 3, math.log10(5000)], labels=["10", "100", "1,000", "5,000"])
    save_figure(figure, path)


def best_rates(rows):
    """{(model, optimizer): rows at its best rate}: most seeds solved, then fewest updates, then highest accuracy."""

    def quality(rate_rows):
        solved = [row["solved_at"] for row in rate_rows if row["solved_at"]]
        accuracy = mean([row["test_accuracy"] for row in rate_rows])
        return len(solved) / len(rate_rows), -median(solved) if solved else 0, accuracy

    return {
        key: max(grouped(group, "learning_rate").values(), key=quality)
        for key, group in grouped(rows, "model_type", "optimizer").items()
    }


def draw_optimizers(rows, path):
    """Question 1.4: updates until solved at each optimizer's own best rate; unsolved seeds stand above the line."""
    figure, axes = new_figure(7.0, 2.8, ncols=2, sharey=True)
    best = best_rates(rows)
    limit = max(row["train_steps"] for row in rows)
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        of_model = [(optimizer, group) for (model, optimizer), group in best.items() if model == model_type]
        for x, (_, group) in enumerate(of_model):
            solved = [row["solved_at"] for row in group if row["solved_at"]]
            spread = np.linspace(-0.2, 0.2, len(group))
            heights = [row["solved_at"] or 1.5 * limit for row in group]
            axis.plot(x + spread, heights, "o", color="#0072b2", fillstyle="none")
            if solved:
                axis.plot([x - 0.3, x + 0.3], [median(solved)] * 2, color="#000000", linestyle="-")
        names = [f"{optimizer}\n{group[0]['learning_rate']:g}" for optimizer, group in of_model]
        axis.set_xticks(range(len(names)), names, fontsize=7)
        axis.axhline(limit, color="grey", linewidth=0.8, linestyle=":")
        axis.set(title=f"{model_type}, T = {rows[0]['input_length']}, scalars", yscale="log")
        axis.set_xlabel("optimizer and its best rate")
    axes[0].set_ylabel("updates until solved")
    axes[0].text(-0.4, 1.05 * limit, "not solved", fontsize=7, color="grey", va="bottom")
    save_figure(figure, path)


def draw_capacity_and_clipping(capacity, clipping, path):
    """Updates until solved against the number of hidden units, and against the length to which gradients are cut."""
    figure, (left, right) = new_figure(7.0, 2.8, ncols=2)
    for (model_type, group), marker in zip(grouped(capacity, "model_type").items(), MARKERS, strict=False):
        draw_solved(left, group, "num_hidden", marker, model_type)
    left.set(xlabel="hidden units H", ylabel="updates until solved", xscale="log", yscale="log")
    left.set_title(f"T = {capacity[0]['input_length']}, one-hot", fontsize=9)
    left.set_xticks(sorted({row["num_hidden"] for row in capacity}), sorted({row["num_hidden"] for row in capacity}))
    left.xaxis.set_minor_locator(NullLocator())
    left.legend()
    draw_solved(right, clipping, "max_norm", "o", clipping[0]["model_type"])
    norms = sorted({row["max_norm"] for row in clipping})
    right.set(xlabel="max_norm (gradients are cut to it)", xscale="log", yscale="log")
    right.set_title(f"{clipping[0]['model_type']}, T = {clipping[0]['input_length']}, one-hot", fontsize=9)
    right.set_xticks(norms, [f"{norm:g}" if norm < 1e5 else "none" for norm in norms])
    right.xaxis.set_minor_locator(NullLocator())
    save_figure(figure, path)


def draw_solved(axis, rows, x, marker, label):
    """The median of the seeds that solved, each seed, and as text the share where some did not."""
    solved = [row for row in rows if row["solved_at"]]
    (line,) = axis.plot(*curve(solved, x, median_solved), label=label)
    draw_seeds(axis, solved, x, "solved_at", marker, line)
    for value, group in grouped(rows, x).items():
        of_value = [row["solved_at"] for row in group if row["solved_at"]]
        if len(of_value) < len(group):
            height = max(of_value, default=median_solved(solved))
            axis.text(value, height, f"{len(of_value)}/{len(group)}", fontsize=6.5, ha="center", va="bottom")
