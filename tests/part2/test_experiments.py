# SPDX-License-Identifier: MIT
import csv
import json

import torch

from part2 import experiments, plots
from part2.plots import DRAWINGS
from part2.result_plots import CELLS, RESULT_FIGURES, SAMPLINGS

TINY = ["--num_hidden", 6, "--batch_size", 4, "--train_steps", 4, "--eval_every", 2]


def names(out):
    return [line.split()[-1] for line in out.splitlines()[1:] if line.split()[0] in ("to", "finished", "begun")]


def table(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def test_the_measured_grids(run_script, tmp_path):
    argv = ["--dry_run", "--summary_path", tmp_path]
    found = names(run_script(experiments.main, *argv)[1])
    count = {name: sum(name in cell for cell in found) for name in ("standard", "async", "highres", "chrono")}
    assert len(found) == len(set(found)) == 46  # 4 cells: 5 seeds of two samplings; the third has 3 + 1 + 1 + 1
    assert count == {"standard": 20, "async": 20, "highres": 6, "chrono": 11}
    assert all("seed42" in cell for cell in found[:12]) and "seed43" in found[12]  # one seed of everything first
    adding = names(run_script(experiments.main, *argv, "--grid", "adding")[1])
    assert len(adding) == 8 and sum("chrono" in cell for cell in adding) == 6  # three seeds of two
    shares = [names(run_script(experiments.main, *argv, "--task_id", k, "--num_tasks", 5)[1]) for k in range(5)]
    assert sorted(cell for share in shares for cell in share) == sorted(found)
    assert not list(tmp_path.iterdir())


def test_high_resolution_has_a_target_and_every_cell_a_time():
    grid = experiments.cells(experiments.arguments().parse_args([]))
    assert all(run.max_minutes == 180 for run in grid.values())
    assert {(run.sampling == "highres", run.target) for run in grid.values()} == {(True, 0.992), (False, None)}
    assert {run.leak for run in grid.values() if run.variant == "assignment"} == {0.0}


def test_cells_run_once_and_their_results_are_tables(run_script, tmp_path):
    argv = [*TINY, "--sampling", "standard", "--cell", "assignment", "LSTM", "--seed", 42]
    argv += ["--summary_path", tmp_path / "cells", "--to", tmp_path / "results"]
    status, out, err = run_script(experiments.main, *argv)
    assert status == 0 and "2 to do" in out, err
    gated, plain = table(tmp_path / "results" / "frequency.csv")
    assert gated["variant"] == "assignment" and plain["variant"] == "" and plain["share_open"] == "1.0"
    for row, folder in zip((gated, plain), sorted((tmp_path / "cells").iterdir()), strict=True):
        result = json.loads((folder / "result.json").read_text())
        assert float(row["test_accuracy"]) == result["test_accuracy"] and row["steps"] == "4" and row["date"]
    assert [row["step"] for row in table(tmp_path / "results" / "frequency_curves.csv")] == ["2", "4"] * 2
    units = table(tmp_path / "results" / "frequency_rhythms.csv")
    assert len(units) == 6 and all(float(row["tau"]) > 2 for row in units)

    before = (folder / "result.json").stat().st_mtime_ns
    status, out, _ = run_script(experiments.main, *argv)
    assert status == 0 and "2 finished, 0 to do" in out and (folder / "result.json").stat().st_mtime_ns == before
    (folder / "result.json").unlink()  # as if it had been stopped: it goes on from its checkpoint
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    checkpoint["standing"]["seconds"] = 3000.0
    torch.save(checkpoint, folder / "checkpoint.pt")
    status, out, _ = run_script(experiments.main, *argv, "--dry_run")
    assert "begun" in out
    assert run_script(experiments.main, *argv)[0] == 0
    assert json.loads((folder / "result.json").read_text())["seconds"] == 3000

    (folder / "metrics.csv").unlink()  # what is damaged is told before anything is trained
    more = [*argv[:-6], "--seed", 42, 43, *argv[-4:]]
    status, _, err = run_script(experiments.main, *more)
    assert status == 2 and "damaged" in err and err.count("\n") == 1 and len(list(folder.parent.iterdir())) == 2


def test_rows_of_other_cells_stay_and_none_is_replaced_by_another_setting(run_script, tmp_path):
    argv = [*TINY, "--sampling", "standard", "--seed", 42, "--to", tmp_path / "results"]
    argv += ["--summary_path", tmp_path / "cells"]
    for cell in ("phased", "LSTM"):
        assert run_script(experiments.main, *argv, "--cell", cell)[0] == 0
    before = table(tmp_path / "results" / "frequency.csv")
    assert [row["model_type"] for row in before] == ["LSTM", "GatedLSTM"]
    assert len(table(tmp_path / "results" / "frequency_rhythms.csv")) == 6
    status, _, err = run_script(experiments.main, *argv, "--cell", "LSTM", "--num_hidden", 8)
    assert status == 2 and "--num_hidden 6, not 8" in err and err.count("\n") == 1
    assert table(tmp_path / "results" / "frequency.csv") == before


def test_failures_are_reported_and_bad_input_is_refused(run_script, tmp_path):
    status, _, err = run_script(experiments.main, *TINY)
    assert status == 2 and "--to" in err  # a tiny run never takes the place of the measured table
    assert run_script(experiments.main, "--task_id", 3)[0] == 2
    assert run_script(experiments.main, "--grid", "adding", "--sampling", "async")[0] == 2
    status, _, err = run_script(experiments.main, "--grid", "adding", "--cell", "phased", "assignment", "--dry_run")
    assert status == 2 and "no cell assignment" in err and "phased-chrono" in err  # not left out without a word
    folder = tmp_path / "frequency-standard_LSTM_forget1_H6-batch_size-4_seed42_steps4_eval2"
    folder.mkdir()
    (folder / "checkpoint.pt").write_text("nothing")
    argv = [*TINY, "--sampling", "standard", "--cell", "LSTM", "--seed", 42, "--summary_path", tmp_path]
    status, _, err = run_script(experiments.main, *argv, "--to", tmp_path / "results")
    assert status == 1 and "damaged" in err


def fake_results(folder):
    """Tables as the experiments write them, with made-up figures."""
    folder.mkdir()
    about = [
        dict(zip(("sampling", "model_type", "variant", "init", "seed"), (sampling, *cell, seed), strict=True))
        for sampling in ("", *SAMPLINGS)
        for cell in CELLS
        for seed in (42, 43)
    ]
    write(folder / "frequency.csv", [{**row, "test_accuracy": 0.5 + 0.1 * len(row["init"]) / 3} for row in about])
    points = [
        {**row, "step": step, "validation_accuracy": 0.9, "validation_loss": 0.1} for row in about for step in (1, 2)
    ]
    for name in ("frequency", "adding"):
        write(folder / f"{name}_curves.csv", points)
    units = [{**row, "unit": unit, "tau": 3 + unit, "s": 1, "r_on": 0.5} for row in about[8:16] for unit in range(3)]
    write(folder / "frequency_rhythms.csv", units)


def write(path, rows):
    with open(path, "w", newline="") as f:
        out = csv.DictWriter(f, rows[0])
        out.writeheader()
        out.writerows(rows)


def test_every_figure(tmp_path, run_script):
    (tmp_path / "nothing").mkdir()
    status, out, err = run_script(plots.main, "--to", tmp_path / "figures", "--results", tmp_path / "nothing")
    assert status == 0 and "is not there yet" in out, err
    made = {path.name for path in (tmp_path / "figures").iterdir()}
    assert made == {f"{name}.{end}" for name in DRAWINGS for end in ("png", "pdf")}
    assert {"time_gate.png", "time_gate_parameters.png", "gated_cell.png", "gate_raster.png"} <= made

    fake_results(tmp_path / "results")
    status, out, err = run_script(plots.main, "--to", tmp_path / "more", "--results", tmp_path / "results")
    assert status == 0, err
    made = {path.name for path in (tmp_path / "more").iterdir()}
    of_results = RESULT_FIGURES.keys() - {"learned_rhythms", "rhythm_gradients"}  # see test_learnability.py
    assert made == {f"{name}.{end}" for name in [*DRAWINGS, *of_results] for end in ("png", "pdf")}


def test_results_that_are_not_there_or_of_which_little_is(tmp_path, run_script):
    for argv, word in ((["--to", "/dev/null/x"], "--to"), (["--results", tmp_path / "typo"], "--results")):
        status, _, err = run_script(plots.main, *argv)
        assert status == 2 and word in err and err.count("\n") == 1
    (tmp_path / "frequency_rhythms.csv").write_text("sampling,model_type,variant,init,seed,unit,tau,s,r_on\n")
    for name in ("frequency", "frequency_curves", "adding_curves"):
        (tmp_path / f"{name}.csv").write_text("sampling,model_type,variant,init,seed,step\n")
    status, out, _ = run_script(plots.main, "--to", tmp_path / "figures", "--results", tmp_path)
    assert status == 0 and "no gate_raster_trained" in out  # no gated cell has finished yet
    for name in ("frequency_accuracy", "frequency_curves", "adding_curves"):
        assert f"no {name}" in out and not (tmp_path / "figures" / f"{name}.png").exists()
    for damaged in ("{}", "junk"):
        (tmp_path / "learnability.json").write_text(damaged)
        status, _, err = run_script(plots.main, "--to", tmp_path / "figures", "--results", tmp_path)
        assert status == 2 and "learnability.json is damaged" in err and err.count("\n") == 1


def test_other_times_and_seeds_do_not_enter_the_measured_tables(run_script, tmp_path):
    for argv in (["--max_minutes", 1], ["--seed", 7], ["--eval_every", 7]):
        status, _, err = run_script(experiments.main, *argv, "--summary_path", tmp_path)
        assert status == 2 and "--to" in err and err.count("\n") == 1
    (tmp_path / "file").touch()
    for argv, word in ((["--to", tmp_path / "file"], "--to"), (["--input_length", 50], "--input_length")):
        status, _, err = run_script(experiments.main, *argv, "--summary_path", tmp_path)
        assert status == 2 and word in err and err.count("\n") == 1


def test_a_cell_that_is_evaluated_at_other_times_is_another_cell():
    def names(*argv):
        return set(experiments.cells(experiments.arguments().parse_args(["--seed", "42", *argv])))

    assert not names() & names("--eval_every", "7") and names() == names("--eval_every", "156")


def test_a_call_elsewhere_takes_nothing_away(run_script, tmp_path):
    argv = [*TINY, "--sampling", "standard", "--cell", "assignment", "LSTM", "--seed", 42, "--to", tmp_path / "results"]
    assert run_script(experiments.main, *argv, "--summary_path", tmp_path / "there")[0] == 0
    names = ("frequency", "frequency_curves", "frequency_rhythms")
    before = [table(tmp_path / "results" / f"{name}.csv") for name in names]
    argv += ["--summary_path", tmp_path / "here", "--task_id", 2, "--num_tasks", 3]  # a share without a cell
    assert run_script(experiments.main, *argv)[0] == 0
    assert [table(tmp_path / "results" / f"{name}.csv") for name in names] == before and all(before)
    row = before[0][0]
    assert (row["num_hidden"], row["learning_rate"], row["learn"], row["device"]) == ("6", "0.001", "tau s r_on", "cpu")
