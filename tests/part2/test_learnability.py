# SPDX-License-Identifier: MIT
import json

import pytest
import torch

from part2 import learnability, plots
from part2.learnability import RIGHT, SCAN, STARTS, T, best_accuracy, signal
from part2.time_gate import TimeGate


def test_the_signal_is_in_the_open_phases_alone():
    x, y = signal(torch.Generator().manual_seed(1), 20_000)
    assert x.shape == (20_000, T, 1) and set(y.tolist()) == {0, 1}
    k = TimeGate(**RIGHT)(torch.arange(1, T + 1)).float()
    sign = (2 * y - 1).unsqueeze(1)
    torch.testing.assert_close((x[..., 0] * sign).mean(dim=0), k, rtol=0, atol=0.06)
    decided = ((x[..., 0] @ k) > 0).long()
    assert (decided == y).float().mean() == pytest.approx(best_accuracy(), abs=0.003)
    summed = (x[..., 0].sum(dim=1) > 0).long()
    assert (summed == y).float().mean() < best_accuracy() - 0.1  # who cannot tell the phases is well below


def test_each_is_started_on_both_sides_of_the_right_value():
    alone = [start for start, learn in STARTS if len(learn) == 1]
    for name, right in RIGHT.items():
        assert {start[name] > right for start in alone if name in start} == {True, False}
        assert SCAN[name].min() < right < SCAN[name].max()
    assert sum(len(learn) == 3 for _, learn in STARTS) == 2


def test_a_quick_run_and_its_figures(run_script, tmp_path):
    to = tmp_path / "results" / "learnability.json"
    status, out, err = run_script(learnability.main, "--quick", "--to", to)
    assert status == 0 and "accuracy" in out, err
    found = json.loads(to.read_text())
    assert found["versions"]["torch"] and found["date"] and found["config"]["seeds"] == [42]
    assert {(run["variant"], run["leak"]) for run in found["paths"]} == {("assignment", 0.0), ("phased", 0.001)}
    for run in found["paths"]:
        assert run["steps"][0] == 0 and run["steps"][-1] == 20
        for name in RIGHT:
            assert run[name][0] == pytest.approx(run["start"].get(name, RIGHT[name]))
            assert (len(set(run[name])) > 1) == (name in run["learn"])
    assert {(row["variant"], row["leak"], row["parameter"]) for row in found["gradients"]} == {
        (variant, leak, name) for variant in ("assignment", "phased") for leak in (0.0, 0.001) for name in RIGHT
    }
    status, _, err = run_script(plots.main, "--to", tmp_path / "figures", "--results", to.parent)
    assert status == 0, err
    assert {"learned_rhythms.png", "rhythm_gradients.png"} <= {path.name for path in (tmp_path / "figures").iterdir()}


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--quick"], "--to"),
        (["--train_steps", 5], "--to"),
        (["--quick", "--to", "x.json", "--train_steps", 3], "--train_steps"),
        (["--to", "."], "folder"),
        (["--quick", "--to", __file__], "move it away"),
    ],
)
def test_a_look_does_not_take_the_place_of_results(run_script, argv, word):
    status, _, err = run_script(learnability.main, *argv)
    assert status == 2 and word in err and err.count("\n") == 1


def test_a_run_that_is_no_longer_finite_is_named(run_script, tmp_path):
    argv = ["--quick", "--learning_rate", 1e30, "--to", tmp_path / "x.json"]
    status, _, err = run_script(learnability.main, *argv)
    assert status == 2 and "not finite" in err and err.count("\n") == 1 and not (tmp_path / "x.json").exists()
