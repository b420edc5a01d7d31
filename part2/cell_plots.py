# SPDX-License-Identifier: MIT
"""Pictures of the gated cell: figure 2 (b) of the assignment with the h̃ that its caption admits is missing, and the
state of a cell through open and closed phases. part2/plots.py makes them."""

import torch
from matplotlib.patches import Circle, FancyBboxPatch

from common.figure import new_figure
from part1.lstm import LSTM
from part2.gated_lstm import VARIANTS, GatedLSTM
from part2.time_gate import TimeGate

GATE_COLOUR = "#d55e00"  # what the time gate adds to the LSTM
UNIT = 13  # whose state is shown
Y_C, Y_H, Y_GATES = 5.6, 2.8, 1.3  # heights of the lines of c and h, and of the boxes of the gates


def draw_cell():
    """The cell of equations 4 to 7 and 13 to 16 as boxes and arrows; what the gate adds is orange and thick."""
    figure, axis = new_figure(3.5, 2.1)
    axis.set(xlim=(-1.7, 13.4), ylim=(-1.4, 7.5), aspect="equal")
    axis.axis("off")

    arrow(axis, (-0.1, Y_C), (2.0, Y_C))  # c: times f, plus g i, then the blend
    arrow(axis, (2.6, Y_C), (4.1, Y_C))
    arrow(axis, (4.7, Y_C), (6.6, Y_C))
    arrow(axis, (7.2, Y_C), (12.0, Y_C))
    arrow(axis, (0.6, Y_C), (0.6, 6.8), (6.9, 6.8), (6.9, Y_C + 0.3), colour=GATE_COLOUR)  # c(t-1) past it
    arrow(axis, (9.0, Y_C), (9.0, 4.85))  # down to h
    arrow(axis, (9.0, 4.15), (9.0, Y_H + 0.3))
    arrow(axis, (9.3, Y_H), (10.7, Y_H))
    arrow(axis, (11.3, Y_H), (12.0, Y_H))
    arrow(axis, (-0.1, 0.0), (7.7, 0.0), (7.7, Y_GATES - 0.4))  # h(t-1) and x(t) to the four gates
    arrow(axis, (0.3, -0.75), (0.3, 0.0))
    arrow(axis, (7.7, 0.0), (11.0, 0.0), (11.0, Y_H - 0.3), colour=GATE_COLOUR)  # h(t-1) past them
    for place in (2.3, 3.7, 5.1):
        arrow(axis, (place, 0.0), (place, Y_GATES - 0.4))
    arrow(axis, (2.3, Y_GATES + 0.4), (2.3, Y_C - 0.3))  # f
    arrow(axis, (3.7, Y_GATES + 0.4), (3.7, 3.3), (4.1, 3.3))  # i
    arrow(axis, (5.1, Y_GATES + 0.4), (5.1, 3.3), (4.7, 3.3))  # g
    arrow(axis, (4.4, 3.6), (4.4, Y_C - 0.3))
    arrow(axis, (7.7, Y_GATES + 0.4), (7.7, Y_H), (8.7, Y_H))  # o
    arrow(axis, (6.4, 2.35), (6.4, 3.35), colour=GATE_COLOUR)  # t to the time gate, k to both blends
    arrow(axis, (6.9, 4.15), (6.9, Y_C - 0.3), colour=GATE_COLOUR)
    arrow(axis, (7.3, 3.75), (11.0, 3.75), (11.0, Y_H + 0.3), colour=GATE_COLOUR)

    for place, sign in (((2.3, Y_C), "×"), ((4.4, Y_C), "+"), ((4.4, 3.3), "×"), ((9.0, Y_H), "×")):
        node(axis, place, sign)
    node(axis, (6.9, Y_C), "k", GATE_COLOUR)
    node(axis, (11.0, Y_H), "k", GATE_COLOUR)
    for place, name in ((2.3, "f"), (3.7, "i"), (5.1, "g"), (7.7, "o")):
        box(axis, (place, Y_GATES), name, 0.8)
    box(axis, (9.0, 4.5), "tanh", 1.3)
    box(axis, (6.5, 3.75), "k(t)", 1.5, GATE_COLOUR)

    texts = (
        ((-0.2, Y_C), "c(t-1)", "right", "center"),
        ((12.1, Y_C), "c(t)", "left", "center"),
        ((-0.2, 0.0), "h(t-1)", "right", "center"),
        ((12.1, Y_H), "h(t)", "left", "center"),
        ((0.3, -0.8), "x(t)", "center", "top"),
        ((5.6, Y_C + 0.12), "c̃(t)", "center", "bottom"),
        ((9.95, Y_H - 0.12), "h̃(t)", "center", "top"),
        ((6.4, 2.3), "t", "center", "top"),
    )
    for place, text, across, up in texts:
        axis.text(*place, text.replace("-", "−"), ha=across, va=up, fontsize=8)
    axis.text(3.7, 6.88, "1 − k", ha="center", va="bottom", fontsize=7, color=GATE_COLOUR)
    axis.text(11.15, 1.2, "1 − k", ha="left", va="center", fontsize=7, color=GATE_COLOUR)
    return figure


