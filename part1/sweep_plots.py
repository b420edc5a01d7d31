# SPDX-License-Identifier: MIT
"""Figures from the tables of sweep.py, report/results/part1/*.csv. A row is a cell: a dict by column name.

In all of them a point is a seed and a line is what the seeds have in common: the share that solved, or the median.
"""

import math
from statistics import median

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from common.figure import new_figure
from part1.run_plots import CHANCE, MARKERS, mean
from part1.sweep_results import (
    best_rates,
    curve,
    grouped,
    median_solved,
    network_label,
    select,
    share_solved,
)

LENGTH = "inputs T (palindrome T+1)"
INITS = {  # colour, line and marker of an initialisation, the same in every panel
    "orthogonal": ("#000000", "-", "o"),
    "chrono": ("#000000", "-", "o"),
    "xavier": ("#d55e00", "--", "s"),
    "normal": ("#0072b2", "-.", "^"),
}


def draw_seeds(axis, rows, x, y, marker, line):
    """A point for each row in the colour of the line, the seeds side by side (x axes here are logarithmic)."""
    seeds = sorted({row["seed"] for row in rows})
    xs = [row[x] * 1.012 ** (seeds.index(row["seed"]) - (len(seeds) - 1) / 2) for row in rows]
    style = dict(color=line.get_color(), markersize=3, markeredgewidth=0.7, fillstyle="none")
    axis.plot(xs, [row[y] for row in rows], marker, **style)


def draw_line(axis, x, y, label, marker, **style):
    """A line beside which draw_seeds puts its points; the legend has both."""
    (line,) = axis.plot(x, y, **style)
    both = dict(color=line.get_color(), linestyle=line.get_linestyle(), marker=marker, fillstyle="none")
    axis.plot([], [], markersize=3, markeredgewidth=0.7, label=label, **both)
    return line


def add_legend(axis, **style):
    if axis.get_legend_handles_labels()[0]:
        axis.legend(**style)


def length_axis(axis, ticks):
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())


