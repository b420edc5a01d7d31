# SPDX-License-Identifier: MIT
"""The figure of what benchmark.py measured."""

from common.figure import new_figure

MARKERS = "os^Dv"
NAMES = {"products": "products alone, MKL", "products, oneDNN": "products alone, oneDNN"}


def draw_speed(result):
    """The time of an update per step t against T: filled marks in a process as it starts, hollow ones where the C
    library keeps freed memory (see benchmark.py)."""
    rows = result["rows"]
    panels = [
        (cell, n)
        for cell in dict.fromkeys(row["cell"] for row in rows)
        for n in sorted({row["threads"] for row in rows})
    ]
    figure, axes = new_figure(1.75 * len(panels), 2.1, ncols=len(panels), squeeze=False)
    for axis, (cell, n) in zip(axes[0], panels, strict=True):
        draw_cell(axis, [row for row in rows if (row["cell"], row["threads"]) == (cell, n)])
        axis.set_title(f"{cell}, {n} thread{'s' * (n > 1)}")
        axis.set_xlabel("inputs T")
    axes[0, 0].set_ylabel("µs per step t")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, handlelength=3)
    return figure


def draw_cell(axis, rows):
    forms = list(dict.fromkeys(row["form"] for row in rows))
    for form, marker in zip(forms, MARKERS, strict=False):
        fresh, kept = (
            [row for row in rows if (row["form"], row["memory"]) == (form, memory)] for memory in ("fresh", "kept")
        )
        (line,) = axis.plot(*per_step(fresh), marker=marker, label=NAMES.get(form, form))
        axis.plot(*per_step(kept), marker, color=line.get_color(), markerfacecolor="none")
    axis.plot([], [], "o", color="grey", markerfacecolor="none", label="each, freed memory kept")
    axis.set(xscale="log", ylim=(0, None))
    axis.set_xticks([row["T"] for row in fresh], [f"{row['T']:,}" for row in fresh])
    axis.minorticks_off()


def per_step(rows):
    """T, and the time of an update divided by T in microseconds."""
    return [row["T"] for row in rows], [row["seconds"] / row["T"] * 1e6 for row in rows]
