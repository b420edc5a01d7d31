# SPDX-License-Identifier: MIT
"""Figures of what was measured: the tables of part2/experiments.py and the paths of part2/learnability.py.
part2/plots.py makes them."""

from statistics import mean

import torch
from matplotlib.ticker import MaxNLocator

from common.figure import new_figure
from common.run import read_json, read_table
from part2 import flags
from part2.dataset import BASELINE, VALIDATION_SEED, VALIDATION_SIZE, FrequencyDataset
from part2.time_gate import TimeGate
from part2.train_timed import build_gate

# (model_type, variant, init): label, colour, line style, marker
CELLS = {
    ("GatedLSTM", "phased", "forget1"): ("gated, phased", "#d55e00", "-", "o"),
    ("GatedLSTM", "assignment", "forget1"): ("gated, assignment", "#000000", "--", "s"),
    ("GatedLSTM", "phased", "chrono"): ("gated, phased, chrono", "#cc79a7", "--", "D"),
    ("LSTM", "", "forget1"): ("LSTM", "#0072b2", "-.", "^"),
    ("LSTM", "", "chrono"): ("LSTM, chrono", "#56b4e9", ":", "v"),
}
SAMPLINGS = {"standard": "standard", "highres": "high resolution", "async": "asynchronous"}
# The notebook of Neil, Pfeiffer & Liu (2016), percent: with the time gate, and without.
PAPER = {"standard": (99.3, 89.3), "highres": (99.6, 51.7), "async": (97.9, 69.0)}
SYMBOLS = {"tau": "τ (steps)", "s": "s (steps)", "r_on": r"$r_{on}$"}


LEAST = 0.03  # per cent of errors: none at all is drawn there, at the upper edge
TICKS = [50, 70, 90, 95, 98, 99, 99.5, 99.8, 99.9]
NARROW = 2.45  # inches: a third of a page's width


def draw_accuracy(results):
    """Held-out accuracy for each sampling and cell: each seed a point, the mean a bar, the paper's values in grey. As
    those below, None where nothing has been measured yet."""
    rows = read_table(results / "frequency.csv")
    if not rows:
        return None
    measured = {cell: look for cell, look in CELLS.items() if any(of_cell(row, cell, row["sampling"]) for row in rows)}
    figure, axis = new_figure(NARROW, 2.9)
    for place, sampling in enumerate(SAMPLINGS):
        for number, (cell, (label, colour, _, marker)) in enumerate(measured.items()):
            errors = [error_of(row["test_accuracy"]) for row in rows if of_cell(row, cell, sampling)]
            x = place + 0.2 * (number - (len(measured) - 1) / 2)
            if errors:
                axis.plot([x] * len(errors), errors, marker, color=colour, label=label, fillstyle="none", markersize=3)
                axis.plot([x - 0.08, x + 0.08], [mean(errors)] * 2, color=colour, linestyle="-")
        for value, x in zip(PAPER[sampling], (place - 0.2, place + 0.2), strict=True):
            style = dict(color="#aaaaaa", markersize=14, markeredgewidth=3, zorder=0, label="notebook")
            axis.plot(x, 100 - value, "_", **style)
        draw_ceiling(axis, FrequencyDataset(sampling).ceiling(), [place - 0.45, place + 0.45])
    axis.set(xlim=(-0.5, len(SAMPLINGS) - 0.5))
    errors_axis(axis)
    axis.set_ylabel("held-out accuracy (%)")
    axis.set_xticks(range(len(SAMPLINGS)), ["standard", "high\nresolution", "asyn-\nchronous"], fontsize=8)
    axis.grid(axis="x")
    once_each(figure, axis, ncols=2)
    return figure


def error_of(accuracy):
    """Per cent of errors."""
    return max(100 - 100 * float(accuracy), LEAST)


def errors_axis(axis):
    """Accuracies on the logarithmic scale of the errors: 99.6 is as far from 99.2 as 96 is from 92."""
    axis.set(yscale="log", ylim=(60, 0.02))
    axis.set_yticks([100 - tick for tick in TICKS], [f"{tick:g}" for tick in TICKS])
    axis.set_yticks([], minor=True)


