# SPDX-License-Identifier: MIT
import csv
import itertools
import json
import re
import subprocess
import sys

import pytest
import torch

from common.run import read_json
from part1 import train
from part1.curriculum import Curriculum
from part1.dataset import PalindromeDataset, num_palindromes
from part1.evaluation import Standing
from part1.manual_backward import LSTMFunction, RNNFunction

TINY = ["--num_hidden", 8, "--input_length", 3, "--batch_size", 16, "--train_steps", 6, "--print_every", 2]


@pytest.fixture
def tiny(tmp_path, run_script):
    """tiny("--flag", value, ...) trains a tiny network and returns its run folder."""

    def run(*argv):
        before = set(tmp_path.glob("runs/*"))
        status, _, err = run_script(train.main, *TINY, "--summary_path", tmp_path / "runs", *argv)
        assert status == 0, err
        (folder,) = set(tmp_path.glob("runs/*")) - before
        return folder

    return run


def rows(folder):
    with open(folder / "metrics.csv", newline="") as f:
        return list(csv.DictReader(f))


def weights(folder, name="checkpoint.pt"):
    return torch.load(folder / name, weights_only=True)["model"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_folder_holds_what_it_should(tiny):
    folder = tiny("--eval_every", 3)
    assert {path.name for path in folder.iterdir() if "tfevents" not in path.name} == {
        "config.json", "metrics.csv", "checkpoint.pt", "best.pt", "result.json", "curves.png",
    }  # fmt: skip
    assert list(folder.glob("events.out.tfevents*"))
    result = json.loads((folder / "result.json").read_text())
    assert {"test_accuracy", "best_accuracy", "solved_at", "steps", "test_size", "seconds", "config"} <= result.keys()
    assert result["steps"] == 6 and result["test_size"] == 100 and result["solved_at"] is None
    assert result["config"] == json.loads((folder / "config.json").read_text())
    assert [int(row["step"]) for row in rows(folder) if row["loss"]] == [2, 4, 6]
    assert [int(row["step"]) for row in rows(folder) if row["test_accuracy"]] == [3, 6]
    assert float(rows(folder)[-1]["test_accuracy"]) == result["test_accuracy"]


def test_tensorboard_has_the_scalars_and_the_graph(tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tiny("--eval_every", 3))).Reload()
    assert {"loss", "accuracy", "gradient_norm", "test_accuracy"} <= set(events.Tags()["scalars"])
    assert events.Tags()["graph"]
    assert [e.step for e in events.Scalars("loss")] == [2, 4, 6]


def test_a_run_never_writes_into_a_folder_that_exists(tiny):
    first = tiny()
    before = (first / "metrics.csv").read_bytes()
    second = tiny()
    assert second.name == first.name + "-2"
    assert (first / "metrics.csv").read_bytes() == before


def test_lengths_that_are_not_begun_when_a_signal_comes_are_named(run_script, monkeypatch, tmp_path):
    monkeypatch.setattr(train, "train", lambda *_: (tmp_path, 143))
    status, out, _ = run_script(train.main, "--input_length", 5, 50, 20)
    assert status == 143 and out == "not begun: --input_length 50 20\n"


def test_the_same_command_gives_the_same_numbers(tiny):
    a, b = tiny(), tiny()
    assert same(weights(a), weights(b))
    assert (a / "metrics.csv").read_bytes() == (b / "metrics.csv").read_bytes()


FLAGS = {  # flag: (value, what it must change)
    "model_type": ("LSTM", "weights"),
    "input_length": (4, "weights"),
    "input_dim": (10, "weights"),
    "num_classes": (12, "weights"),
    "num_hidden": (9, "weights"),
    "init": ("normal", "weights"),
    "batch_size": (17, "weights"),
    "learning_rate": (0.01, "weights"),
    "max_norm": (0.01, "weights"),
    "optimizer": ("momentum", "weights"),
    "seed": (1, "weights"),
    "train_steps": (5, "weights"),
    "max_minutes": (1e-6, "weights"),
    "print_every": (3, "rows"),
    "eval_every": (2, "rows"),
}
ELSEWHERE = {
    "backward",
    "threads",
    "curriculum",
    "reservoir",
    "no_early_stop",
    "device",
    "summary_path",
    "resume",
}  # each has a test of its own


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_has_an_effect(tiny, flag):
    value, what = FLAGS[flag]
    plain, changed = tiny(), tiny(f"--{flag}", value)
    if what == "weights":
        assert not same(weights(plain), weights(changed))
    else:
        assert [row["step"] for row in rows(plain)] != [row["step"] for row in rows(changed)]


