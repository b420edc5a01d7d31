# SPDX-License-Identifier: MIT
"""The figure of text that is coloured by a cell, from the results of activations.py."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from common.figure import new_figure

SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#e69050"])  # as the page has them on white


def draw_activations(results):
    """The same lines once for each feature, coloured by its best cell."""
    lines, cells = results["picture"]["lines"], results["picture"]["cells"]
    columns = max(map(len, lines))
    figure, axes = new_figure(6.2, 0.2 + 0.14 * (len(lines) + 1.5) * len(cells), nrows=len(cells), squeeze=False)
    for axis, cell in zip(axes[:, 0], cells, strict=True):
        grid = np.full((len(lines), columns), np.nan)
        for row, (line, values) in enumerate(zip(lines, cell["values"], strict=True)):
            grid[row, : len(line)] = np.array(values) / 100
            for place, character in enumerate(line):
                axis.text(place, row, character, ha="center", va="center", fontsize=7, family="monospace")
        image = axis.imshow(grid, cmap=SHADES, aspect="auto", vmin=-1, vmax=1)
        axis.set_title(
            f"{cell['feature']}: layer {cell['layer']}, cell {cell['unit']}, r = {cell['test']:+.2f} (test part)",
            fontsize=7.5,
            loc="left",
        )
        axis.set_axis_off()
    figure.colorbar(image, ax=axes, label="tanh(c)", ticks=[-1, 0, 1], pad=0.01, aspect=40)
    return figure