def draw_ceiling(axis, ceiling, x):
    """Where there is one: what aliasing leaves."""
    if ceiling < 1:
        axis.plot(x, [error_of(ceiling)] * 2, ":", color="black", linewidth=1, label="ceiling")


def of_cell(row, cell, sampling):
    return (row["model_type"], row["variant"], row["init"]) == cell and row["sampling"] == sampling


def once_each(figure, *axes, **options):
    """A legend below the figure with one entry for each label."""
    handles = {}
    for axis in axes:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", **options)


def draw_curves_of(results):
    """Validation accuracy against the update, a line for each seed, one panel for each sampling."""
    rows = read_table(results / "frequency_curves.csv")
    if not rows:
        return None
    figure, axes = new_figure(6.2, 2.3, ncols=3, sharex=True, sharey=True)
    for axis, (sampling, title) in zip(axes, SAMPLINGS.items(), strict=True):
        for cell in CELLS:
            curves(axis, [row for row in rows if of_cell(row, cell, sampling)], cell, "validation_accuracy", error_of)
        ceiling = FrequencyDataset(sampling).ceiling(VALIDATION_SIZE, VALIDATION_SEED)
        draw_ceiling(axis, ceiling, [0, max(axis.get_xlim()[1], 1)])
        axis.set_title(title)
        axis.set_xlabel("update")
        axis.xaxis.set_major_formatter("{x:,.0f}")
    errors_axis(axes[0])
    axes[0].set_ylabel("validation accuracy (%)")
    once_each(figure, *axes, ncols=5)
    return figure


def draw_adding(results):
    """The adding problem: validation error against the update."""
    rows = read_table(results / "adding_curves.csv")
    if not rows:
        return None
    figure, axis = new_figure(NARROW, 2.9)
    for cell in CELLS:
        curves(axis, [row for row in rows if of_cell(row, cell, "")], cell, "validation_loss", float)
    axis.axhline(BASELINE, color="black", linewidth=0.6, linestyle=(0, (1, 3)), label="always 1")
    axis.set(xlabel="update", ylabel="mean squared error", yscale="log")
    axis.xaxis.set_major_locator(MaxNLocator(3))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    once_each(figure, axis, ncols=2)
    return figure


def curves(axis, rows, cell, column, value_of):
    """A line for each seed among the rows; value_of(what the column says) is drawn."""
    label, colour, style, _ = CELLS[cell]
    for seed in sorted({row["seed"] for row in rows}):
        points = [(int(row["step"]), value_of(row[column])) for row in rows if row["seed"] == seed]
        axis.plot(*zip(*points, strict=True), color=colour, linestyle=style, linewidth=0.9, label=label)


def draw_start_raster():
    """k(t) of the timed tasks' 110 units before training, sorted by their period."""
    config = flags.parser("frequency").parse_args(["--device", "cpu"])
    flags.complete(config)
    return raster({"before training": build_gate(config).eval()}, 3.5, 2.4)


def draw_raster(results):
    """The same after training, for each sampling there is (phased, the first seed); None where there is none."""
    rows = [row for row in read_table(results / "frequency_rhythms.csv") if row["variant"] == "phased"]
    gates = {}
    for sampling, title in SAMPLINGS.items():
        chosen = [row for row in rows if row["sampling"] == sampling]
        if chosen:
            columns = [
                torch.tensor([float(row[name]) for row in chosen], dtype=torch.float64) for name in ("tau", "s", "r_on")
            ]
            gates[title] = TimeGate(*columns)
    return raster(gates, NARROW, 2.9) if gates else None