def test_no_flag_is_left_out():
    assert FLAGS.keys() | ELSEWHERE == vars(train.parser().parse_args([])).keys()


def test_every_optimizer_trains_in_its_own_way(tiny):
    trained = [weights(tiny("--optimizer", name)) for name in train.OPTIMIZERS]
    assert not any(same(a, b) for a, b in itertools.combinations(trained, 2))


def test_clip_comes_after_backward_and_before_step(tmp_path, run_script, monkeypatch):
    calls = []

    def watch(owner, name, label):
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **k: calls.append(label) or original(*a, **k))

    watch(torch.optim.RMSprop, "zero_grad", "zero")
    watch(torch.Tensor, "backward", "backward")
    watch(torch.nn.utils, "clip_grad_norm_", "clip")
    watch(torch.optim.RMSprop, "step", "step")
    run_script(train.main, *TINY, "--summary_path", tmp_path)
    assert calls == ["zero", "backward", "clip", "step"] * 6


def test_the_gradient_norm_logged_is_that_before_clipping(tiny):
    assert float(rows(tiny("--max_norm", 1e-3))[0]["gradient_norm"]) > 1e-2


@pytest.mark.parametrize("flags", [(), ("--model_type", "LSTM", "--optimizer", "adam")])
def test_a_resumed_run_equals_an_uninterrupted_one(tiny, run_script, flags):
    whole = tiny(*flags, "--train_steps", 8, "--eval_every", 4)
    part = tiny(*flags, "--train_steps", 4, "--eval_every", 4)
    status, _, err = run_script(train.main, "--resume", part, "--train_steps", 8)
    assert status == 0, err
    a, b = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, part))
    assert same(a["model"], b["model"])
    for p, q in zip(a["optimizer"]["state"].values(), b["optimizer"]["state"].values(), strict=True):
        assert all(torch.equal(torch.as_tensor(p[key]), torch.as_tensor(q[key])) for key in p)
    assert rows(whole) == rows(part)
    for standing in (a["standing"], b["standing"]):
        standing.pop("seconds")
    assert a["standing"] == b["standing"]


def test_resume_drops_what_was_logged_after_the_checkpoint(tiny, run_script):
    whole, part = tiny("--train_steps", 8), tiny("--train_steps", 4)
    with open(part / "metrics.csv", "a") as f:
        f.write("6,9.9,0.5,1.0,\n")  # a run that was killed after its checkpoint
    assert run_script(train.main, "--resume", part / "checkpoint.pt", "--train_steps", 8)[0] == 0
    assert [row for row in rows(part) if row["step"] == "6"] == [row for row in rows(whole) if row["step"] == "6"]


def test_resume_refuses_another_configuration_and_loses_nothing(tiny, run_script):
    folder = tiny()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, _, err = run_script(train.main, "--resume", folder, "--learning_rate", 0.5)
    assert status == 2 and "--learning_rate 0.5" in err and "0.001" in err and err.count("\n") == 1
    assert before == {path: path.read_bytes() for path in folder.iterdir()}
    assert run_script(train.main, "--resume", folder, "--input_length", 3)[0] == 0  # the same value is no difference
    assert run_script(train.main, "--resume", folder, "--print_every", 1, "--device", "cpu")[0] == 0


def test_a_checkpoint_loads_in_a_fresh_process_without_our_code(tiny):
    code = "import sys, torch; print(sorted(torch.load(sys.argv[1], weights_only=True)['model']))"
    path = str(tiny() / "checkpoint.pt")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, cwd="/", check=True)
    assert done.stdout.strip() == "['W_hh', 'W_hx', 'W_ph', 'b_h', 'b_p']"