def updates_axis(axis):
    """A logarithmic axis whose numbers are written out."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda updates, _: f"{updates:,.0f}"))
    axis.yaxis.set_minor_locator(NullLocator())


def draw_chance(axis):
    axis.axhline(CHANCE, color="grey", linewidth=0.8, linestyle="-", label="chance")


def draw_reservoirs(axis, rows):
    """The mean accuracy against T where the recurrent weights are fixed and the read-out alone is trained."""
    for (init, group), marker in zip(grouped(rows, "init").items(), "x+1234", strict=False):
        x, y = curve(group, "input_length", lambda group: mean([row["test_accuracy"] for row in group]))
        axis.plot(x, y, marker, color="grey", linestyle="-", linewidth=0.6, label=f"{init}, read-out alone")


def reservoir_said(rows, **values):
    """The baseline as words: "read-out alone .37", or nothing where there is none."""
    found = [row["test_accuracy"] for row in select(rows, **values)]
    return f"; read-out alone: {mean(found):.2f}" if found else ""


def draw_lengths(rows, reservoirs):
    """Accuracy against T for both cells, digits one-hot and as scalars, under each initialisation."""
    figure, axes = new_figure(7.0, 4.8, nrows=2, ncols=2, sharex=True, sharey=True)
    for row_axes, input_dim in zip(axes, (10, 1), strict=True):
        for axis, model_type in zip(row_axes, ("RNN", "LSTM"), strict=True):
            panel = dict(model_type=model_type, input_dim=input_dim)
            for init, group in grouped(select(rows, **panel), "init").items():
                colour, linestyle, marker = INITS[init]
                points = curve(group, "input_length", share_solved)
                line = draw_line(axis, *points, init, marker, color=colour, linestyle=linestyle)
                draw_seeds(axis, group, "input_length", "test_accuracy", marker, line)
            shown = {row["init"] for row in select(rows, **panel)}
            fixed = [row for row in select(reservoirs, **panel) if row["init"] in shown and row["input_length"] <= 50]
            draw_reservoirs(axis, fixed)
            draw_chance(axis)
            axis.set_title(f"{model_type}, digits {'one-hot' if input_dim == 10 else 'as scalars'}", fontsize=9)
            length_axis(axis, [5, 7, 10, 15, 20, 30, 50])
        row_axes[0].set_ylabel("share solved (line),\naccuracy (points)")
    for axis in axes[1]:
        axis.set_xlabel(LENGTH)
    legend_below(figure, axes)
    return figure


def legend_below(figure, axes):
    """One legend for all panels, an entry for each label."""
    handles = {}
    for axis in np.ravel(axes):
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", fontsize=7, ncols=4)


def draw_steps_to_solve(rows):
    """Updates until solved against T, digits one-hot; as text the share of seeds where some did not."""
    figure, axes = new_figure(7.0, 2.9, ncols=2, sharex=True, sharey=True)
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        for init, group in grouped(select(rows, model_type=model_type, input_dim=10), "init").items():
            colour, linestyle, marker = INITS[init]
            draw_solved(axis, group, "input_length", marker, init, color=colour, linestyle=linestyle)
        axis.set(title=model_type, xlabel=LENGTH)
        updates_axis(axis)
        length_axis(axis, [5, 7, 10, 15, 20, 30, 50])
        add_legend(axis, fontsize=7)
    axes[0].set_ylabel("updates until solved")
    return figure


def draw_reach(rows, reservoirs):
    """How far back at most: the share of seeds that solved, each seed's accuracy, and the updates that it took."""
    figure, axes = new_figure(7.0, 5.0, nrows=2, ncols=2, sharex=True, sharey="row")
    for column, model_type in zip(axes.T, ("RNN", "LSTM"), strict=True):
        groups = {}
        for row in select(rows, model_type=model_type):
            groups.setdefault(network_label(row), []).append(row)
        for (label, group), marker in zip(groups.items(), MARKERS, strict=False):
            line = draw_line(column[0], *curve(group, "input_length", share_solved), label, marker)
            draw_seeds(column[0], group, "input_length", "test_accuracy", marker, line)
            solved = [row for row in group if row["solved_at"]]
            if solved:
                column[1].plot(*curve(solved, "input_length", median_solved), color=line.get_color(),
                               linestyle=line.get_linestyle(), label=label)  # fmt: skip
                draw_seeds(column[1], solved, "input_length", "solved_at", marker, line)
        fixed = select(reservoirs, model_type=model_type, input_dim=10)
        shown = {row["init"] for row in select(rows, model_type=model_type)}
        draw_reservoirs(column[0], [row for row in fixed if row["init"] in shown and row["input_length"] >= 50])
        draw_chance(column[0])
        column[0].set_title(model_type, fontsize=9)
        column[1].set_xlabel(LENGTH)
        updates_axis(column[1])
        length_axis(column[1], [50, 100, 200, 500, 1000, 2000, 5000, 10000])
        column[1].tick_params(axis="x", rotation=45)
        entries = column[0].get_legend_handles_labels()
        column[1].legend(*entries, fontsize=6.5, loc="upper center", bbox_to_anchor=(0.5, -0.38), ncols=2)
    axes[0, 0].set_ylabel("share solved (line),\naccuracy (points)")
    axes[1, 0].set_ylabel("updates until solved")
    figure.align_ylabels(axes[:, 0])
    return figure


def draw_transfer(rows, reservoirs):
    """Networks that solved T = 100, tested at other lengths."""
    figure, axes = new_figure(7.0, 2.9, ncols=2, sharex=True, sharey=True)
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        groups = {}
        for row in select(rows, model_type=model_type):
            if row["solved_at"]:
                groups.setdefault(network_label(row), []).append(row)
        for (label, group), marker in zip(groups.items(), MARKERS, strict=False):
            x, y = curve(group, "test_length", lambda group: median(row["accuracy"] for row in group))
            line = draw_line(axis, x, y, label, marker)
            draw_seeds(axis, group, "test_length", "accuracy", marker, line)
            axis.axvline(group[0]["input_length"], color="grey", linewidth=0.6, linestyle=":")
        fixed = select(reservoirs, model_type=model_type, input_dim=10)
        shown = {row["init"] for row in select(rows, model_type=model_type)}
        draw_reservoirs(axis, [row for row in fixed if row["init"] in shown and row["input_length"] >= 50])
        draw_chance(axis)
        axis.set(title=model_type, xlabel="tested at T", ylim=(0, 1.05))
        length_axis(axis, [50, 100, 200, 500, 1000, 2000, 5000, 10000])
        axis.tick_params(axis="x", rotation=45)
        add_legend(axis, fontsize=7)
    axes[0].set_ylabel("held-out accuracy")
    return figure


