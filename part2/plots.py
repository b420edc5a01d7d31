# SPDX-License-Identifier: MIT
"""Every figure of part 2: drawings of the gate and of the cell, and what report/results/part2 holds.

python part2/plots.py

Drawings need nothing and are always made; a figure of results is made where its results are.
"""

import csv
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

import torch

from common import cli
from common.cli import UserError
from common.figure import new_figure, save_both
from part2.cell_plots import draw_cell, draw_states
from part2.result_plots import RESULT_FIGURES, draw_start_raster
from part2.time_gate import TimeGate

FIGURES, RESULTS = ROOT / "report" / "figures", ROOT / "report" / "results" / "part2"
τ, S, R_ON = 5.0, 1.5, 0.4
WIDTH = 3.5  # inches: a column


def draw_gate():
    """k(t) over φ(t), with τ, s and r_on as dimension lines: the conceptual drawing of question 2.1."""
    gate = TimeGate(τ, S, R_ON)
    t = torch.linspace(0, 12, 2401, dtype=torch.float64)
    figure, axis = new_figure(WIDTH, 2.6)
    axis.plot(*broken(t, gate.phase(t)), color="grey", linestyle=":", linewidth=1, label="phase φ(t)")
    axis.plot(t, gate(t), label="gate k(t)")
    dimension(axis, 0, S, 1.15, "s")
    dimension(axis, S, S + τ, 1.15, "τ")
    dimension(axis, S + τ, S + τ + R_ON * τ, 1.15, r"$r_{on}\,$τ")
    axis.plot([S + τ + R_ON * τ, 12], [R_ON, R_ON], color="#0072b2", linewidth=0.8, linestyle="--")
    axis.text(12.1, R_ON, r"$r_{on}$", va="center", color="#0072b2")
    for place in (S, S + τ):
        axis.text(place + R_ON * τ / 2, 0.08, "open", ha="center", fontsize=7)
    axis.text(S + (1 + R_ON) * τ / 2, 0.08, "closed:\nstate kept", ha="center", fontsize=7)
    axis.set(xlabel="time t (steps)", ylabel="k(t), φ(t)", xlim=(0, 12), ylim=(0, 1.38), yticks=[0, 0.5, 1])
    axis.spines.left.set_bounds(0, 1)
    axis.grid(False)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_effects():
    """The gate, and the gate after a change of each parameter, φ(t) after it in the background: 2 × 2."""
    before = TimeGate(τ, S, R_ON)
    panels = (
        (f"τ = {τ:g}, s = {S:g}, $r_{{on}}$ = {R_ON:g}", before),
        (f"longer period: τ = {1.6 * τ:g}", TimeGate(1.6 * τ, S, R_ON)),
        (f"later opening: s = {S + 1.5:g}", TimeGate(τ, S + 1.5, R_ON)),
        (f"longer open: $r_{{on}}$ = {2 * R_ON:g}", TimeGate(τ, S, 2 * R_ON)),
    )
    t = torch.linspace(0, 16, 3201, dtype=torch.float64)
    figure, axes = new_figure(WIDTH, 3.1, nrows=2, ncols=2, sharex=True, sharey=True)
    for axis, (title, gate) in zip(axes.flat, panels, strict=True):
        axis.plot(*broken(t, gate.phase(t)), color="grey", linestyle=":", linewidth=1, label="φ(t)")
        if gate is not before:
            axis.plot(t, before(t), color="#999999", linestyle="-", linewidth=1, label="k(t) before")
        axis.plot(t, gate(t), color="#d55e00", linestyle="-", label="k(t)")
        axis.set(ylim=(0, 1.08), xlim=(0, 16), xticks=[0, 5, 10, 15])
        axis.set_title(title)
    for axis in axes[1]:
        axis.set_xlabel("time t (steps)")
    figure.supylabel("k(t), φ(t)", fontsize=8)
    figure.legend(*axes[1, 1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def broken(t, phase):
    """The sawtooth without its vertical falls."""
    phase = phase.clone()
    phase[1:][phase.diff() < 0] = torch.nan
    return t, phase


def dimension(axis, start, end, height, label):
    """A dimension line from start to end, as on a technical drawing."""
    axis.annotate("", (end, height), (start, height), arrowprops={"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0})
    for place in (start, end):
        axis.plot([place, place], [0, height + 0.04], color="grey", linewidth=0.6, linestyle="-")
    axis.text((start + end) / 2, height + 0.03, label, ha="center", va="bottom")


DRAWINGS = {
    "time_gate": draw_gate,
    "time_gate_parameters": draw_effects,
    "gated_cell": draw_cell,
    "gated_states": draw_states,
    "gate_raster": draw_start_raster,
}


def main(argv=None):
    parser = cli.Parser(prog="plots.py", description="Draw the time gate, its cell, and the results of part 2.")
    parser.add_argument("--to", default=str(FIGURES), metavar="DIR", help="where the figures go, as PNG and PDF")
    parser.add_argument("--results", default=str(RESULTS), metavar="DIR", help="where the results are")
    config = parser.parse_args(argv)
    folder, results = Path(config.to), Path(config.results)
    if not results.is_dir():
        raise UserError(f"{results} is not there; give the folder of results with --results")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}; choose another with --to") from None
    for name, draw in DRAWINGS.items():
        save_both(draw(), folder / name)
        print(f"see {folder / name}.png")
    for name, (draw, needed) in RESULT_FIGURES.items():
        missing = [file for file in needed if not (results / file).exists()]
        if missing:
            print(f"no {name}: {results / missing[0]} is not there yet")
            continue
        try:
            figure = draw(results)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, csv.Error):
            raise UserError(f"{results / needed[0]} is damaged or of another program; make it anew") from None
        if figure is None:
            print(f"no {name}: {results / needed[0]} has nothing for it yet")
            continue
        save_both(figure, folder / name)
        print(f"see {folder / name}.png")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