def test_solved_means_all_of_the_test_set_twice_in_a_row(monkeypatch):
    config = train.parser().parse_args(["--train_steps", "1000"])
    y = torch.zeros(2000)
    scores = iter([])
    monkeypatch.setattr("part1.evaluation.share_right", lambda model, digits, y, config: next(scores))

    def judge(standing, step, *given):
        nonlocal scores
        scores, standing.step = iter(given), step
        return standing.judge(None, (y, y), config)

    standing = Standing()
    assert judge(standing, 100, 0.5) is True
    judge(standing, 200, 0.9995, 0.9985)  # the quick thousand pass, all of them do not
    assert standing.passed_at is None and standing.test_accuracy == 0.9985
    judge(standing, 300, 1.0, 0.9995)
    assert standing.passed_at == 300 and standing.solved_at is None
    judge(standing, 400, 0.99)  # not in a row
    assert standing.passed_at is None
    judge(standing, 500, 1.0, 1.0)
    judge(standing, 600, 1.0, 0.9991)
    assert standing.solved_at == 500 and standing.ended_by(config) == "solved"
    assert standing.best_accuracy == 1.0 and standing.test_accuracy == 0.9991
    assert standing.final_accuracy(None, (y, y), config) == 0.9991  # all of them have just been looked at
    config.no_early_stop = True
    assert standing.ended_by(config) is None
    judge(standing, 1000, 0.7)
    scores = iter([0.65])
    assert standing.final_accuracy(None, (y, y), config) == 0.65  # the result is that of all, of the last weights
    assert standing.ended_by(config) == "train_steps" and standing.solved_at == 500


SOLVING = ["--input_dim", 10, "--input_length", 2, "--num_hidden", 32, "--learning_rate", 0.01, "--eval_every", 25]


def test_evaluations_come_early_and_then_at_intervals(tiny):
    folder = tiny("--train_steps", 130, "--eval_every", 60, "--print_every", 1000)
    assert [int(row["step"]) for row in rows(folder)] == [10, 20, 50, 60, 100, 120]


@pytest.mark.parametrize("first", [3, 15, 33])
def test_where_a_run_stopped_leaves_no_trace(tiny, run_script, first):
    whole, part = tiny(*SOLVING, "--train_steps", 60), tiny(*SOLVING, "--train_steps", first)
    assert run_script(train.main, "--resume", part, "--train_steps", 60)[0] == 0
    a, b = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, part))
    a["standing"].pop("seconds"), b["standing"].pop("seconds")
    assert a["standing"] == b["standing"] and same(a["model"], b["model"]) and rows(whole) == rows(part)


def test_going_on_from_the_best_weights_drops_the_later_checkpoint(tiny, run_script):
    folder = tiny("--eval_every", 2, "--train_steps", 40, "--seed", 3)
    best = torch.load(folder / "best.pt", weights_only=True)["standing"]["step"]
    assert best < 40
    (folder / "result.json").unlink()
    run_script(train.main, "--resume", folder / "best.pt", "--train_steps", best)
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["standing"]["step"] == best


def test_the_best_weights_are_the_best(tiny):
    folder = tiny("--eval_every", 2, "--train_steps", 40, "--seed", 3)
    scores = {int(row["step"]): float(row["test_accuracy"]) for row in rows(folder) if row["test_accuracy"]}
    best = torch.load(folder / "best.pt", weights_only=True)["standing"]
    result = json.loads((folder / "result.json").read_text())
    assert scores[best["step"]] == max(scores.values()) == result["best_accuracy"] > result["test_accuracy"]
    assert result["test_accuracy"] == scores[40]
    assert result["seconds"] > 0 and any(float(row["accuracy"]) > 0 for row in rows(folder) if row["accuracy"])


TEMPLATE = dict(
    model_type="RNN", input_length=[10], input_dim=1, num_classes=10, num_hidden=128, batch_size=128,
    learning_rate=0.001, train_steps=10_000, max_norm=10.0,
)  # fmt: skip


def test_the_defaults_are_the_templates():
    config = vars(train.parser().parse_args([]))
    assert {name: config[name] for name in TEMPLATE} == TEMPLATE


def test_training_stops_once_solved_unless_told_not_to(tmp_path, run_script):
    for flags in ([], ["--no_early_stop"]):
        status, out, err = run_script(
            train.main, *SOLVING, *flags, "--train_steps", 300, "--print_every", 100, "--summary_path", tmp_path
        )
        assert status == 0 and "solved at update" in out, err
    first, second = (json.loads(path.read_text()) for path in sorted(tmp_path.glob("*/result.json")))
    assert first["solved_at"] == second["solved_at"]
    assert first["steps"] < 300 and second["steps"] == 300
    assert first["test_accuracy"] >= 0.999


def test_a_reservoir_trains_its_read_out_alone(tiny):
    start, end = weights(tiny("--train_steps", 1, "--reservoir")), weights(tiny("--reservoir"))
    assert {name for name in start if not torch.equal(start[name], end[name])} == {"W_ph", "b_p"}


