# SPDX-License-Identifier: MIT
import argparse
import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from part2 import dataset, flags, train, train_timed
from part2.evaluation import Standing, measure, share_open
from part2.gated_lstm import GatedLSTM, TimedLSTM
from part2.time_gate import random_gate

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--num_hidden", 6, "--batch_size", 4, "--train_steps", 4, "--print_every", 2, "--eval_every", 2]
FREQUENCY = ["--task", "frequency", *TINY]
ADDING = ["--task", "adding", "--input_length", 20, *TINY]


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch):
    """Held-out sets of forty sequences: what they are is tested elsewhere."""
    held_out = dataset.TimedDataset.held_out
    monkeypatch.setattr(dataset.TimedDataset, "held_out", lambda self, seed, size: held_out(self, seed, min(size, 40)))


@pytest.fixture
def tiny(tmp_path, run_script):
    def run(*argv):
        before = set(tmp_path.glob("runs/*"))
        status, _, err = run_script(train.main, *argv, "--summary_path", tmp_path / "runs")
        assert status == 0, err
        (folder,) = set(tmp_path.glob("runs/*")) - before
        return folder

    return run


def weights(folder, name="checkpoint.pt"):
    return torch.load(folder / name, weights_only=True)["model"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def result(folder):
    return json.loads((folder / "result.json").read_text())


@pytest.mark.parametrize("model_type", ["GatedLSTM", "LSTM"])
@pytest.mark.parametrize("task", [FREQUENCY, ADDING])
def test_a_run_leaves_what_it_found(tiny, task, model_type):
    folder = tiny(*task, "--model_type", model_type)
    found = result(folder)
    assert {"checkpoint.pt", "best.pt", "config.json", "metrics.csv", "curves.png"} <= {
        p.name for p in folder.iterdir()
    }
    assert found["steps"] == 4 and found["ended_by"] == "train_steps" and found["seconds"] > 0
    assert found["test_size"] == 40 and found["best_step"] in (2, 4) and found["date"] and found["versions"]["torch"]
    assert 0 <= found["test_accuracy"] <= 1 and found["config"]["task"] == task[1]
    if task is FREQUENCY:
        assert 0.95 < found["ceiling"] <= 1 and "test_mse" not in found
    else:
        assert found["baseline"] == pytest.approx(1 / 6) and 0 < found["test_mse"] < 5
    assert found["share_open"] == 1 if model_type == "LSTM" else 0 < found["share_open"] < 1
    D = (1 if task is FREQUENCY else 2) + (model_type == "LSTM")  # the time is one more input to the LSTM
    per_sample = 4 * 6 * (D + 6 + 1)
    assert 15 * per_sample < found["multiply_adds"] < 125 * per_sample
    assert (found["rhythm"] is None) == (model_type == "LSTM")
    with open(folder / "metrics.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert [row["step"] for row in rows if row["validation_loss"]] == ["2", "4"]
    assert [row["step"] for row in rows if row["gradient_norm"]] == ["2", "4"]


def test_the_defaults_are_those_of_the_paper():
    config = flags.parser("frequency").parse_args([])
    flags.complete(config)
    assert (config.optimizer, config.learning_rate, config.batch_size, config.num_hidden) == ("adam", 0.001, 32, 110)
    assert config.train_steps == -(-70 * 5_000 // 32) and config.leak == 0.001 and config.variant == "phased"
    gate = train_timed.build_gate(config)
    assert {name for name, _ in gate.named_parameters()} == {"log_tau", "s", "raw_r_on"} and (gate.r_on == 0.05).all()
    assert gate.log_tau.min() >= 1 and gate.log_tau.max() <= 3 and 1.8 < gate.log_tau.mean() < 2.2
    assert (gate.s >= 0).all() and (gate.s < gate.tau).all() and 0.4 < (gate.s / gate.tau).mean() < 0.6
    assignment = flags.parser("frequency").parse_args(["--variant", "assignment"])
    flags.complete(assignment)
    assert assignment.leak == 0


FREQUENCY_FLAGS = {
    "sampling": ("--sampling", "async"),
    "model_type": ("--model_type", "LSTM"),
    "num_hidden": ("--num_hidden", 7),
    "init": ("--init", "xavier"),
    "log_tau": ("--log_tau", 1, 2),
    "s": ("--s", 0.3),
    "r_on": ("--r_on", 0.7),
    "learn": ("--learn", "tau"),
    "leak": ("--leak", 0.2),
    "variant": ("--variant", "assignment"),
    "batch_size": ("--batch_size", 6),
    "learning_rate": ("--learning_rate", 0.1),
    "train_steps": ("--train_steps", 3),
    "max_norm": ("--max_norm", 0.001, "--optimizer", "sgd"),
    "optimizer": ("--optimizer", "sgd"),
    "seed": ("--seed", 7),
}
HOW = {"task", "target", "max_minutes", "backward", "device", "threads", "summary_path", "print_every", "eval_every"}


def test_every_flag_has_an_effect(tiny):
    assert FREQUENCY_FLAGS.keys() | HOW | {"resume"} == vars(flags.parser("frequency").parse_args([])).keys()
    adding = vars(flags.parser("adding").parse_args([])).keys()
    assert adding == FREQUENCY_FLAGS.keys() - {"sampling"} | HOW | {"resume", "input_length"}


def test_each_task_has_its_own_start():
    frequency, adding = (vars(flags.parser(task).parse_args([])) for task in ("frequency", "adding"))
    assert (frequency["log_tau"], frequency["r_on"], frequency["init"]) == ([1, 3], 0.05, "forget1")  # the paper's
    assert frequency["learning_rate"] == 0.001 and adding["learning_rate"] == 0.003
    assert adding["init"] == "chrono" and "_chrono_" in timed_name_of("--task", "adding")
    assert "r_on" not in timed_name_of("--task", "adding")  # the default is not part of a run's name
    assert "r_on-0.05" in timed_name_of("--task", "adding", "--r_on", "0.05")


def timed_name_of(*argv):
    config = flags.parser(argv[1]).parse_args(argv)
    flags.complete(config)
    return flags.timed_name(config)
    plain, sgd = weights(tiny(*FREQUENCY)), weights(tiny(*FREQUENCY, "--optimizer", "sgd"))
    for flag, argv in FREQUENCY_FLAGS.items():
        assert not same(sgd if flag == "max_norm" else plain, weights(tiny(*FREQUENCY, *argv))), flag


def test_the_two_backward_passes_train_alike(tiny):
    a, b = (weights(tiny(*FREQUENCY, "--backward", backward)) for backward in ("manual", "autograd"))
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("task", [FREQUENCY, ADDING])
def test_a_resumed_run_equals_an_uninterrupted_one(tiny, run_script, task):
    whole, part = tiny(*task, "--train_steps", 8), tiny(*task, "--train_steps", 3)
    assert run_script(train.main, "--resume", part, "--train_steps", 8)[0] == 0  # the task is the saved one
    for name in ("checkpoint.pt", "best.pt"):
        assert same(weights(whole, name), weights(part, name))
    assert (whole / "metrics.csv").read_text() == (part / "metrics.csv").read_text()
    a, b = result(whole), result(part)
    for key in ("test_accuracy", "validation", "best_step", "rhythm", "final_test"):
        assert a[key] == b[key]
    status, _, err = run_script(train.main, "--resume", part, "--task", task[1], "--r_on", 0.5)
    assert status == 2 and "--r_on" in err and err.count("\n") == 1
    assert a["config"]["train_steps"] == json.loads((part / "config.json").read_text())["train_steps"] == 8
    status, out, _ = run_script(train.main, "--resume", part)
    assert status == 0 and "nothing to do" in out and "--train_steps" in out
    status, _, err = run_script(train.main, "--resume", part, "--target", 0.5)
    assert status == 2 and "--target" in err and err.count("\n") == 1


@pytest.mark.parametrize("task", [FREQUENCY, ADDING])
def test_so_does_one_that_was_never_evaluated_before_its_end(tiny, run_script, task):
    whole, part = (tiny(*task, "--eval_every", 1000, "--train_steps", steps) for steps in (8, 3))
    assert result(part)["best_step"] == 3
    assert run_script(train.main, "--resume", part, "--train_steps", 8)[0] == 0
    for name in ("checkpoint.pt", "best.pt"):
        assert same(weights(whole, name), weights(part, name))
    assert result(whole)["test_accuracy"] == result(part)["test_accuracy"] and result(part)["best_step"] == 8


def test_a_checkpoint_that_does_not_fit(tiny, run_script):
    folder = tiny(*FREQUENCY)
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    del saved["standing"]["in_a_row"]
    for wrong in ({"standing": {"riddles": 1}}, {"model": {}}, {"optimizer": {}}):
        torch.save({**saved, **wrong}, folder / "checkpoint.pt")
        status, _, err = run_script(train.main, "--resume", folder)
        assert status == 2 and "does not fit" in err and err.count("\n") == 1


def test_a_run_without_its_best_weights_is_told_before_it_trains(tiny, run_script):
    folder = tiny(*FREQUENCY)
    (folder / "best.pt").unlink()
    before = (folder / "metrics.csv").read_text()
    status, _, err = run_script(train.main, "--resume", folder, "--train_steps", 8)
    assert status == 2 and "best.pt" in err and err.count("\n") == 1 and (folder / "metrics.csv").read_text() == before


def test_what_is_learned_is_a_set(tiny):
    a, b = (tiny(*FREQUENCY, "--learn", *names) for names in (("s", "tau"), ("tau", "s", "s")))
    assert same(weights(a), weights(b)) and a.name.startswith("frequency-standard") and "learn-tau-s_" in a.name


def test_each_variant_has_its_leak():
    for task in flags.TASKS:
        for variant, leak in (("phased", 0.001), ("assignment", 0.0)):
            config = flags.parser(task).parse_args(["--variant", variant])
            assert flags.leak_of(config) == leak
            config.leak = 0.5
            assert flags.leak_of(config) == 0.5


def test_the_same_command_twice_gives_the_same_numbers(tiny):
    assert same(weights(tiny(*FREQUENCY)), weights(tiny(*FREQUENCY)))


def test_training_ends_at_the_target_after_three_evaluations(tiny):
    found = result(tiny(*FREQUENCY, "--train_steps", 40, "--target", 0.01))
    assert found["ended_by"] == "target" and found["steps"] == 6 and found["reached_at"] == 2
    found = result(tiny(*ADDING, "--train_steps", 40, "--target", 9))
    assert found["ended_by"] == "target" and found["steps"] == 6
    found = result(tiny(*ADDING, "--train_steps", 8, "--target", 1e-9))
    assert found["ended_by"] == "train_steps" and found["reached_at"] is None


def test_training_ends_with_its_time(tiny):
    found = result(tiny(*FREQUENCY, "--train_steps", 10**6, "--max_minutes", 1e-5))
    assert found["ended_by"] == "max_minutes" and found["steps"] < 10


def test_how_a_run_stands():
    config = argparse.Namespace(target=0.9, eval_every=10, train_steps=1000, max_minutes=None)
    standing = Standing()
    improved = []
    for number, score in enumerate((0.95, 0.5, 0.9, 0.92, 0.91)):
        standing.step = 10 * (number + 1)
        improved.append(standing.judge(score, "accuracy", config))
    assert improved == [True, False, False, False, False] and standing.best_step == 10
    assert standing.in_a_row == 3 and standing.reached_at == 30 and standing.ended_by(config) == "target"
    standing, config.eval_every = Standing(), 10
    for standing.step in (10, 20, 520):  # resumed with a longer --eval_every
        standing.judge(0.95, "accuracy", config)
    assert standing.reached_at == 10
    config.target, errors = 0.1, Standing()
    assert [errors.judge(score, "mse", config) for score in (0.2, 0.05, 0.3)] == [True, True, False]
    assert errors.in_a_row == 0 and errors.best_score == 0.05


def test_the_held_out_figures_do_not_depend_on_how_the_set_is_cut(monkeypatch):
    config = argparse.Namespace(num_hidden=6, device="cpu")
    data = dataset.FrequencyDataset()
    held_out = data.test_set(40)
    model = TimedLSTM(data.longest, 1, 6, 2, 4)
    whole = measure(model, held_out, config)
    monkeypatch.setattr("part2.evaluation.AT_ONCE", 6 * 125 * 7)
    assert measure(model, held_out, config) == pytest.approx(whole, rel=1e-5)
    assert model.training and share_open(model, held_out, config) == 1


def test_held_out_sequences_are_read_without_the_leak():
    config = argparse.Namespace(num_hidden=6, device="cpu")
    held_out = dataset.FrequencyDataset().test_set(20)
    found = []
    for leak in (0.0, 0.5):
        gate = random_gate(6, 3, 20, r_on=0.1, leak=leak)
        found.append(measure(GatedLSTM(125, 1, 6, 2, 4, gate=gate, variant="phased"), held_out, config))
    assert found[0] == found[1]


def test_the_share_of_updates_that_pass_the_gate(tiny):
    """With random rhythms the gates are open for r_on of the time."""
    shares = [result(tiny(*FREQUENCY, "--learn", "--r_on", r_on))["share_open"] for r_on in (0.05, 0.5, 1)]
    assert shares[0] == pytest.approx(0.05, abs=0.02) and shares[1] == pytest.approx(0.5, abs=0.05) and shares[2] > 0.99


def test_the_rhythm_stays_valid_at_a_learning_rate_that_is_far_too_large(tiny):
    found = result(tiny(*FREQUENCY, "--train_steps", 12, "--learning_rate", 5))
    rhythm = {name: torch.tensor(values, dtype=torch.float64) for name, values in found["rhythm"].items()}
    assert all(values.isfinite().all() for values in rhythm.values())
    assert (rhythm["tau"] >= 1e-6).all() and (rhythm["tau"] <= 1e9).all()
    assert (rhythm["r_on"] >= 1e-6).all() and (rhythm["r_on"] <= 1).all()


def test_nan_stops_and_what_was_saved_stays(tmp_path, run_script):
    argv = [*FREQUENCY, "--optimizer", "sgd", "--max_norm", 1e38, "--learning_rate", 1e38, "--train_steps", 50]
    status, _, err = run_script(train.main, *argv, "--summary_path", tmp_path)
    assert status == 2 and "not finite" in err and err.count("\n") == 1
    assert not list(tmp_path.glob("*/result.json"))


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--task", "frequency", "--input_length", 5], "--input_length"),
        (["--task", "frequency", "--sampling", "daily"], "standard"),
        (["--task", "adding", "--input_length", 9], "below 10"),
        (["--task", "riddles"], "riddles"),
        (["--task", "frequency", "--log_tau", 3, 1], "lower bound"),
        (["--task", "frequency", "--log_tau", 1], "log_tau"),
        (["--task", "frequency", "--r_on", 0], "r_on"),
        (["--task", "frequency", "--s", 1e18], "--s"),
        (["--task", "frequency", "--batch_size", 3], "even"),
        (["--task", "frequency", "--model_type", "LSTM", "--r_on", 0.5], "--r_on"),
        (["--task", "adding", "--model_type", "LSTM", "--learn"], "--learn"),
        (["--task", "frequency", "--threads", 1e12], "--threads"),
        (["--task", "adding", "--model_type", "LSTM", "--variant", "phased"], "--variant"),  # though it is the default
        (["--task", "frequency", "--learning_rate", 1e300], "--learning_rate"),
        (["--task", "frequency", "--target", 2], "--target"),
        (["--sampling", "async"], "belongs to --task frequency"),
        (["--task", "adding", "--target=1", "--sampling=async"], "belongs to --task frequency"),
        (["--task"], "--task"),
        (["--task", "frequency", "--tau", 3], "--tau"),
        (["--resume", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(run_script, argv, word):
    status, _, err = run_script(train.main, *argv)
    assert status == 2 and err.count("\n") == 1 and word in err


def test_a_signal_saves_and_the_run_goes_on(tmp_path):
    command = [sys.executable, "part2/train.py", *FREQUENCY, "--train_steps", 10**6, "--eval_every", 10**6]
    command = [*map(str, command), "--summary_path", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = next(line for line in process.stdout if "Train Step" in line)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert line and process.returncode == 128 + signal.SIGTERM and "--resume" in out
    (folder,) = tmp_path.iterdir()
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    step = saved["standing"]["step"]
    assert step >= 2 and not (folder / "result.json").exists() and not (folder / "best.pt").exists()
    argv = ["--resume", folder, "--train_steps", step + 3]
    assert subprocess.run([*command[:2], *map(str, argv)], cwd=ROOT, capture_output=True).returncode == 0
    assert result(folder)["steps"] == result(folder)["best_step"] == step + 3


@pytest.mark.slow
def test_the_gated_lstm_tells_frequencies_apart(tmp_path, run_script, monkeypatch):
    """1,100 updates, a minute or two: well beyond what guessing or the period's length alone would give."""
    monkeypatch.undo()  # the held-out sets whole: of forty sequences one is .025
    argv = ["--task", "frequency", "--train_steps", 1100, "--summary_path", tmp_path]
    assert run_script(train.main, *argv)[0] == 0
    (found,) = tmp_path.glob("*/result.json")
    assert json.loads(found.read_text())["validation"] > 0.95
