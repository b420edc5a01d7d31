# SPDX-License-Identifier: MIT
"""One look for every figure: readable at column width, and in greyscale by line style and marker as well as colour."""

from pathlib import Path

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from common.files import replacing
from common.run import read_table

matplotlib.rcParams.update(
    {
        "font.size": 8,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.5,
        "axes.titlesize": 8,
        "legend.frameon": False,
        "legend.fontsize": 7,
        "legend.handlelength": 1.8,
        "legend.columnspacing": 1.2,
        "axes.prop_cycle": cycler(color=["#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00"])
        + cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]),
    }
)


def new_figure(width=4.8, height=3.0, **subplots):
    """A figure of that size in inches and its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**subplots)


def save_figure(figure, path):
    """Write the figure, whole or not at all; the ending of `path` names the format."""
    with replacing(path, "wb") as f:
        ending = str(path).rsplit(".", 1)[-1]
        undated = {"CreationDate": None} if ending == "pdf" else None  # the same figure is the same file
        figure.savefig(f, format=ending, dpi=200, metadata=undated)


def save_both(figure, path):
    """Write the figure as .png and as .pdf, whatever the ending of `path` is."""
    for ending in (".png", ".pdf"):
        save_figure(figure, Path(path).with_suffix(ending))


def draw_curves(metrics, panels, path):
    """Columns of a metrics.csv against the update.

    Args:
        metrics: path of the metrics.csv.
        panels: {label of the y axis: {label of the curve: column}}, one panel each, side by side.
        path: of the picture.
    """
    rows = read_table(metrics)
    figure, axes = new_figure(3.4 * len(panels), 2.6, ncols=len(panels), squeeze=False)
    for axis, (ylabel, curves) in zip(axes[0], panels.items(), strict=True):
        for label, column in curves.items():
            points = [(int(row["step"]), float(row[column])) for row in rows if row[column]]
            if points:
                axis.plot(*zip(*points, strict=True), label=label, marker="o" if len(points) < 40 else None)
        axis.set(xlabel="update", ylabel=ylabel)
        if axis.lines:
            axis.legend()
    save_figure(figure, path)