@pytest.mark.parametrize("model_type", ["RNN", "LSTM"])
def test_the_backward_pass_by_hand_trains_the_same_network(tiny, monkeypatch, model_type):
    calls = []
    function = {"RNN": RNNFunction, "LSTM": LSTMFunction}[model_type]
    original = function.backward
    monkeypatch.setattr(function, "backward", staticmethod(lambda ctx, dh: calls.append(1) or original(ctx, dh)))
    plain = tiny("--model_type", model_type, "--backward", "autograd")
    assert not calls
    manual = tiny("--model_type", model_type)
    assert len(calls) == 6
    for a, b in zip(rows(plain), rows(manual), strict=True):
        assert {k: float(v or 0) for k, v in a.items()} == pytest.approx(
            {k: float(v or 0) for k, v in b.items()}, rel=1e-4
        )


def test_threads(tiny):
    tiny("--threads", 2)
    assert torch.get_num_threads() == 2
    tiny()
    assert torch.get_num_threads() == 1


def test_a_run_that_has_ended_is_left_alone(tiny, run_script):
    folder = tiny()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, out, _ = run_script(train.main, "--resume", folder, "--train_steps", 3)
    assert status == 0 and "nothing to do" in out and "update 6" in out
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_a_solved_run_goes_on_without_the_early_stop(tiny, run_script):
    folder = tiny("--input_dim", 10, "--num_hidden", 32, "--train_steps", 400, "--eval_every", 20)
    assert read_json(folder / "result.json")["solved_at"] and read_json(folder / "result.json")["steps"] < 400
    status, out, _ = run_script(train.main, "--resume", folder, "--train_steps", 500)
    assert status == 0 and "nothing to do" in out and "--no_early_stop" in out
    assert run_script(train.main, "--resume", folder, "--train_steps", 500, "--no_early_stop")[0] == 0
    found = read_json(folder / "result.json")
    assert found["steps"] == 500 and found["ended_by"] == "train_steps"
    assert found["config"] == json.loads((folder / "config.json").read_text(encoding="utf-8"))


def test_a_stopped_run_that_is_past_its_new_end_is_judged_where_it_stands(tiny, run_script):
    folder = tiny("--eval_every", 4)
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    state["standing"] |= {"whole_at": 4, "test_accuracy": 0.123}  # as a signal at update 6 would have left it
    torch.save(state, folder / "checkpoint.pt")
    (folder / "result.json").unlink()
    assert run_script(train.main, "--resume", folder, "--train_steps", 5)[0] == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["steps"] == 6 and result["test_accuracy"] != 0.123


def test_palindromes_are_shown_with_the_answers(tmp_path, run_script):
    _, out, _ = run_script(train.main, *TINY, "--eval_every", 3, "--summary_path", tmp_path)
    assert len(re.findall(r"read \d{3}, said \d: (?:right|wrong, it is \d)\n", out)) == 3
    assert "Held-out accuracy after update 6: " in out


def test_time_is_a_limit_too(tiny):
    result = json.loads((tiny("--max_minutes", 1e-6) / "result.json").read_text())
    assert result["steps"] == 1 and result["ended_by"] == "max_minutes"
    result = json.loads((tiny("--max_minutes", 60) / "result.json").read_text())
    assert result["steps"] == 6 and result["ended_by"] == "train_steps"


def test_the_curriculum_grows_when_ten_batches_in_a_row_keep_up():
    config = train.parser().parse_args(["--curriculum", "1.5"])
    config.input_length = 12
    curriculum = Curriculum.begin(config)
    assert curriculum.length == 5
    for accuracy in [0.98] * 9 + [0.97] + [1.0] * 9:
        curriculum.note(accuracy, config)
    assert curriculum.length == 5  # never ten in a row
    lengths = []
    for _ in range(40):
        curriculum.note(1.0, config)
        lengths.append(curriculum.length)
    assert lengths == [7] * 10 + [10] * 10 + [12] * 20
    config.curriculum = 1.0
    slow = Curriculum(5, streak=9)
    slow.note(1.0, config)
    assert slow.length == 6  # by one at least
    config.curriculum = None
    assert Curriculum.begin(config).length == 12


def test_a_curriculum_reaches_the_full_length_and_resumes_where_it_was(tiny, run_script):
    flags = ["--input_dim", 10, "--num_hidden", 32, "--learning_rate", 0.01, "--input_length", 8, "--curriculum", 1.2]
    flags += ["--batch_size", 64, "--no_early_stop"]
    whole, part = tiny(*flags, "--train_steps", 200), tiny(*flags, "--train_steps", 90)
    state = torch.load(part / "checkpoint.pt", weights_only=True)["curriculum"]
    assert 5 < state["length"] < 8 or state["streak"] > 0
    assert read_json(part / "result.json")["test_size"] == min(num_palindromes(9), 10_000)  # at the full length
    assert run_script(train.main, "--resume", part, "--train_steps", 200)[0] == 0
    assert same(weights(whole), weights(part))
    assert torch.load(whole / "checkpoint.pt", weights_only=True)["curriculum"]["length"] == 8