def draw_learning_rates(rows, reservoirs):
    """Heat maps of the updates until solved over learning rate and T; a cell says how many seeds solved. Under each T
    stands the accuracy with the recurrent weights fixed."""
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
        axis.set_xticks(range(len(lengths)), [tick(reservoirs, of_model[0], length) for length in lengths])
        axis.set_yticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axis.set(title=model_type, xlabel=LENGTH)
        axis.grid(visible=False)
    axes[0].set_ylabel("learning rate (RMSprop)")
    bar = figure.colorbar(image, ax=axes, label="updates until solved (median)")
    bar.set_ticks([1, 2, 3, math.log10(5000)], labels=["10", "100", "1,000", "5,000"])
    return figure


def tick(reservoirs, row, length):
    """T, and below it the baseline, where there is one."""
    found = [row["test_accuracy"] for row in select(reservoirs, **{**same(row), "input_length": length})]
    return f"{length}\n({mean(found):.2f})" if found else f"{length}"


def draw_optimizers(rows, reservoirs):
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
        said = reservoir_said(reservoirs, **same(select(rows, model_type=model_type)[0]))
        updates_axis(axis)
        axis.set_title(f"{model_type}, T = {rows[0]['input_length']}, scalars{said}", fontsize=9)
        axis.set_xlabel("optimizer and its best rate")
    axes[0].set_ylabel("updates until solved")
    axes[0].text(-0.4, 1.05 * limit, "not solved", fontsize=7, color="grey", va="bottom")
    return figure


def same(row):
    """What a reservoir must share with a row to be its baseline."""
    return {name: row[name] for name in ("model_type", "input_length", "input_dim", "init", "num_hidden")}


def draw_capacity_and_clipping(capacity, clipping, reservoirs):
    """Updates until solved against the number of hidden units, and against the length to which gradients are cut."""
    figure, (left, right) = new_figure(7.0, 2.8, ncols=2)
    for (model_type, group), marker in zip(grouped(capacity, "model_type").items(), MARKERS, strict=False):
        said = reservoir_said(reservoirs, **{**same(group[0]), "num_hidden": 128})
        draw_solved(left, group, "num_hidden", marker, f"{model_type}{said}")
    left.set(xlabel="hidden units H", ylabel="updates until solved", xscale="log")
    updates_axis(left)
    left.set_title(f"T = {capacity[0]['input_length']}, one-hot", fontsize=9)
    left.set_xticks(sorted({row["num_hidden"] for row in capacity}), sorted({row["num_hidden"] for row in capacity}))
    left.xaxis.set_minor_locator(NullLocator())
    left.legend(fontsize=7)
    norms = sorted({row["max_norm"] for row in clipping})
    placed = [{**row, "place": 1 + norms.index(row["max_norm"])} for row in clipping]
    draw_solved(right, placed, "place", "o", clipping[0]["model_type"])
    right.set_xlabel("max_norm (gradients are cut to it)")
    updates_axis(right)
    said = reservoir_said(reservoirs, **same(clipping[0]))
    right.set_title(f"{clipping[0]['model_type']}, T = {clipping[0]['input_length']}, one-hot{said}", fontsize=9)
    right.set_xticks(range(1, 1 + len(norms)), [f"{norm:g}" if norm < 1e5 else "none" for norm in norms])
    return figure


def draw_solved(axis, rows, x, marker, label, **style):
    """The median of the seeds that solved, each seed, and as text the share where some did not."""
    solved = [row for row in rows if row["solved_at"]]
    line = draw_line(axis, *curve(solved, x, median_solved), label, marker, **style)
    draw_seeds(axis, solved, x, "solved_at", marker, line)
    for value, group in grouped(rows, x).items():
        of_value = [row["solved_at"] for row in group if row["solved_at"]]
        share = f"{len(of_value)}/{len(group)}"
        style = dict(fontsize=6.5, ha="center", color=line.get_color())
        if not of_value:  # above everything, a row for each line
            height = 1 - 0.05 * (len(axis.get_legend_handles_labels()[1]) - 1)
            axis.text(value, height, share, va="top", transform=axis.get_xaxis_transform(), **style)
        elif len(of_value) < len(group):
            axis.text(value, max(of_value), share, va="bottom", **style)