def arrow(axis, *places, colour="black"):
    """A line through the places, with a head at the last."""
    width = 1.5 if colour != "black" else 0.9
    if len(places) > 2:
        axis.plot(*zip(*places[:-1], strict=True), color=colour, linewidth=width, linestyle="-", zorder=1)
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
    axis.annotate("", places[-1], places[-2], arrowprops=style, zorder=1)


def node(axis, place, sign, colour="black"):
    """A circle in which lines meet: a product, a sum, or the blend k new + (1 - k) old."""
    axis.add_patch(Circle(place, 0.3, facecolor="white", edgecolor=colour, linewidth=1, zorder=2))
    axis.text(*place, sign, ha="center", va="center_baseline", fontsize=7, color=colour, zorder=3)


def box(axis, place, name, width, colour="black"):
    corner = (place[0] - width / 2, place[1] - 0.35)
    style = "round,pad=0.03,rounding_size=0.1"
    axis.add_patch(FancyBboxPatch(corner, width, 0.7, style, facecolor="#eeeeee", edgecolor=colour, zorder=2))
    axis.text(*place, name, ha="center", va="center_baseline", fontsize=8, color=colour, zorder=3)


def coarse(values):
    """Hundredths in double precision: random numbers whose last digits depend on the processor draw the same line."""
    return values.double().round(decimals=2)


def draw_states():
    """c(t) and h(t) of one unit with random weights on random input: both variants, and the LSTM without a gate."""
    T, H = 80, 16
    x = 2 * coarse(torch.randn(1, T, 1, generator=torch.Generator().manual_seed(3)))
    gate = TimeGate(30.0, 6.0, 0.35)
    cells = {"LSTM": LSTM(T, 1, H, 2, 1, init="forget1", seed=2)}
    cells |= {name: GatedLSTM(T, 1, H, 2, 1, init="forget1", seed=2, gate=gate, variant=name) for name in VARIANTS}
    t = torch.arange(1, T + 1)
    t, k = t.numpy(), gate(t).numpy()
    figure, axes = new_figure(3.5, 2.9, nrows=3, sharex=True, height_ratios=(1, 2, 2))
    axes[0].plot(t, k, color=GATE_COLOUR, linestyle="-")
    axes[0].set(ylabel="k(t)", yticks=[0, 1])
    styles = {
        "LSTM": dict(color="#999999", linestyle="-", linewidth=0.9),
        "assignment": dict(color="#000000", linestyle="-"),
        "phased": dict(color="#0072b2", linestyle="--"),
    }
    for name, cell in cells.items():
        with torch.no_grad():
            for parameter in cell.double().parameters():
                parameter.copy_(coarse(parameter))
            states = cell.states(x)
        for axis, symbol in zip(axes[1:], "ch", strict=True):
            axis.plot(t, states[symbol][0, :, UNIT], **styles[name], label=name if name == "LSTM" else f"gated, {name}")
            axis.set_ylabel(f"{symbol}(t)")
    for axis in axes:
        axis.fill_between(t, 0, 1, where=k > 0, transform=axis.get_xaxis_transform(), color=GATE_COLOUR, alpha=0.12)
        axis.grid(False)
    axes[-1].set(xlabel="time t (steps)", xlim=(1, T))
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    return figure
