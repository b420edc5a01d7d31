# SPDX-License-Identifier: MIT
"""What helps: learning rates, optimizers, hidden units and clipping, from the tables of sweep.py.

A row is a cell: a dict by column name. A point is a seed, and a line or a colour is the median of those that solved.
"""

import math
from statistics import median

import numpy as np
from matplotlib.ticker import NullLocator

from common.figure import new_figure
from part1.length_plots import LENGTH, draw_solved, updates_axis
from part1.run_plots import CHANCE, mean
from part1.sweep_results import best_rates, grouped, median_solved, select

AT_CHANCE = f", chance: {CHANCE:.2f}"
CELLS = {  # marker and line of a cell
    "RNN": ("o", dict(color="#000000", linestyle="-")),
    "LSTM": ("s", dict(color="#0072b2", linestyle="-.")),
}


def draw_learning_rates(rows, reservoirs):
    """Heat maps of the updates until solved over learning rate and T; a cell says how many seeds solved. Under each T
    stands the accuracy with the recurrent weights fixed."""
    cells = grouped(rows, "model_type", "learning_rate", "input_length")
    models = [model for model in ("RNN", "LSTM") if select(rows, model_type=model)]
    rates = sorted({row["learning_rate"] for row in rows})  # the same rows in both, so that rates can be compared
    limit = max(row["train_steps"] for row in rows)
    figure, axes = new_figure(3.0 * len(models), 2.7, ncols=len(models), squeeze=False, sharey=True)
    for axis, model_type in zip(axes[0], models, strict=True):
        of_model = select(rows, model_type=model_type)
        lengths = sorted({row["input_length"] for row in of_model})
        picture = np.full((len(rates), len(lengths)), np.nan)
        for (y, rate), (x, length) in ((a, b) for a in enumerate(rates) for b in enumerate(lengths)):
            group = cells.get((model_type, rate, length), [])
            solved = [row for row in group if row["solved_at"]]
            if solved:
                picture[y, x] = math.log10(median_solved(solved))
            colour = "white" if solved and picture[y, x] < 2.6 else "black"
            said = f"{len(solved)}/{len(group)}" if group else "–"  # not run
            axis.text(x, y, said, ha="center", va="center", fontsize=7, color=colour)
        image = axis.imshow(picture, origin="lower", aspect="auto", cmap="viridis", vmin=1, vmax=math.log10(limit))
        axis.set_xticks(range(len(lengths)), [tick(reservoirs, of_model[0], length) for length in lengths], fontsize=7)
        axis.set(title=model_type, xlabel=LENGTH)
        axis.grid(visible=False)
    axes[0, 0].set_yticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    axes[0, 0].set_ylabel("learning rate (RMSprop)")
    bar = figure.colorbar(image, ax=axes, label="updates until solved (median)")
    bar.set_ticks([1, 2, 3, math.log10(limit)], labels=["10", "100", "1,000", f"{limit:,}"])
    return figure


def tick(reservoirs, row, length):
    """T, and below it the baseline, where there is one."""
    found = [row["test_accuracy"] for row in select(reservoirs, **{**same(row), "input_length": length})]
    return f"{length}\n({mean(found):.2f})" if found else f"{length}"


def draw_optimizers(rows, reservoirs):
    """Question 1.4: updates until solved at each optimizer's own best rate; unsolved seeds stand above the line."""
    figure, axes = new_figure(6.0, 2.5, ncols=2, sharey=True)
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
        axis.set_xticks(range(len(names)), names, fontsize=6.5)
        axis.axhline(limit, color="grey", linewidth=0.8, linestyle=":")
        said = read_out_alone(reservoirs, **same(select(rows, model_type=model_type)[0]))
        updates_axis(axis)
        axis.set_title(f"{model_type}, T = {rows[0]['input_length']}, scalars{said}{AT_CHANCE if said else ''}")
        axis.set_xlabel("optimizer and its best rate")
    axes[0].set_ylabel("updates until solved")
    axes[0].text(-0.4, 1.05 * limit, "not solved", fontsize=7, color="grey", va="bottom")
    return figure


def draw_capacity_and_clipping(capacity, clipping, reservoirs):
    """Updates until solved against the number of hidden units, and against the length to which gradients are cut."""
    figure, (left, right) = new_figure(5.6, 2.4, ncols=2)
    for model_type, group in grouped(capacity, "model_type").items():
        marker, style = CELLS[model_type]
        at_any = {name: value for name, value in same(group[0]).items() if name != "num_hidden"}
        alone = read_out_alone(reservoirs, "; ", **at_any)
        draw_solved(left, group, "num_hidden", marker, f"{model_type}{alone}", **style)
    left.set(xlabel="hidden units H", ylabel="updates until solved", xscale="log")
    updates_axis(left)
    left.set_title(f"T = {capacity[0]['input_length']}, one-hot{AT_CHANCE}")
    left.set_xticks(sorted({row["num_hidden"] for row in capacity}), sorted({row["num_hidden"] for row in capacity}))
    left.xaxis.set_minor_locator(NullLocator())
    figure.legend(loc="outside lower left", ncols=2)
    norms = sorted({row["max_norm"] for row in clipping})
    placed = [{**row, "place": 1 + norms.index(row["max_norm"])} for row in clipping]
    marker, style = CELLS[clipping[0]["model_type"]]
    draw_solved(right, placed, "place", marker, clipping[0]["model_type"], **style)
    right.set(xlabel="max_norm (gradients are clipped to it)", ylabel="updates until solved")
    updates_axis(right)
    said = read_out_alone(reservoirs, **same(clipping[0]))
    right.set_title(f"{clipping[0]['model_type']}, T = {clipping[0]['input_length']}, one-hot{said}")
    for axis in (left, right):
        axis.set_ylim(top=1.6 * axis.get_ylim()[1])  # room for the shares
    right.set_xticks(range(1, 1 + len(norms)), [f"{norm:g}" if norm < 1e5 else "none" for norm in norms])
    return figure


def read_out_alone(reservoirs, before="\n", **values):
    """The baseline as words: "read-out alone: 0.37", "0.23 to 0.48" over sizes, or nothing where there is none."""
    sizes = grouped(select(reservoirs, **values), "num_hidden").values()
    means = sorted(f"{mean([row['test_accuracy'] for row in group]):.2f}" for group in sizes)
    return f"{before}read-out alone: {' to '.join(dict.fromkeys([means[0], means[-1]]))}" if means else ""


def same(row):
    """What a reservoir must share with a row to be its baseline."""
    return {name: row[name] for name in ("model_type", "input_length", "input_dim", "init", "num_hidden")}
