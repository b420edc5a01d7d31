# SPDX-License-Identifier: MIT
import csv
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from common import workers
from common.cli import UserError
from part1 import sweep, train
from part1.grids import GRIDS, TRIAL
from part1.sweep_results import read_results

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--num_hidden", 8, "--batch_size", 8, "--train_steps", 4, "--input_dim", 10]


def names(out):
    return [line.split()[-1] for line in out.splitlines()[1:] if line.split()[0] in ("to", "finished", "begun")]


def table(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def test_a_grid_is_the_product_of_its_values(run_script, tmp_path):
    argv = [*TINY, "--model_type", "RNN", "LSTM", "--input_length", 2, 3, "--seed", 1, 2, 3, "--summary_path", tmp_path]
    status, out, _ = run_script(sweep.main, *argv, "--dry_run")
    assert status == 0 and "12 cells of 12, 0 finished, 12 to do" in out
    assert len(set(names(out))) == 12 and not list(tmp_path.iterdir())
    shares = [names(run_script(sweep.main, *argv, "--dry_run", "--task_id", k, "--num_tasks", 5)[1]) for k in range(5)]
    assert sorted(name for share in shares for name in share) == sorted(names(out))  # disjoint, and all of them


def test_cells_run_once_and_what_failed_is_left_for_the_next_call(run_script, tmp_path):
    argv = [*TINY, "--optimizer", "sgd", "--learning_rate", 0.01, 0.02, "--train_steps", 40]
    argv += ["--input_length", 3, "--summary_path", tmp_path / "cells", "--table", tmp_path / "table.csv"]
    broken = tmp_path / "cells" / names(run_script(sweep.main, *argv, "--dry_run")[1])[1]
    broken.mkdir(parents=True)
    (broken / "checkpoint.pt").write_text("nonsense")
    status, out, err = run_script(sweep.main, *argv)
    assert status == 1 and "2 to do" in out and "failed: " in err and "damaged" in err
    (row,) = table(tmp_path / "table.csv")
    assert row["learning_rate"] == "0.01" and row["steps"] == "40" and row["torch"] == torch.__version__ and row["date"]
    (result,) = tmp_path.glob("cells/*/result.json")
    before = result.stat().st_mtime_ns
    status, out, _ = run_script(sweep.main, *argv)
    assert status == 1 and "1 finished, 1 to do" in out and result.stat().st_mtime_ns == before


def test_a_cell_equals_the_same_run_of_train(run_script, tmp_path):
    argv = [*TINY, "--seed", 7, "--input_length", 3]
    assert run_script(sweep.main, *argv, "--summary_path", tmp_path / "cells", "--workers", 2)[0] == 0
    assert run_script(train.main, *argv, "--summary_path", tmp_path / "runs")[0] == 0
    a, b = (torch.load(path, weights_only=True)["model"] for path in tmp_path.glob("*/*/checkpoint.pt"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_cell_that_was_stopped_goes_on(run_script, tmp_path):
    argv = [*TINY, "--input_length", 3, "--summary_path", tmp_path / "cells"]
    assert run_script(sweep.main, *argv)[0] == 0
    (folder,) = (path for path in (tmp_path / "cells").iterdir() if path.is_dir())
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    rows = table(folder / "metrics.csv")
    (folder / "result.json").unlink()  # as if it had been stopped after its last checkpoint, an hour after it began
    checkpoint["standing"]["seconds"] = 3000.0
    torch.save(checkpoint, folder / "checkpoint.pt")
    assert "begun" in run_script(sweep.main, *argv, "--dry_run")[1]
    assert run_script(sweep.main, *argv)[0] == 0
    again = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert all(torch.equal(checkpoint["model"][name], again["model"][name]) for name in again["model"])
    assert table(folder / "metrics.csv") == rows
    assert json.loads((folder / "result.json").read_text())["seconds"] == 3000  # it went on, and did not begin anew


def test_a_cell_that_its_time_ended_goes_on_where_more_is_allowed(run_script, tmp_path):
    argv = [*TINY, "--train_steps", 400, "--input_length", 3, "--summary_path", tmp_path, "--no_early_stop", "true"]
    assert run_script(sweep.main, *argv, "--max_minutes", 1e-5)[0] == 0
    (path,) = tmp_path.glob("*/result.json")
    assert json.loads(path.read_text())["ended_by"] == "max_minutes"
    assert "1 finished" in run_script(sweep.main, *argv, "--max_minutes", 1e-6, "--dry_run")[1]
    assert "1 to do" in run_script(sweep.main, *argv)[1]
    found = json.loads(path.read_text())
    assert found["ended_by"] == "train_steps" and found["steps"] == 400


def test_flags_may_be_left_out_of_a_block():
    found = sweep.cells([{"input_length": [10], "curriculum": [None, "none", 1.1], "reservoir": [True, False]}], 60)
    assert sorted((config.curriculum or 0, config.reservoir) for config in found.values()) == [
        (0, False), (0, True), (1.1, False), (1.1, True),
    ]  # fmt: skip


@pytest.mark.parametrize("grid", GRIDS)
def test_the_named_grids_are_sound(grid):
    found = sweep.cells(GRIDS[grid], 60)
    assert len(found) >= 5
    assert all(config.max_minutes == 60 for config in found.values())
    settings = [json.dumps(vars(config), sort_keys=True) for config in found.values()]
    assert len(set(settings)) == len(found)  # no two cells share a folder, none is named twice


def test_the_device_is_that_of_all_cells_and_stands_in_the_table(run_script, tmp_path):
    argv = [*TINY, "--input_length", 3, "--summary_path", tmp_path, "--device"]
    status, _, err = run_script(sweep.main, *argv, "cuda:99")
    assert status == 2 and err.startswith("sweep.py: error: argument --device: 'cuda:99'") and err.count("\n") == 1
    assert run_script(sweep.main, *argv, "cpu")[0] == 0
    assert table(tmp_path / "table.csv")[0]["device"] == "cpu"


@pytest.mark.parametrize("grid", [grid for grid in GRIDS if grid != TRIAL])
def test_the_committed_tables_are_those_of_the_grids(grid):
    cells = {sweep.varied(config) for config in sweep.cells(GRIDS[grid], 60).values()}
    rows = [tuple(row[flag] for flag in sweep.VARIED) for row in read_results(sweep.RESULTS / f"{grid}.csv")]
    assert len(rows) == len(set(rows)) and set(rows) == cells


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ([], "--grid"),
        (["--grid", "tiny", "--seed", 1], "one of the two"),
        (["--grid", "lenghts"], "lenghts"),
        (["--input_length", "x"], "'x'"),
        (["--init", "chrono"], "chrono"),
        (["--grid", "tiny", "--task_id", 2, "--num_tasks", 2], "--task_id 2"),
        (["--grid", "tiny", "--workers", 0], "--workers"),
    ],
)
def test_bad_input(run_script, tmp_path, argv, word):
    status, _, err = run_script(sweep.main, *argv, "--summary_path", tmp_path / "none")
    assert status == 2 and word in err and err.count("\n") == 1 and not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_a_signal_saves_every_cell_that_trains(tmp_path, number):
    argv = [*TINY, "--input_length", 3, "--seed", 1, 2, 3, "--train_steps", 100_000, "--workers", 2]
    argv += ["--learning_rate", 1e-7]  # never solved
    command = [sys.executable, ROOT / "part1" / "sweep.py", *argv, "--summary_path", tmp_path / "cells"]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("cells/*/best.pt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(timeout=60) == 128 + number
    steps = [torch.load(path, weights_only=True)["standing"]["step"] for path in tmp_path.glob("cells/*/checkpoint.pt")]
    assert len(steps) == 2 and all(step % 100 for step in steps)  # saved where they stood, the third never begun
    assert not list(tmp_path.glob("cells/*/result.json"))


def test_the_reports_own_measure_and_the_curves(run_script, tmp_path, monkeypatch):
    values = {"model_type": ["RNN"], "input_length": [3], "num_hidden": [8], "batch_size": [8], "train_steps": [300]}
    monkeypatch.setitem(GRIDS, "curves", [{**values, "no_early_stop": [None, True], "seed": [1]}])
    argv = ["--grid", "curves", "--summary_path", tmp_path / "cells", "--table", tmp_path / "curves.csv"]
    assert run_script(sweep.main, *argv)[0] == 0
    early, whole = table(tmp_path / "curves.csv")
    assert (early["no_early_stop"], whole["no_early_stop"], whole["steps"]) == ("False", "True", "300")
    (folder,) = tmp_path.glob("cells/*_allsteps300")
    logged = [row for row in table(folder / "metrics.csv") if row["accuracy"]]
    last = [float(row["accuracy"]) for row in logged if int(row["step"]) > 50]
    assert len(last) == 25 and float(whole["training_accuracy"]) == pytest.approx(sum(last) / 25, abs=1e-4)
    curves = [row for row in table(tmp_path / "curves_curves.csv") if row["no_early_stop"] == "True"]
    assert [row["loss"] for row in curves] == [row["loss"] for row in table(folder / "metrics.csv")]


def test_values_for_flags_that_are_bare_or_left_out(run_script, tmp_path):
    argv = [*TINY, "--input_length", 3, "--reservoir", "none", "true", "--curriculum", "none", 1.1]
    argv += ["--no_early_stop", "true", "--summary_path", tmp_path, "--dry_run"]
    status, out, _ = run_script(sweep.main, *argv)
    assert status == 0 and "4 cells of 4" in out
    assert sum("reservoir" in name for name in names(out)) == sum("curriculum1.1" in name for name in names(out)) == 2
    assert all("_allsteps4" in name for name in names(out))


def test_a_sweep_that_has_begun_keeps_the_rows_of_another_machine(run_script, tmp_path):
    argv = [*TINY, "--input_length", 2, 3, "--curriculum", "none", 1.1, "--table", tmp_path / "table.csv"]
    assert run_script(sweep.main, *argv, "--summary_path", tmp_path / "there")[0] == 0
    before = table(tmp_path / "table.csv")
    argv += ["--summary_path", tmp_path / "here", "--task_id", 1, "--num_tasks", 4]
    assert run_script(sweep.main, *argv)[0] == 0
    after = table(tmp_path / "table.csv")
    assert len(after) == len(before) == 4 and len(list(tmp_path.glob("here/*"))) == 1
    for row in (*before, *after):
        del row["seconds"], row["date"]
    assert after == before
    other = [*TINY, "--input_length", 4, "--curriculum", "none", "--table", tmp_path / "table.csv"]
    assert run_script(sweep.main, *other, "--summary_path", tmp_path / "elsewhere")[0] == 0
    assert len(table(tmp_path / "table.csv")) == 5  # what another call wrote there stays


def test_another_file_in_the_place_of_the_table_is_found_before_anything_is_trained(run_script, tmp_path):
    diary = tmp_path / "diary.csv"
    diary.write_text("Monday\n")
    argv = [*TINY, "--input_length", 3, "--summary_path", tmp_path / "cells", "--table", diary]
    status, _, err = run_script(sweep.main, *argv)
    assert status == 2 and "another table" in err and diary.read_text() == "Monday\n"
    diary.rename(tmp_path / "mine_curves.csv")
    argv = ["--grid", "curves", "--summary_path", tmp_path / "cells", "--table", tmp_path / "mine.csv"]
    status, _, err = run_script(sweep.main, *argv)
    assert status == 2 and "mine_curves.csv is there" in err and not (tmp_path / "cells").exists()


def test_a_measured_table_takes_no_rows_of_others(run_script, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "RESULTS", tmp_path / "results")
    argv = ["--summary_path", tmp_path / "cells", "--table", tmp_path / "results" / "lengths.csv"]
    for other in (["--grid", "tiny"], [*TINY, "--input_length", 5]):
        status, _, err = run_script(sweep.main, *other, *argv)
        assert status == 2 and "not the table of these cells" in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_row_is_of_the_time_that_its_call_allows(run_script, tmp_path):
    argv = [*TINY, "--input_length", 3, "--train_steps", 400, "--no_early_stop", "true", "--seed", 1, 2]
    argv += ["--table", tmp_path / "table.csv"]
    assert run_script(sweep.main, *argv, "--summary_path", tmp_path / "there")[0] == 0
    before = table(tmp_path / "table.csv")
    short = [*argv, "--summary_path", tmp_path / "here"]
    assert run_script(sweep.main, *short, "--max_minutes", 1e-6, "--table", tmp_path / "short.csv")[0] == 0
    assert {row["ended_by"] for row in table(tmp_path / "short.csv")} == {"max_minutes"}
    assert run_script(sweep.main, *short, "--task_id", 1, "--num_tasks", 2)[0] == 0  # the other has not gone on
    assert table(tmp_path / "table.csv")[0] == before[0]


def test_a_row_has_nothing_of_updates_after_its_result(run_script, tmp_path):
    argv = [*TINY, "--input_length", 3, "--train_steps", 40, "--summary_path", tmp_path]
    assert run_script(sweep.main, *argv)[0] == 0
    before = table(tmp_path / "table.csv")
    (path,) = tmp_path.glob("*/metrics.csv")
    with open(path, "a") as f:
        f.write("50,.1,1.0,.1,\n")  # of a run that has gone on and was stopped
    assert run_script(sweep.main, *argv)[0] == 0 and table(tmp_path / "table.csv") == before


@pytest.mark.parametrize("damaged", ["", "{", "{}", "[]", "null"])
def test_a_damaged_result_is_made_anew(run_script, tmp_path, damaged):
    argv = [*TINY, "--input_length", 3, "--seed", 1, 2, "--summary_path", tmp_path]
    assert run_script(sweep.main, *argv)[0] == 0
    path = next(tmp_path.glob("*/result.json"))
    path.write_text(damaged)
    assert "1 finished, 1 to do" in run_script(sweep.main, *argv, "--dry_run")[1]
    assert run_script(sweep.main, *argv)[0] == 0 and json.loads(path.read_text())["steps"] == 4
    assert [row["seed"] for row in table(tmp_path / "table.csv")] == ["1", "2"]  # beside the runs, unless --table says


def test_a_row_is_of_the_run_that_its_folder_holds(run_script, tmp_path):
    argv = [*TINY, "--input_length", 3, "--summary_path", tmp_path]
    assert run_script(sweep.main, *argv, "--learning_rate", 0.05)[0] == 0
    status, _, err = run_script(sweep.main, *argv, "--learning_rate", 0.05000001)  # the same name
    assert status == 2 and "--learning_rate 0.05," in err and "--summary_path" in err and err.count("\n") == 1
    (result,) = tmp_path.glob("*/result.json")
    result.unlink()  # begun, not finished
    status, _, err = run_script(sweep.main, *argv, "--learning_rate", 0.05000001)
    assert status == 1 and "--learning_rate 0.05," in err and not result.exists()
    status, _, err = run_script(sweep.main, *argv, "--learning_rate", 0.001, 0.0010000001)
    assert status == 2 and "too close" in err and err.count("\n") == 1


def test_a_cell_that_ends_without_a_result_is_named(monkeypatch):
    class Pool(ThreadPoolExecutor):
        def __init__(self, number, mp_context, initializer, initargs):
            super().__init__(number)
            initializer(*initargs)

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(workers.signal, "signal", lambda *arguments: None)
    failed, status = workers.run_all({"cell": None}, Path(), 1, lambda config, folder: 143, str)
    assert failed == {"cell": "ended with status 143"} and workers.exit_status(failed, status) == 1


def test_a_result_that_names_no_processor_is_one(run_script, tmp_path):
    """As those had it that were made before results named theirs."""
    argv = [*TINY, "--input_length", 3, "--summary_path", tmp_path]
    assert run_script(sweep.main, *argv)[0] == 0
    path = next(tmp_path.glob("*/result.json"))
    result = json.loads(path.read_text())
    assert table(tmp_path / "table.csv")[0]["processor"] == result.pop("processor")
    path.write_text(json.dumps(result))
    status, out, _ = run_script(sweep.main, *argv)
    assert status == 0 and "1 finished, 0 to do" in out
    assert table(tmp_path / "table.csv")[0]["processor"] == ""


def killed_or_done(config, folder):
    """Stands for a cell: one that the system kills, one that fails, one that finishes."""
    if config == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if config == "fails":
        raise UserError("no such thing")
    folder.mkdir(exist_ok=True)  # it may have finished when the pool died, unheard
    (folder / "result.json").write_text("{}")
    return 0


def test_a_process_that_the_system_kills_takes_no_other_cell_with_it(tmp_path, capsys):
    cells = {"a": "done", "b": "killed", "c": "done", "d": "fails", "e": "done", "f": "done"}
    failed, status = workers.run_all(cells, tmp_path, 2, killed_or_done, lambda result: "finished")
    assert status == 0 and sorted(failed) == ["b", "d"]
    assert "killed" in failed["b"] and "memory" in failed["b"] and failed["d"] == "no such thing"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "e", "f"]
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(":")[0] for line in lines) == list(cells)  # each is said once