def test_a_curriculum_trains_on_short_palindromes_first(tiny, monkeypatch):
    seen, batch = [], PalindromeDataset.batch

    def watched(self, *where):
        seen.append(self.seq_length - 1)
        return batch(self, *where)

    monkeypatch.setattr(PalindromeDataset, "batch", watched)
    flags = ["--input_dim", 10, "--num_hidden", 32, "--learning_rate", 0.01, "--batch_size", 64, "--no_early_stop"]
    tiny(*flags, "--input_length", 8, "--curriculum", 1.2, "--train_steps", 200)
    assert seen[0] == 5 and seen[-1] == 8 and seen == sorted(seen) and set(seen) == {5, 6, 7, 8}


def test_weights_that_are_not_finite_never_replace_good_ones(tmp_path, run_script):
    argv = [*TINY, "--summary_path", tmp_path, "--eval_every", 1]
    status, _, err = run_script(train.main, *argv, "--learning_rate", 1e38, "--max_norm", 1e38)
    assert status == 2 and "not finite" in err and err.count("\n") == 1
    for path in tmp_path.glob("*/*.pt"):
        assert all(value.isfinite().all() for value in torch.load(path, weights_only=True)["model"].values())


def test_several_lengths_end_in_a_table_and_a_picture(tmp_path, run_script):
    status, out, err = run_script(train.main, *TINY, "--input_length", 2, 3, 2, "--summary_path", tmp_path)
    assert status == 0, err
    assert len(list(tmp_path.glob("RNN_T*/result.json"))) == 2
    (picture,) = tmp_path.glob("*/accuracy.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = out[out.index("solved at") :].splitlines()
    assert [line.split()[:2] for line in table[1:3]] == [["2", "100"], ["3", "100"]]


def test_the_log_line_is_the_templates(tmp_path, run_script):
    _, out, _ = run_script(train.main, *TINY, "--summary_path", tmp_path)
    pattern = (
        r"\[\d{4}-\d\d-\d\d \d\d:\d\d\] Train Step 0002/0006, Batch Size = 16, Examples/Sec = \d+\.\d\d, "
        r"Accuracy = \d\.\d\d, Loss = \d+\.\d{3}\n"
    )
    assert re.search(pattern, out)


def test_a_curriculum_logs_the_length_that_it_has_come_to(tmp_path, run_script):
    argv = [*TINY, "--input_length", 8, "--curriculum", 1.5, "--summary_path", tmp_path]
    _, out, _ = run_script(train.main, *argv)
    assert re.search(r"Train Step 0002/0006, .*, Loss = \d+\.\d{3}, T = 5\n", out)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path, run_script):
    argv = [*TINY, "--summary_path", tmp_path, "--optimizer", "sgd", "--eval_every", 1, "--train_steps", 50]
    status, _, err = run_script(train.main, *argv, "--learning_rate", 1e38, "--max_norm", 1e38)
    assert status == 2 and "not finite at step" in err and "--learning_rate" in err and err.count("\n") == 1
    (checkpoint,) = tmp_path.glob("*/checkpoint.pt")
    assert all(value.isfinite().all() for value in torch.load(checkpoint, weights_only=True)["model"].values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [42, 43, 44])
def test_the_lstm_solves_twenty_with_no_other_flag(tmp_path, run_script, seed):
    argv = ["--model_type", "LSTM", "--input_length", 20, "--seed", seed, "--summary_path", tmp_path]
    _, out, _ = run_script(train.main, *argv)
    assert "solved at update" in out


@pytest.mark.slow
def test_the_bare_command_and_the_sanity_checks_of_the_assignment(tmp_path, run_script):
    for argv in ([], ["--input_length", 5], ["--input_length", 5, "--model_type", "LSTM"]):
        _, out, _ = run_script(train.main, *argv, "--summary_path", tmp_path)
        assert "solved at update" in out
    _, out, _ = run_script(train.main, "--input_dim", 10, "--input_length", 20, "--summary_path", tmp_path)
    assert "solved at update" in out
    results = [json.loads(path.read_text()) for path in tmp_path.glob("RNN_T20*/result.json")]
    assert results[0]["steps"] < 1000
