# SPDX-License-Identifier: MIT
"""Figures of what the text models show, from the files that experiments.py, temperature.py and so on wrote.

python part3/text_plots.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

import numpy as np
from matplotlib.ticker import NullFormatter

from common import cli
from common.cli import UserError
from common.figure import new_figure, save_both
from common.run import read_json
from part3.activation_plots import draw_activations
from part3.temperature_plots import draw_novelty, draw_temperature

TITLES = {
    "grimm": "Grimm",
    "grimm_stream": "Grimm, state carried",
    "anna_karenina": "Anna Karenina",
    "democracy": "Democracy",
    "democracy_dropout": "Democracy, dropout",
    "quijote": "Don Quijote",
    "shakespeare": "Shakespeare",
}
COLOURS = ("#000000", "#d55e00", "#0072b2", "#009e73")
MARKERS = "osv^"
ALL_FROM = 11  # characters before: from here on each bin of position.py has all characters, equally often


def title(name):
    return TITLES.get(name, name)


def draw_curves_of(axis, runs, names):
    """The training loss of each run as a line, its validation loss as points of the same colour, against the update."""
    for name, colour, marker in zip(names, COLOURS, MARKERS, strict=False):
        training, validation = runs[name]["training_curve"], runs[name]["validation_curve"]
        axis.plot(training["step"], training["loss"], "-", color=colour, linewidth=1, label=f"{title(name)}: training")
        few = slice(None, None, max(1, len(validation["step"]) // 25))
        steps, losses = validation["step"][few], validation["loss"][few]
        axis.plot(steps, losses, marker + ":", color=colour, markersize=3, label=f"{title(name)}: validation")
    axis.set(xlabel="update", xscale="log")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=1)


def draw_training(results):
    """A panel for each book, its runs together."""
    groups = [["grimm", "grimm_stream"], ["anna_karenina", "quijote"], ["democracy", "democracy_dropout"]]
    groups = [[name for name in group if name in results["runs"]] for group in groups]
    groups = [group for group in groups if group] or [list(results["runs"])[:4]]
    figure, axes = new_figure(2.1 * len(groups), 2.6, ncols=len(groups), squeeze=False, sharey=True)
    for axis, group in zip(axes[0], groups, strict=True):
        draw_curves_of(axis, results["runs"], group)
        last = max(results["runs"][name]["training_curve"]["step"][-1] for name in group)
        axis.set_xlim(last / 200, 1.2 * last)  # what comes before goes up and out
    runs = [results["runs"][name] for group in groups for name in group]
    shown = [loss for run in runs for loss in run["training_curve"]["loss"][2:] + run["validation_curve"]["loss"]]
    if shown:
        ends = [loss for run in runs for loss in run["validation_curve"]["loss"][-1:]]
        axes[0, 0].set_ylim(min(shown) - 0.05, max([np.quantile(shown, 0.97), *(end + 0.05 for end in ends)]))
    axes[0, 0].set_ylabel("loss (nats per character)")
    return figure


def draw_books(results):
    """The loss of each model on each book's test part, as a table whose darkness is the loss."""
    names = list(results["runs"])
    parts = [[results["runs"][model]["test_parts"][book] for book in names] for model in names]
    losses = np.array([[part["bpc"] for part in row] for row in parts])
    figure, axis = new_figure(5.0, 3.4)
    image = axis.imshow(losses, cmap="Greys", vmin=losses.min() - 1, vmax=losses.max() + 1)
    middle = (losses.min() + losses.max()) / 2
    for row, of_model in enumerate(parts):
        for column, part in enumerate(of_model):
            unknown = f"\n{part['unknown_share']:.1%} unknown" if part["unknown_share"] >= 0.0005 else ""
            colour = "white" if losses[row, column] > middle else "black"
            axis.text(column, row, f"{part['bpc']:.2f}{unknown}", ha="center", va="center", fontsize=6.5, color=colour)
    labels = [title(name).replace(" ", "\n") for name in names]
    axis.set_xticks(range(len(names)), labels)
    axis.set_yticks(range(len(names)), labels)
    axis.set(xlabel="test part of", ylabel="model of")
    axis.grid(False)
    figure.colorbar(image, label="bits per character", shrink=0.85)
    return figure


def draw_memory(results):
    """The loss against how much of the window stands before a character, for each model, dotted at its T. On the right
    what is saved against the last ten positions up to T, the same characters at all of them."""
    figure, (whole, difference) = new_figure(5.0, 2.4, ncols=2)
    for (name, run), colour, marker in zip(results["runs"].items(), COLOURS, MARKERS, strict=False):
        style = dict(color=colour, marker=marker, linestyle="-" if marker == "o" else "--", capsize=2)
        plot_bins(whole, run["bins"], run["bins"], label=title(name), **style)
        bins = [row for row in run["bins"] if row["from"] >= ALL_FROM]
        plot_bins(difference, bins, [row["less_than_near"] for row in bins], **style)
    for T in sorted({run["config"]["seq_length"] for run in results["runs"].values()}):
        dotted = dict(color="#777777", linestyle=":", linewidth=1)
        whole.axvline(T, ymax=0.7, label=f"T = {T} in training", **dotted)  # up to below the legend
        difference.axvline(T, **dotted)
    for axis in (whole, difference):
        axis.set(xscale="log", xlabel="characters of the window before it")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
    difference.set_xticks([20, 50, 100, 200, 500])
    whole.set(ylabel="loss (nats per character)")
    difference.set(ylabel="gain over the loss near T (nats)")
    whole.legend(loc="upper right")
    return figure


def plot_bins(axis, bins, values, **style):
    """Means with their standard errors, each at the (geometric) middle of its bin."""
    at = [(row["from"] * row["to"]) ** 0.5 for row in bins]
    errors = [value["standard_error"] or 0 for value in values]
    axis.errorbar(at, [value["mean"] for value in values], errors, **style)


FIGURES = {  # figure: (file of results, how it is drawn)
    "text_training": ("training", draw_training),
    "text_books": ("books", draw_books),
    "text_memory": ("memory", draw_memory),
    "temperature": ("temperature", draw_temperature),
    "novelty": ("novelty", draw_novelty),
    "activations": ("activations", draw_activations),
}


def parser():
    p = cli.Parser(prog="text_plots.py", description="Figures of what the text models show.")
    p.add_argument("--results", default=ROOT / "report" / "results" / "part3", metavar="FOLDER", help="to read from")
    p.add_argument("--to", default=ROOT / "report" / "figures", metavar="FOLDER", help="where the figures go")
    return p


def main(argv=None):
    config = parser().parse_args(argv)
    results, to = Path(config.results), Path(config.to)
    there = {name: (results / f"{file}.json", draw) for name, (file, draw) in FIGURES.items()}
    there = {name: (file, draw) for name, (file, draw) in there.items() if file.exists()}
    if not there:
        raise UserError(f"no results in {results}; make them with: python part3/experiments.py report")
    to.mkdir(parents=True, exist_ok=True)
    for name, (file, draw) in there.items():
        try:
            figure = draw(read_json(file))
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            raise UserError(f"{file} is damaged or of another program; make it anew") from None
        save_both(figure, to / f"{name}.png")
        print(f"see {to / name}.png")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