def raster(gates, width, height):
    """k(t) as grey, units against time: {title: gate} from above to below; the figure's size in inches."""
    figure, axes = new_figure(width, height, nrows=len(gates), squeeze=False, sharex=True)
    t = torch.linspace(0, 40, 1601, dtype=torch.float64)
    for axis, (title, gate) in zip(axes[:, 0], gates.items(), strict=True):
        order = gate.tau.argsort()
        with torch.no_grad():
            k = gate(t)[:, order].T.numpy()
        picture = axis.imshow(
            k,
            aspect="auto",
            interpolation="none",
            origin="lower",
            cmap="Greys",
            vmin=0,
            vmax=1,
            extent=(0, 40, 0, len(k)),
        )
        axis.set_title(f"{title}: τ = {gate.tau.min():.1f} to {gate.tau.max():.1f}", fontsize=7)
        axis.grid(False)
    figure.supylabel("unit (short τ below)", fontsize=8)
    axes[-1, 0].set_xlabel("time t (units of the data)")
    figure.colorbar(picture, ax=axes, label="k(t)", ticks=[0, 1], aspect=30)
    return figure


def draw_paths(results):
    """τ, s and r_on over training: each learned alone, and all three together; the right values as lines."""
    found = read_json(results / "learnability.json")
    figure, axes = new_figure(3.5, 3.9, nrows=3, ncols=2, sharex=True, sharey="row")
    for row, (name, symbol) in enumerate(SYMBOLS.items()):
        for column, alone in enumerate((True, False)):
            axis = axes[row, column]
            for run in found["paths"]:
                if name in run["learn"] and (len(run["learn"]) == 1) == alone:
                    _, colour, style, _ = CELLS["GatedLSTM", run["variant"], "forget1"]
                    label = f"gated, {run['variant']}"
                    axis.plot(run["steps"], run[name], color=colour, linestyle=style, linewidth=0.9, label=label)
            axis.axhline(found["task"]["right"][name], color="grey", linewidth=0.8, linestyle=":", label="right value")
        axes[row, 0].set_ylabel(symbol)
    axes[0, 0].set_title("learned alone")
    axes[0, 1].set_title("all three together")
    for axis in axes[-1]:
        axis.set_xlabel("update")
    once_each(figure, axes[0, 0], ncols=2)
    return figure


def draw_gradients(results):
    """The gradient of each at wrong values, its mean over batches and seeds and the spread between batches. What
    descends to the right value is positive above it and negative below."""
    found = read_json(results / "learnability.json")
    figure, axes = new_figure(3.5, 3.9, nrows=3)
    for axis, (name, symbol) in zip(axes, SYMBOLS.items(), strict=True):
        for variant in ("phased", "assignment"):
            _, colour, style, _ = CELLS["GatedLSTM", variant, "forget1"]
            for leak in sorted({row["leak"] for row in found["gradients"]}):
                rows = [
                    row
                    for row in found["gradients"]
                    if (row["variant"], row["leak"], row["parameter"]) == (variant, leak, name)
                ]
                middle = [mean(values) for values in zip(*(row["mean"] for row in rows), strict=True)]
                label = f"{variant}, α = {leak:g}"
                marker = dict(marker="o", markersize=2, linestyle="none") if leak else dict(linestyle=style)
                axis.plot(rows[0]["values"], middle, color=colour, linewidth=1, label=label, **marker)
                if not leak:
                    width = [mean(values) for values in zip(*(row["std"] for row in rows), strict=True)]
                    band = [[m + sign * w for m, w in zip(middle, width, strict=True)] for sign in (-1, 1)]
                    axis.fill_between(rows[0]["values"], *band, color=colour, alpha=0.15, linewidth=0)
        axis.axvline(found["task"]["right"][name], color="grey", linewidth=0.8, linestyle=":")
        axis.axhline(0, color="grey", linewidth=0.6, linestyle="-")
        axis.set(xlabel=symbol, ylabel=f"dL/d{symbol.split()[0]}")
    once_each(figure, axes[0], ncols=2)
    return figure


# name: (what draws it, the results that it needs)
RESULT_FIGURES = {
    "frequency_accuracy": (draw_accuracy, ["frequency.csv"]),
    "frequency_curves": (draw_curves_of, ["frequency_curves.csv"]),
    "adding_curves": (draw_adding, ["adding_curves.csv"]),
    "gate_raster_trained": (draw_raster, ["frequency_rhythms.csv"]),
    "learned_rhythms": (draw_paths, ["learnability.json"]),
    "rhythm_gradients": (draw_gradients, ["learnability.json"]),
}
