# SPDX-License-Identifier: MIT
"""Every figure of part 2: the time gate k(t) of question 2.1.

python part2/plots.py
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from common import cli
from common.cli import UserError
from common.figure import new_figure, save_figure
from part2.time_gate import TimeGate

FIGURES = Path(__file__).resolve().parents[1] / "report" / "figures"
τ, S, R_ON = 5.0, 1.5, 0.4


def draw_gate(path):
    """k(t) over φ(t), with τ, s and r_on as dimension lines: the conceptual drawing of question 2.1."""
    gate = TimeGate(τ, S, R_ON)
    t = torch.linspace(0, 13, 2601, dtype=torch.float64)
    figure, axis = new_figure(6.0, 3.2)
    axis.plot(t, gate(t), label="k(t), the gate")
    axis.plot(
        *broken(t, gate.phase(t)), color="grey", linestyle=":", linewidth=1, label="φ(t), the place in the period"
    )
    dimension(axis, 0, S, 1.12, "s")
    dimension(axis, S, S + τ, 1.12, "τ")
    dimension(axis, S + τ, S + τ + R_ON * τ, 1.12, r"$r_{on}$τ")
    axis.axhline(R_ON, xmax=0.98, color="#0072b2", linewidth=0.8, linestyle="--")
    axis.text(13.05, R_ON, r"$r_{on}$", va="center", color="#0072b2")
    axis.annotate("open", (S + R_ON * τ / 2, 0.45), ha="center")
    axis.annotate("closed: state kept", (S + (1 + R_ON) * τ / 2, 0.06), ha="center")
    axis.set(xlabel="time t (steps)", ylabel="k(t), φ(t)", xlim=(0, 13), ylim=(0, 1.3), yticks=[0, 0.5, 1])
    axis.grid(False)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    save_figure(figure, path)


def draw_effects(path):
    """k(t) before and after a change of one parameter, φ(t) in the background; one panel a parameter."""
    changes = (
        ("a longer period", f"τ = {τ:g}", f"τ = {1.6 * τ:g}", TimeGate(1.6 * τ, S, R_ON)),
        ("a later opening", f"s = {S:g}", f"s = {S + 1.5:g}", TimeGate(τ, S + 1.5, R_ON)),
        ("open for longer", f"r_on = {R_ON:g}", f"r_on = {2 * R_ON:g}", TimeGate(τ, S, 2 * R_ON)),
    )
    t = torch.linspace(0, 16, 3201, dtype=torch.float64)
    figure, axes = new_figure(6.0, 4.6, nrows=3, sharex=True)
    for axis, (title, before, after, gate) in zip(axes, changes, strict=True):
        axis.plot(*broken(t, gate.phase(t)), color="lightgrey", linestyle="-", linewidth=1, label="φ(t) after")
        axis.plot(t, TimeGate(τ, S, R_ON)(t), label=before)
        axis.plot(t, gate(t), label=after)
        axis.set(title=title, ylabel="k(t)", ylim=(0, 1.08), xlim=(0, 16))
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes[-1].set_xlabel("time t (steps)")
    save_figure(figure, path)


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


def main(argv=None):
    parser = cli.Parser(prog="plots.py", description="Draw the time gate.")
    parser.add_argument("--to", default=str(FIGURES), metavar="DIR", help="where the figures go, as PNG and PDF")
    folder = Path(parser.parse_args(argv).to)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}; choose another with --to") from None
    for name, draw in (("time_gate", draw_gate), ("time_gate_parameters", draw_effects)):
        for ending in ("png", "pdf"):
            draw(folder / f"{name}.{ending}")
        print(f"see {folder / name}.png")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
