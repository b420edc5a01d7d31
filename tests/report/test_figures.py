# SPDX-License-Identifier: MIT
"""The committed figures are those of the committed results: make figures, once more, gives the same files."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from part1 import gradient_plots, plots
from part2 import plots as gate_plots
from part3 import text_plots

FIGURES = Path(__file__).resolve().parents[2] / "report" / "figures"
SCRIPTS = [gradient_plots, plots, gate_plots, text_plots]  # as the Makefile has them


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{name: the PDF as it comes out today}."""
    to = tmp_path_factory.mktemp("figures")
    for script in SCRIPTS:
        assert script.main(["--to", str(to)]) == 0
    return {path.stem: path.read_bytes() for path in to.glob("*.pdf")}


def test_each_committed_figure_is_made_by_a_script(made):
    committed = {path.stem for path in FIGURES.iterdir() if path.suffix in (".pdf", ".png")}
    assert committed == set(made), "run make figures; delete what no script draws"


def test_the_committed_figures_follow_from_the_committed_results(made):
    def same_version(pdf):
        return f"Matplotlib v{matplotlib.__version__}".encode() in pdf

    committed = {name: (FIGURES / f"{name}.pdf").read_bytes() for name in made}
    if not any(map(same_version, committed.values())):
        pytest.skip(f"drawn by another Matplotlib than {matplotlib.__version__}, whose files differ")
    changed = [name for name, pdf in committed.items() if same_version(pdf) and pdf != made[name]]
    assert not changed, "run make figures"


def test_the_states_of_random_cells_are_drawn_alike_by_another_processor(made, tmp_path):
    plainly = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}  # rounding as without AVX
    command = [sys.executable, gate_plots.__file__, "--to", str(tmp_path)]
    subprocess.run(command, env={**os.environ, **plainly}, check=True, capture_output=True)
    assert (tmp_path / "gated_states.pdf").read_bytes() == made["gated_states"]


def test_the_training_of_a_run_without_validation_is_drawn():
    run = {"training_curve": {"step": [1, 2, 3, 4], "loss": [3.0, 2.0, 1.9, 1.8]}}
    run["validation_curve"] = {"step": [], "loss": []}
    (axis,) = text_plots.draw_training({"runs": {"grimm": run}}).axes
    assert axis.get_ylim()[0] == pytest.approx(1.75)
