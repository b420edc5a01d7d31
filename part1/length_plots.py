# SPDX-License-Identifier: MIT
"""Figures against T from the tables of sweep.py, report/results/part1/*.csv. A row is a cell: a dict by column name.

In all of them a point is a seed and a line is what the seeds have in common: the share that solved, or the median.
"""

from statistics import median

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from common.figure import new_figure
from part1.run_plots import CHANCE, mean
from part1.sweep_results import (
    curve,
    grouped,
    median_solved,
    network_label,
    select,
    share_solved,
)

UNITS = 128  # of the networks in figures against T
LENGTH = "inputs T (palindrome T+1)"
INITS = {  # colour, line and marker of an initialisation, the same in every panel
    "orthogonal": ("#000000", "-", "o"),
    "chrono": ("#000000", "-", "o"),
    "xavier": ("#d55e00", "--", "s"),
    "normal": ("#0072b2", "-.", "^"),
}


BASE, CURRICULUM = dict(color="#009e73", linestyle=":"), dict(color="#d55e00", linestyle="--")
NETWORKS = {  # line and marker of a network_label, the same for both cells
    "latch": (dict(color="#000000", linestyle="-"), "o"),
    "orthogonal": (BASE, "D"),
    "chrono": (BASE, "D"),
    "forget1": (dict(color="#cc79a7", linestyle=(0, (5, 1))), "v"),
    "orthogonal + curriculum": (CURRICULUM, "s"),
    "chrono + curriculum": (CURRICULUM, "s"),
    "chrono, rate 0.03": (dict(color="#0072b2", linestyle="-."), "^"),
    "chrono, rate 0.1": (dict(color="#56b4e9", linestyle=(0, (4, 1, 1, 1, 1, 1))), "*"),
    "orthogonal + curriculum, Adam": (dict(color="#0072b2", linestyle="-."), "^"),
    "latch, rate 0.003": (dict(color="#7f3b08", linestyle="-"), "x"),
}
OTHER = (dict(color="#777777", linestyle=(0, (3, 1, 1, 1))), "P")
GREYS = {  # marker and line of a baseline
    "normal": ("x", "-"),
    "xavier": ("+", "--"),
    "latch": ("2", "-."),
    "orthogonal": ("1", ":"),
    "chrono": ("1", ":"),
    "forget1": ("3", (0, (5, 1))),
}


def draw_seeds(axis, rows, x, y, marker, line):
    """A point for each row in the colour of the line, the seeds side by side (x axes here are logarithmic)."""
    seeds = sorted({row["seed"] for row in rows})
    xs = [row[x] * 1.012 ** (seeds.index(row["seed"]) - (len(seeds) - 1) / 2) for row in rows]
    style = dict(color=line.get_color(), markersize=3, markeredgewidth=0.7, fillstyle="none")
    axis.plot(xs, [row[y] for row in rows], marker, **style)


def draw_line(axis, x, y, label, marker, *, color, linestyle):
    """A line beside which draw_seeds puts its points; the legend has both."""
    style = dict(color=color, linestyle=linestyle)
    (line,) = axis.plot(x, y, **style)
    axis.plot([], [], markersize=3, markeredgewidth=0.7, label=label, marker=marker, fillstyle="none", **style)
    return line


