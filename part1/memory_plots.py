# SPDX-License-Identifier: MIT
"""Figures of single networks: their curves over training, and what their memory looks like."""

import numpy as np

from common.figure import new_figure
from part1.length_plots import NETWORKS, OTHER, UNITS, legends_below
from part1.run_plots import CHANCE, mean
from part1.settings_plots import same
from part1.sweep_results import select

STYLES = ["-", "--", ":"]
ALONE = dict(color="#aaaaaa", linewidth=0.7)  # where the recurrent weights are fixed
LEAST_LOSS = 1e-4  # nats: what is below is not drawn
BEFORE = dict(linestyle=(0, (6, 1.5, 1, 1.5, 1, 1.5)), linewidth=0.6)  # training


def draw_single_runs(rows, reservoirs):
    """Loss and accuracy of training batches over single runs: the RNN at three lengths under two initialisations, and
    the two settings whose curves Chouliaras shows. Rows are those of curves_curves.csv. Grey, in a curve's own dashes,
    is what the read-out alone comes to."""
    rows = [row for row in rows if row["loss"] is not None]
    three, lstm = select(rows, model_type="RNN"), select(rows, model_type="LSTM")
    settings = {
        "RNN, normal": {f"T = {T}": select(three, init="normal", input_length=T) for T in (5, 10, 20)},
        "RNN, orthogonal": {f"T = {T}": select(three, init="orthogonal", input_length=T) for T in (5, 10, 20)},
        "near Chouliaras's lengths": {
            "RNN, T = 15, orthogonal": select(three, input_length=15),
            "LSTM, T = 20, xavier": select(lstm, init="xavier"),
            "LSTM, T = 20, chrono": select(lstm, init="chrono"),
        },
    }
    figure, axes = new_figure(5.4, 2.7, nrows=2, ncols=3, sharex=True, sharey="row")
    for column, (title, curves) in zip(axes.T, settings.items(), strict=True):
        for (label, group), style in zip(curves.items(), STYLES, strict=False):
            steps = [row["step"] for row in group]
            if len(steps) < 5:
                continue
            column[0].plot(steps, smooth([row["accuracy"] for row in group]), linestyle=style, label=label)
            column[1].plot(steps, smooth([row["loss"] for row in group]), linestyle=style)
            fixed = select(reservoirs, **{**same(group[0]), "num_hidden": UNITS})
            if fixed:
                alone = mean([row["test_accuracy"] for row in fixed])
                column[0].axhline(alone, linestyle=style, **ALONE)
        column[0].axhline(CHANCE, color="grey", linewidth=0.8, label="chance")
        column[0].set_title(title)
        column[1].set(xlabel="update", yscale="log", ylim=(LEAST_LOSS, None))
        column[1].legend(
            *column[0].get_legend_handles_labels(), fontsize=6.5, loc="upper center", bbox_to_anchor=(0.5, -0.5)
        )
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("loss (nats)")
    return figure


def smooth(values, width=5):
    """The running mean of `width` logged batches, shorter at the ends."""
    weights = np.ones(width)
    return np.convolve(values, weights, "same") / np.convolve(np.ones(len(values)), weights, "same")


def draw_traces(found):
    """h(t) of some units over one palindrome, after training; units in the order of their last value."""
    networks = found["networks"]
    figure, axes = new_figure(3.5, 0.6 + 0.7 * len(networks), nrows=len(networks), sharex=True, squeeze=False)
    for axis, (label, network) in zip(axes[:, 0], networks.items(), strict=True):
        traces = np.array(network["after"]["traces"])
        traces = traces[np.argsort(traces[:, -1])]
        extent = (0.5, traces.shape[1] + 0.5, 0.5, len(traces) + 0.5)
        image = axis.imshow(traces, aspect="auto", cmap="cividis", vmin=-1, vmax=1, origin="lower", extent=extent,
                            interpolation="nearest")  # fmt: skip
        axis.set_title(label)
        axis.set_ylabel("unit", fontsize=8)
        axis.set_yticks([])
        axis.grid(visible=False)
    axes[-1, 0].set_xlabel("step t")
    figure.colorbar(image, ax=axes, label="h(t)", ticks=[-1, 0, 1], aspect=40)
    return figure


def draw_explained(found):
    """What h(t) knows of the first digit, before training and after it; and the singular values of W_hh."""
    figure, axes = new_figure(3.5, 4.0, nrows=2, ncols=2, sharex="row", sharey="row")
    columns = dict(zip(("RNN", "LSTM"), axes.T, strict=True))
    for label, network in found["networks"].items():
        cell, name = label.split(maxsplit=1)
        above, below = columns[cell]
        style, _ = NETWORKS.get(name, OTHER)
        before, after = network["before"], network["after"]
        steps, ranks = range(1, len(after["explained"]) + 1), range(1, len(after["singular_values"]) + 1)
        above.plot(steps, after["explained"], label=name, **style)
        above.plot(steps, before["explained"], **style | BEFORE)
        below.plot(ranks, after["singular_values"], **style)
        below.plot(ranks, before["singular_values"], **style | BEFORE)
    for (above, below), cell, weights in zip(axes.T, ("RNN", "LSTM"), ("W_hh", "W_gh"), strict=True):
        above.plot([], [], color="grey", label="before training", **BEFORE)
        above.set(title=cell, xlabel="step t", xscale="log", ylim=(0, 1.05))
        below.set(title=weights, xlabel="rank", yscale="log")
    axes[0, 0].set_ylabel("share of variance that\nthe first digit explains")
    axes[1, 0].set_ylabel("singular values")
    legends_below(figure, axes[0], ncols=1)
    return figure
