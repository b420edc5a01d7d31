# SPDX-License-Identifier: MIT
"""A user's mistake gets one line that names it, and exit status 2; nothing is written."""

import subprocess
import sys
from pathlib import Path

import pytest

from part1 import benchmark, gradient_flow, gradients, sweep, traces, transfer
from part1 import plots as part1_plots
from part1 import train as part1
from part2 import experiments, learnability
from part2 import train as part2
from part3 import benchmark as part3_benchmark
from part3 import compressors, evaluate, generate, numpy_ablations, numpy_rnn, train_text
from part3 import experiments as text_experiments

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = {  # flag: values that make no sense
    "input_length": ["0", "-1", "2.5", "x"],
    "num_hidden": ["0", "1.5"],
    "num_classes": ["5", "0"],
    "batch_size": ["0", "-4"],
    "train_steps": ["0", "1.5", "nan"],
    "print_every": ["0"],
    "eval_every": ["0"],
    "learning_rate": ["0", "-1", "nan", "inf"],
    "max_norm": ["0", "-1", "nan"],
    "seed": ["-1", "0.5", "1e20"],
    "input_dim": ["2", "0", "x"],
    "model_type": ["GRU"],
    "init": ["kaiming"],
    "optimizer": ["lbfgs"],
    "device": ["cuda:99", "toaster"],
}
GATE = {
    "tau": ["0", "-1", "nan"], "s": ["x", "inf"], "r_on": ["0", "1.1", "nan"], "leak": ["-0.1", "2"],
    "learn": ["speed"], "variant": ["other"], "task": ["chess"], "init": ["identity"],
}  # fmt: skip
TEXT = {
    "seq_length": ["0", "1.5"], "lstm_num_hidden": ["0"], "lstm_num_layers": ["0"], "batch_size": ["0"],
    "learning_rate": ["0", "nan"], "learning_rate_decay": ["0", "1.1"], "learning_rate_step": ["0"],
    "dropout_keep_prob": ["0", "1.1", "nan"], "train_steps": ["0", "1.5"], "max_norm": ["0"], "print_every": ["0"],
    "sample_every": ["0"], "sample_length": ["0"], "temperature": ["-1", "nan", "x"], "eval_every": ["0"],
    "checkpoint_every": ["0"], "val_fraction": ["-0.1", "1.1"], "test_fraction": ["nan"], "seed": ["-1"],
    "device": ["cuda:99"],
}  # fmt: skip
GENERATE = {"length": ["0", "1.5"], "temperature": ["-1", "nan"], "num_samples": ["0"], "seed": ["-1"], "device": ["x"]}

CASES = [
    (main, flag, value)
    for main, table in ((part1.main, NUMBERS), (part2.main, GATE), (train_text.main, TEXT), (generate.main, GENERATE))
    for flag, values in table.items()
    for value in values
]


def check(result, *words):
    status, _, err = result
    assert status == 2, err
    assert err.count("\n") == 1 and err.endswith("\n"), err
    for word in words:
        assert str(word) in err, err


