# SPDX-License-Identifier: MIT
"""Figures of single networks: their curves over training, and what their memory looks like."""

import numpy as np

from common.figure import new_figure
from part1.run_plots import CHANCE
from part1.sweep_results import select

STYLES = ["-", "--", ":"]


def draw_single_runs(rows):
    """Loss and accuracy of training batches over single runs: the RNN at three lengths under two initialisations, and
    the two settings whose curves the 2017 report shows. Rows are those of curves_curves.csv."""
    rows = [row for row in rows if row["loss"] is not None]
    three, lstm = select(rows, model_type="RNN"), select(rows, model_type="LSTM")
    settings = {
        "RNN, normal": {f"T = {T}": select(three, init="normal", input_length=T) for T in (5, 10, 20)},
        "RNN, orthogonal": {f"T = {T}": select(three, init="orthogonal", input_length=T) for T in (5, 10, 20)},
        "as the 2017 report": {
            "RNN, T = 15, orthogonal": select(three, input_length=15),
            "LSTM, T = 20, xavier": select(lstm, init="xavier"),
            "LSTM, T = 20, chrono": select(lstm, init="chrono"),
        },
    }
    figure, axes = new_figure(7.0, 4.2, nrows=2, ncols=3, sharex=True, sharey="row")
    for column, (title, curves) in zip(axes.T, settings.items(), strict=True):
        for (label, group), style in zip(curves.items(), STYLES, strict=False):
            steps = [row["step"] for row in group]
            if len(steps) < 5:
                continue
            column[0].plot(steps, smooth([row["accuracy"] for row in group]), linestyle=style, label=label)
            column[1].plot(steps, smooth([row["loss"] for row in group]), linestyle=style)
        column[0].axhline(CHANCE, color="grey", linewidth=0.8)
        column[0].set_title(title, fontsize=9)
        column[0].legend(fontsize=6.5)
        column[1].set_xlabel("update")
    axes[0, 0].set_ylabel("accuracy of the batch")
    axes[1, 0].set_ylabel("loss (nats)")
    return figure


def smooth(values, width=5):
    """The running mean of `width` logged batches, shorter at the ends."""
    weights = np.ones(width)
    return np.convolve(values, weights, "same") / np.convolve(np.ones(len(values)), weights, "same")


def draw_traces(found):
    """h(t) of some units over one palindrome, after training; units in the order of their last value."""
    networks = found["networks"]
    figure, axes = new_figure(7.0, 1.0 + 1.35 * len(networks), nrows=len(networks), sharex=True, squeeze=False)
    for axis, (label, network) in zip(axes[:, 0], networks.items(), strict=True):
        traces = np.array(network["after"]["traces"])
        traces = traces[np.argsort(traces[:, -1])]
        extent = (0.5, traces.shape[1] + 0.5, 0.5, len(traces) + 0.5)
        image = axis.imshow(traces, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, origin="lower", extent=extent,
                            interpolation="nearest")  # fmt: skip
        axis.set_title(label, fontsize=9)
        axis.set_ylabel("unit")
        axis.grid(visible=False)
    axes[-1, 0].set_xlabel("step t")
    figure.colorbar(image, ax=axes, label="h(t)")
    return figure


def draw_explained(found):
    """What h(t) knows of the first digit, before training and after it; and the singular values of W_hh."""
    figure, (left, right) = new_figure(7.0, 3.2, ncols=2)
    for label, network in found["networks"].items():
        before, after = network["before"], network["after"]
        steps, ranks = range(1, len(after["explained"]) + 1), range(1, len(after["singular_values"]) + 1)
        (line,) = left.plot(steps, after["explained"], label=label)
        left.plot(steps, before["explained"], color=line.get_color(), linestyle=":", linewidth=0.9)
        right.plot(ranks, after["singular_values"], color=line.get_color(), linestyle=line.get_linestyle())
        right.plot(ranks, before["singular_values"], color=line.get_color(), linestyle=":", linewidth=0.9)
    left.set(xlabel="step t", ylabel="variance of h(t) explained by digit 1", xscale="log", ylim=(0, 1.05))
    right.set(xlabel="rank", ylabel="singular value of W_hh (LSTM: W_gh)", yscale="log")
    left.plot([], [], color="grey", linestyle=":", label="before training")
    left.legend(fontsize=6.5, loc="lower left")
    return figure