def length_axis(axis, ticks):
    """A logarithmic axis of T with these ticks; 10k is 10,000."""
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick}" if tick < 1000 else f"{tick // 1000}k" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())


def updates_axis(axis):
    """A logarithmic axis whose numbers are written out."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda updates, _: f"{updates:,.0f}"))
    axis.yaxis.set_minor_locator(NullLocator())


def draw_chance(axis):
    axis.axhline(CHANCE, color="grey", linewidth=0.8, linestyle="-", label="chance")


def mean_accuracy(rows):
    return mean([row["test_accuracy"] for row in rows])


def draw_reservoirs(axis, rows, beside, measure=mean_accuracy):
    """A measure, the mean accuracy, against T where the recurrent weights are fixed and the read-out alone is trained,
    for each initialisation of the rows beside it; above their lines, which it may coincide with."""
    inits = {row["init"] for row in beside}
    of_inits = [row for row in select(rows, num_hidden=UNITS) if row["init"] in inits]
    for init, group in grouped(of_inits, "init").items():
        marker, linestyle = GREYS[init]
        x, y = curve(group, "input_length", measure)
        style = dict(color="#aaaaaa", linestyle=linestyle, linewidth=0.7)
        axis.plot(x, y, marker, label=f"{init}, read-out alone", zorder=2.5, **style)


def from_50_on(rows, model_type):
    return [row for row in select(rows, model_type=model_type, input_dim=10) if row["input_length"] >= 50]


def draw_lengths(rows, reservoirs):
    """Accuracy against T for both cells, digits one-hot and as scalars, under each initialisation."""
    figure, axes = new_figure(6.0, 3.3, nrows=2, ncols=2, sharex=True, sharey=True)
    for row_axes, input_dim in zip(axes, (10, 1), strict=True):
        for axis, model_type in zip(row_axes, ("RNN", "LSTM"), strict=True):
            panel = dict(model_type=model_type, input_dim=input_dim)
            for init, group in grouped(select(rows, **panel), "init").items():
                colour, linestyle, marker = INITS[init]
                points = curve(group, "input_length", share_solved)
                line = draw_line(axis, *points, init, marker, color=colour, linestyle=linestyle)
                draw_seeds(axis, group, "input_length", "test_accuracy", marker, line)
            fixed = [row for row in select(reservoirs, **panel) if row["input_length"] <= 50]
            draw_reservoirs(axis, fixed, select(rows, **panel))
            draw_chance(axis)
            axis.set_title(f"{model_type}, digits {'one-hot' if input_dim == 10 else 'as scalars'}")
            length_axis(axis, [5, 7, 10, 15, 20, 30, 50])
        row_axes[0].set_ylabel("share solved (line),\naccuracy (points)", fontsize=7)
    for axis in axes[1]:
        axis.set_xlabel(LENGTH)
    legends_below(figure, axes[0])
    return figure


def legends_below(figure, axes, ncols=2):
    """A legend for each of the two cells' columns, whose labels have other colours in the other one."""
    for axis, place, cell in zip(axes, ("left", "right"), ("RNN", "LSTM"), strict=True):
        style = dict(loc=f"outside lower {place}", fontsize=6.5, ncols=ncols, title=cell, title_fontsize=7)
        figure.legend(*axis.get_legend_handles_labels(), **style)


def draw_steps_to_solve(rows, reservoirs):
    """Updates until solved against T, digits one-hot, of the seeds that solved, with the read-out alone as well;
    `lengths` has the shares."""
    figure, axes = new_figure(6.0, 2.9, ncols=2, sharex=True, sharey=True)
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        for init, group in grouped(select(rows, model_type=model_type, input_dim=10), "init").items():
            colour, linestyle, marker = INITS[init]
            draw_solved(axis, group, "input_length", marker, init, shares=False, color=colour, linestyle=linestyle)
        fixed = [row for row in select(reservoirs, model_type=model_type, input_dim=10) if row["solved_at"]]
        draw_reservoirs(axis, fixed, select(rows, model_type=model_type, input_dim=10), median_solved)
        axis.set(title=model_type, xlabel=LENGTH)
        updates_axis(axis)
        length_axis(axis, [5, 7, 10, 15, 20, 30, 50])
    legends_below(figure, axes)
    axes[0].set_ylabel("updates until solved")
    return figure


def draw_reach(rows, reservoirs):
    """How far back at most: the share of seeds that solved, each seed's accuracy, and the updates that it took."""
    figure, axes = new_figure(6.0, 3.9, nrows=2, ncols=2, sharex=True, sharey="row")
    for column, model_type in zip(axes.T, ("RNN", "LSTM"), strict=True):
        groups = {}
        for row in select(rows, model_type=model_type):
            groups.setdefault(network_label(row), []).append(row)
        for label, group in groups.items():
            style, marker = NETWORKS.get(label, OTHER)
            line = draw_line(column[0], *curve(group, "input_length", share_solved), label, marker, **style)
            draw_seeds(column[0], group, "input_length", "test_accuracy", marker, line)
            solved = [row for row in group if row["solved_at"]]
            if solved:
                column[1].plot(*curve(solved, "input_length", median_solved), label=label, **style)
                draw_seeds(column[1], solved, "input_length", "solved_at", marker, line)
        draw_reservoirs(column[0], from_50_on(reservoirs, model_type), select(rows, model_type=model_type))
        draw_chance(column[0])
        column[0].set_title(model_type)
        column[1].set_xlabel(LENGTH)
        updates_axis(column[1])
        length_axis(column[1], [50, 100, 200, 500, 1000, 2000, 5000, 10000])
    axes[0, 0].set_ylabel("share solved (line),\naccuracy (points)", fontsize=7)
    axes[1, 0].set_ylabel("updates until solved", fontsize=7)
    legends_below(figure, axes[0])
    figure.align_ylabels(axes[:, 0])
    return figure


def draw_transfer(rows, reservoirs):
    """Networks that solved T = 100, tested at other lengths."""
    figure, axes = new_figure(6.0, 2.5, ncols=2, sharex=True, sharey=True)
    for axis, model_type in zip(axes, ("RNN", "LSTM"), strict=True):
        groups = {}
        solved = [row for row in select(rows, model_type=model_type) if row["solved_at"]]
        for row in solved:
            groups.setdefault(network_label(row), []).append(row)
        for label, group in groups.items():
            style, marker = NETWORKS.get(label, OTHER)
            x, y = curve(group, "test_length", lambda group: median(row["accuracy"] for row in group))
            line = draw_line(axis, x, y, label, marker, **style)
            draw_seeds(axis, group, "test_length", "accuracy", marker, line)
            axis.axvline(group[0]["input_length"], color="grey", linewidth=0.6, linestyle=":")
        draw_reservoirs(axis, from_50_on(reservoirs, model_type), solved)
        draw_chance(axis)
        axis.set(title=model_type, xlabel=f"tested at {LENGTH}", ylim=(0, 1.05))
        length_axis(axis, [50, 100, 200, 500, 1000, 2000, 5000, 10000])
    legends_below(figure, axes)
    axes[0].set_ylabel("held-out accuracy")
    return figure


def draw_solved(axis, rows, x, marker, label, shares=True, **style):
    """The median of the seeds that solved, each seed, and as text the share where some did not."""
    solved = [row for row in rows if row["solved_at"]]
    line = draw_line(axis, *curve(solved, x, median_solved), label, marker, **style)
    draw_seeds(axis, solved, x, "solved_at", marker, line)
    if not shares:
        return
    height = 1 - 0.06 * (len(axis.get_legend_handles_labels()[1]) - 1)  # above everything, a row for each line
    for value, group in grouped(rows, x).items():
        solved_here = sum(row["solved_at"] is not None for row in group)
        if solved_here < len(group):
            style = dict(fontsize=6.5, ha="center", va="top", color=line.get_color())
            axis.text(value, height, f"{solved_here}/{len(group)}", transform=axis.get_xaxis_transform(), **style)