@pytest.mark.parametrize(("main", "flag", "value"), CASES)
def test_values_out_of_range(run_script, tmp_path, text_file, monkeypatch, main, flag, value):
    monkeypatch.chdir(tmp_path)
    text_file.rename(tmp_path.parent / f"{tmp_path.name}.txt")
    before = {
        part1.main: [], part2.main: [], generate.main: ["--checkpoint", "x"],
        train_text.main: ["--txt_file", tmp_path.parent / f"{tmp_path.name}.txt"],
    }[main]  # fmt: skip
    check(run_script(main, *before, f"--{flag}", value), f"--{flag}", value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("argv", [["--model_type", "LSTM", "--init", "identity"], ["--init", "chrono"]])
def test_an_initialisation_of_the_other_model(run_script, argv):
    check(run_script(part1.main, *argv), argv[-1])


def test_latch_with_scalars(run_script):
    check(run_script(part1.main, "--init", "latch"), "--input_dim 10")
    check(run_script(part2.main, "--init", "latch"), "--input_dim 10")


def test_periods_in_the_wrong_order(run_script):
    check(run_script(part2.main, "--tau", 5, 3), "--tau", "lower one first")
    check(run_script(part2.main, "--tau", 3, 4, 5), "--tau")


def test_texts_that_do_not_serve(run_script, tmp_path):
    check(run_script(train_text.main), "--txt_file")
    check(run_script(train_text.main, "--txt_file", tmp_path / "no.txt"), "no.txt", "No such file")
    check(run_script(train_text.main, "--txt_file", tmp_path), "directory")
    for raw, word in (
        (b"", "empty"),
        (b"\0\1\2\0", "zero bytes"),
        (b"too short", "too few"),
        (b"short" * 6, "--seq_length"),
    ):
        path = tmp_path / "a.txt"
        path.write_bytes(raw)
        check(run_script(train_text.main, "--txt_file", path), "a.txt" if word != "too few" else "", word)


def test_fractions_that_leave_nothing(run_script, text_file):
    for main in (train_text.main, numpy_rnn.main, compressors.main):
        for val, test in ((0.6, 0.6), (1, 0)):
            argv = ["--txt_file", text_file, "--val_fraction", val, "--test_fraction", test]
            check(run_script(main, *argv), "leave nothing to train on", "below 1 together")


@pytest.mark.parametrize(
    ("main", "flag"),
    [
        (part1.main, "--resume"),
        (part2.main, "--resume"),
        (train_text.main, "--resume"),
        (generate.main, "--checkpoint"),
    ],
)
def test_checkpoints_that_do_not_serve(run_script, tmp_path, main, flag):
    check(run_script(main, flag, tmp_path / "missing"), "missing")
    check(run_script(main, flag, tmp_path), "checkpoint.pt")  # a folder without one
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a checkpoint")
    check(run_script(main, flag, path), "damaged")
    assert path.read_bytes() == b"not a checkpoint"


def test_one_run_is_resumed_and_it_has_a_name(run_script):
    check(run_script(part1.main, "--resume", "x", "--input_length", 3, 9), "--input_length")
    for main in (part1.main, train_text.main):
        check(run_script(main, "--resume", ""), "checkpoint")


@pytest.mark.parametrize("script", ["part1/train.py", "part2/train.py", "part3/train_text.py", "part3/generate.py"])
def test_from_a_real_command_line(script, tmp_path):
    done = subprocess.run([sys.executable, ROOT / script, "--seed", "x"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--seed" in done.stderr and not done.stdout


def test_an_output_folder_that_cannot_be_written(run_script, tmp_path, text_file):
    for main, argv in ((part1.main, []), (part2.main, []), (train_text.main, ["--txt_file", text_file])):
        check(run_script(main, *argv, "--summary_path", text_file / "runs"), "--summary_path")


def test_sizes_beyond_all_memory(run_script, tmp_path, text_file):
    for main, argv in (
        (part1.main, ["--batch_size", "1e12"]),
        (part1.main, ["--input_length", "1e8"]),
        (train_text.main, ["--txt_file", text_file, "--lstm_num_hidden", "1e7"]),
    ):
        check(run_script(main, *argv, "--summary_path", tmp_path), "not enough memory")


def test_plots_of_what_is_no_result(run_script, tmp_path):
    check(run_script(part1_plots.main, tmp_path), "result.json")
    (tmp_path / "result.json").write_text("{}")
    check(run_script(part1_plots.main, tmp_path), "not a result")
    check(run_script(part1_plots.main, tmp_path, "--output", "a.xyz"), ".png or .pdf")
    check(run_script(part1_plots.main, tmp_path, "--to", tmp_path), "--output is of the picture of RUNs")
    check(run_script(part1_plots.main, "--output", "a.png"), "--output is of the picture of RUNs")


RESULTS = ROOT / "report" / "results"


@pytest.mark.parametrize(
    ("main", "argv", "target"),
    [
        (sweep.main, ["--grid", "lengths", "--max_minutes", 1, "--table"], RESULTS / "part1" / "lengths.csv"),
        (transfer.main, ["--test_size", 50, "--to"], RESULTS / "part1" / "transfer.csv"),
        (traces.main, ["--trained_length", 5, "--to"], RESULTS / "part1" / "traces.json"),
        (gradient_flow.main, ["--input_length", 5, "--to"], RESULTS / "part1" / "gradient_flow.json"),
        (benchmark.main, ["--rounds", 3, "--to"], RESULTS / "part1" / "speed.json"),
        (experiments.main, ["--train_steps", 5, "--to"], RESULTS / "part2"),
        (learnability.main, ["--quick", "--to"], RESULTS / "part2" / "learnability.json"),
        (part3_benchmark.main, ["--rounds", 1, "--to"], RESULTS / "part3" / "speed.json"),
        (text_experiments.main, ["report", "--only", "tiny", "--to"], RESULTS / "part3"),
    ],
    ids=lambda value: getattr(value, "__module__", None),
)
def test_other_settings_never_take_the_place_of_the_measured_results(run_script, monkeypatch, main, argv, target):
    monkeypatch.chdir(ROOT / "tests")  # however the path is written
    before = {path: path.read_bytes() for path in RESULTS.rglob("*") if path.is_file()}
    check(run_script(main, *argv, Path("..") / target.relative_to(ROOT)), "not the report's results")
    check(run_script(main, *argv[:-1]), "not the report's results")
    assert before == {path: path.read_bytes() for path in RESULTS.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("main", "argv", "flag"),
    [
        (gradients.main, ["--check"], "--to"),
        (gradient_flow.main, [], "--to"),
        (learnability.main, ["--quick"], "--to"),
        (part3_benchmark.main, [], "--to"),
        (evaluate.main, ["--checkpoint", "none", "--txt_file", "none"], "--json"),
        (compressors.main, ["--txt_file", "none"], "--json"),
        (numpy_ablations.main, ["--txt_file", "none"], "--to"),
    ],
    ids=lambda value: getattr(value, "__module__", None),
)
def test_where_results_cannot_go_is_told_before_the_work(run_script, text_file, main, argv, flag):
    before = text_file.read_bytes()
    check(run_script(main, *argv, flag, text_file / "results.json"), "results.json", flag)
    check(run_script(main, *argv, flag, text_file), text_file, flag)  # a book is no result
    assert text_file.read_bytes() == before


def test_an_empty_folder_name(run_script):
    check(run_script(part1.main, "--summary_path", ""), "--summary_path is empty")


@pytest.mark.parametrize("main", [sweep.main, experiments.main])
def test_a_sweep_that_cannot_write_says_so_before_it_trains(run_script, tmp_path, main):
    tiny = ["--grid", "tiny"] if main is sweep.main else ["--train_steps", 1, "--sampling", "standard", "--seed", 42]
    to = "--table" if main is sweep.main else "--to"
    (tmp_path / "file").touch()
    argv = [*tiny, to, tmp_path / "table"]
    check(run_script(main, *argv, "--summary_path", tmp_path / "file"), "--summary_path")
    argv = [*tiny, to, tmp_path / "file" / "table", "--summary_path", tmp_path / "cells"]
    check(run_script(main, *argv), tmp_path / "file")
    assert not (tmp_path / "cells").exists()