def test_a_cell_whose_loss_is_no_longer_finite_is_a_result(run_script, tmp_path):
    argv = [*TINY, "--input_length", 3, "--optimizer", "sgd", "--learning_rate", 1e38, "--max_norm", 1e38]
    argv += ["--train_steps", 40, "--summary_path", tmp_path / "cells", "--table", tmp_path / "table.csv"]
    status, _, err = run_script(sweep.main, *argv)
    assert status == 0 and not err
    (row,) = table(tmp_path / "table.csv")
    assert row["ended_by"] == "not finite" and row["solved_at"] == "" and 0.01 < float(row["test_accuracy"]) < 0.5
    status, out, _ = run_script(sweep.main, *argv)
    assert "1 finished, 0 to do" in out


def test_curves_of_another_machine_are_kept(run_script, tmp_path, monkeypatch):
    values = {"model_type": ["RNN"], "input_length": [2, 3], "num_hidden": [8], "batch_size": [8], "train_steps": [10]}
    monkeypatch.setitem(GRIDS, "curves", [{**values, "seed": [1]}])
    argv = ["--grid", "curves", "--table", tmp_path / "curves.csv"]
    assert run_script(sweep.main, *argv, "--summary_path", tmp_path / "there")[0] == 0
    before = table(tmp_path / "curves_curves.csv")
    argv += ["--summary_path", tmp_path / "here", "--task_id", 1, "--num_tasks", 2]
    assert run_script(sweep.main, *argv)[0] == 0
    assert table(tmp_path / "curves_curves.csv") == before and {row["input_length"] for row in before} == {"2", "3"}


def test_the_trial_leaves_the_measured_tables_alone(run_script, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "RESULTS", tmp_path / "results")
    status, out, _ = run_script(sweep.main, "--grid", "tiny", "--summary_path", tmp_path / "cells")
    assert status == 0 and "6 of 6" in out and not (tmp_path / "results").exists()
    assert len((tmp_path / "cells" / "table.csv").read_text().splitlines()) == 7
