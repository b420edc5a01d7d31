# SPDX-License-Identifier: MIT
import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from part3 import train_text

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    "--lstm_num_hidden", 8, "--seq_length", 6, "--batch_size", 4, "--train_steps", 6, "--print_every", 1,
    "--sample_every", 2, "--eval_every", 3,
]  # fmt: skip


@pytest.fixture
def tiny(tmp_path, run_script, text_file):
    def run(*argv):
        before = set(tmp_path.glob("runs/*"))
        base = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs"]
        status, out, err = run_script(train_text.main, *base, *argv)
        assert status == 0, err
        (folder,) = set(tmp_path.glob("runs/*")) - before
        output(folder).write_text(out)
        return folder

    return run


def output(folder):
    """Where `tiny` keeps what a run printed."""
    return folder.parents[1] / f"{folder.name}.out"


def rows(folder, name="metrics.csv"):
    with open(folder / name, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def checkpoint(folder, name="checkpoint.pt"):
    return torch.load(folder / name, weights_only=True)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_folder_holds_what_it_should(tiny):
    folder = tiny()
    assert {path.name for path in folder.iterdir() if "tfevents" not in path.name} == {
        "config.json", "metrics.csv", "samples.csv", "checkpoint.pt", "best.pt", "result.json", "curves.png",
    }  # fmt: skip
    result = json.loads((folder / "result.json").read_text())
    for part in ("train", "validation", "test"):
        assert result[f"{part}_bpc"] == pytest.approx(result[f"{part}_loss"] / math.log(2))
    assert [int(row["step"]) for row in rows(folder) if row["loss"]] == [1, 2, 3, 4, 5, 6]
    losses = {int(row["step"]): float(row["validation_loss"]) for row in rows(folder) if row["validation_loss"]}
    assert list(losses) == [3, 6]
    assert result["best_step"] == min(losses, key=losses.get)
    assert result["validation_loss"] == pytest.approx(min(losses.values()))
    assert checkpoint(folder, "best.pt")["standing"]["best_step"] == result["best_step"]


def test_tensorboard_has_the_scalars_and_the_graph(tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tiny())).Reload()
    assert {"loss", "accuracy", "gradient_norm", "validation_loss"} <= set(events.Tags()["scalars"])
    assert events.Tags()["graph"]


def test_samples_at_every_temperature_start_with_the_same_character(tiny):
    samples = rows(tiny("--sample_length", 9), "samples.csv")
    assert [int(row["step"]) for row in samples] == [2] * 4 + [4] * 4 + [6] * 4
    assert [float(row["temperature"]) for row in samples] == [0, 0.5, 1, 2] * 3
    for step in ("2", "4", "6"):
        texts = [row["text"] for row in samples if row["step"] == step]
        assert len({text[0] for text in texts}) == 1
        assert {len(text) for text in texts} == {10}  # the first character and nine more
    assert len({row["text"][0] for row in samples}) > 1


def test_the_loss_is_the_mean_over_all_steps(tiny, text_file):
    """The first loss logged is that of eq. 18 for the initial weights on batch 1."""
    folder = tiny()
    from part3.dataset import TextDataset
    from part3.model import TextGenerationModel

    data = TextDataset(text_file, 6)
    model = TextGenerationModel(4, 6, data.vocab_size, 8, 2)
    x, y = data.batch(1, 4)
    log_p = torch.log_softmax(model(x)[0], dim=-1)
    expected = -sum(log_p[b, t, y[b, t]] for b in range(4) for t in range(6)) / 24
    assert float(rows(folder)[0]["loss"]) == pytest.approx(expected.item(), rel=1e-5)


FLAGS = {  # flag: (arguments, what they must change)
    "seq_length": ([7], "weights"),
    "val_fraction": ([0.2], "weights"),
    "test_fraction": ([0.2], "weights"),
    "lstm_num_hidden": ([9], "weights"),
    "lstm_num_layers": ([1], "weights"),
    "batch_size": ([5], "weights"),
    "learning_rate": ([0.01], "weights"),
    "learning_rate_decay": ([0.5, "--learning_rate_step", 2], "weights"),
    "learning_rate_step": ([2], "weights"),
    "dropout_keep_prob": ([0.5], "weights"),
    "train_steps": ([5], "weights"),
    "max_norm": ([0.01], "weights"),
    "seed": ([1], "weights"),
    "print_every": ([2], "metrics"),
    "eval_every": ([2], "metrics"),
    "sample_every": ([3], "samples"),
    "sample_length": ([12], "samples"),
    "temperature": ([0.7], "samples"),
    "strip_gutenberg": None,
    "threads": None,
    "checkpoint_every": None,
    "txt_file": None,
    "device": None,
    "summary_path": None,
    "resume": None,  # each of these has a test of its own
}


@pytest.mark.parametrize("flag", [flag for flag, given in FLAGS.items() if given])
def test_every_flag_has_an_effect(tiny, flag):
    argv, what = FLAGS[flag]
    plain, changed = tiny(), tiny(f"--{flag}", *argv)
    if what == "weights":
        assert not same(checkpoint(plain)["model"], checkpoint(changed)["model"])
    else:
        assert rows(plain, f"{what}.csv") != rows(changed, f"{what}.csv")


def test_no_flag_is_left_out():
    assert FLAGS.keys() == vars(train_text.parser().parse_args([])).keys()


def test_the_learning_rate_decays_as_told(tiny):
    folder = tiny("--learning_rate", 0.01, "--learning_rate_decay", 0.5, "--learning_rate_step", 2)
    assert checkpoint(folder)["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.01 * 0.5**3)


def test_exact_number_of_updates_and_their_order(tiny, monkeypatch):
    calls = []

    def watch(owner, name, label):
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **k: calls.append(label) or original(*a, **k))

    watch(torch.optim.RMSprop, "zero_grad", "zero")
    watch(torch.Tensor, "backward", "backward")
    watch(torch.nn.utils, "clip_grad_norm_", "clip")
    watch(torch.optim.RMSprop, "step", "step")
    tiny("--train_steps", 7)
    assert calls == ["zero", "backward", "clip", "step"] * 7


def test_checkpoints_come_as_often_as_told(tiny, monkeypatch):
    saved = []
    original = train_text.save
    monkeypatch.setattr(train_text, "save", lambda run, name, *a: saved.append(name) or original(run, name, *a))
    tiny("--checkpoint_every", 2, "--train_steps", 7)
    assert saved.count("checkpoint.pt") == 4  # at 2, 4, 6 and at the end


@pytest.mark.parametrize("flags", [(), ("--dropout_keep_prob", 0.5, "--learning_rate_step", 3)])
def test_a_resumed_run_equals_an_uninterrupted_one(tiny, run_script, flags):
    whole, part = tiny(*flags, "--train_steps", 12), tiny(*flags, "--train_steps", 6)
    torch.manual_seed(999)  # another process would stand elsewhere
    status, _, err = run_script(train_text.main, "--resume", part, "--train_steps", 12)
    assert status == 0, err
    a, b = checkpoint(whole), checkpoint(part)
    assert same(a["model"], b["model"])
    for p, q in zip(a["optimizer"]["state"].values(), b["optimizer"]["state"].values(), strict=True):
        assert all(torch.equal(torch.as_tensor(p[key]), torch.as_tensor(q[key])) for key in p)
    assert a["schedule"] == b["schedule"] and torch.equal(a["rng"], b["rng"])
    assert rows(whole) == rows(part) and rows(whole, "samples.csv") == rows(part, "samples.csv")
    results = [json.loads((folder / "result.json").read_text()) for folder in (whole, part)]
    assert results[0]["test_loss"] == results[1]["test_loss"]


def test_resume_finds_the_same_text_under_another_name_and_refuses_another(tiny, run_script, text_file, tmp_path):
    folder = tiny()
    moved = text_file.rename(tmp_path / "moved.txt")
    status, _, err = run_script(train_text.main, "--resume", folder, "--train_steps", 7)
    assert status == 2 and "book.txt" in err
    assert run_script(train_text.main, "--resume", folder, "--train_steps", 7, "--txt_file", moved)[0] == 0
    moved.write_text(moved.read_text(encoding="utf-8").replace("king", "gink"), encoding="utf-8")
    status, _, err = run_script(train_text.main, "--resume", folder, "--train_steps", 8, "--txt_file", moved)
    assert status == 2 and "not the text that this run began with" in err


@pytest.mark.parametrize("first", [2, 4, 7])
def test_where_a_run_stopped_leaves_no_trace(tiny, run_script, first):
    whole, part = tiny("--train_steps", 12), tiny("--train_steps", first)
    assert run_script(train_text.main, "--resume", part, "--train_steps", 12)[0] == 0
    a, b = checkpoint(whole), checkpoint(part)
    a["standing"].pop("seconds"), b["standing"].pop("seconds")
    assert a["standing"] == b["standing"] and same(a["model"], b["model"])
    assert rows(whole) == rows(part) and rows(whole, "samples.csv") == rows(part, "samples.csv")


def test_the_result_is_that_of_the_best_weights(tiny, text_file):
    text_file.write_text("ab" * 500 + "b" * 60 + "ba" * 30, encoding="utf-8")  # validation gets worse and worse
    folder = tiny("--train_steps", 60, "--eval_every", 5, "--learning_rate", 0.02)
    result = json.loads((folder / "result.json").read_text())
    losses = {int(row["step"]): float(row["validation_loss"]) for row in rows(folder) if row["validation_loss"]}
    assert result["best_step"] == min(losses, key=losses.get) < 60
    assert result["validation_loss"] == pytest.approx(min(losses.values()))
    assert len({result["train_loss"], result["validation_loss"], result["test_loss"]}) == 3
    assert any(float(row["accuracy"]) > 0 for row in rows(folder) if row["accuracy"])


def test_the_last_weights_count_where_no_validation_fell_on_them(tiny):
    folder = tiny("--train_steps", 7, "--eval_every", 100)
    result = json.loads((folder / "result.json").read_text())
    assert result["best_step"] == 7 and checkpoint(folder, "best.pt")["standing"]["step"] == 7
    assert not any(row["validation_loss"] for row in rows(folder))


TEMPLATE = dict(
    seq_length=30, lstm_num_hidden=128, lstm_num_layers=2, batch_size=64, learning_rate=2e-3,
    learning_rate_decay=0.96, learning_rate_step=5000, dropout_keep_prob=1.0, train_steps=1_000_000, max_norm=5.0,
    summary_path="./summaries/", print_every=5, sample_every=100,
)  # fmt: skip


def test_the_defaults_are_the_templates():
    config = vars(train_text.parser().parse_args([]))
    assert {name: config[name] for name in TEMPLATE} == TEMPLATE


def test_everything_can_be_trained_on(tiny):
    folder = tiny("--val_fraction", 0, "--test_fraction", 0)
    result = json.loads((folder / "result.json").read_text())
    assert result["validation_loss"] is None and result["test_loss"] is None and result["train_loss"] > 0
    assert not (folder / "best.pt").exists()


def test_the_licence_is_left_out_unless_asked_for(tiny, text_file):
    book = text_file.read_text(encoding="utf-8")
    mark = "*** {} OF THIS PROJECT GUTENBERG EBOOK A TALE ***\n"
    text_file.write_text(f"head\n{mark.format('START')}{book}\n{mark.format('END')}The licence.\n", encoding="utf-8")
    plain, whole = tiny(), tiny("--no_strip_gutenberg")
    assert "*" not in checkpoint(plain)["vocabulary"] and "*" in checkpoint(whole)["vocabulary"]
    assert "characters cut" in output(plain).read_text()
    assert "characters cut" not in output(whole).read_text()


def test_threads(tiny):
    tiny("--threads", 2)
    assert torch.get_num_threads() == 2
    tiny()
    assert torch.get_num_threads() == 1


def test_a_run_that_has_ended_is_left_alone(tiny, run_script):
    folder = tiny()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, out, _ = run_script(train_text.main, "--resume", folder, "--train_steps", 3)
    assert status == 0 and "nothing to do" in out
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_the_time_to_the_last_step_is_estimated(tiny):
    out = output(tiny("--train_steps", 25)).read_text()
    assert re.search(r"About \d+ min to the last step at this speed. Ctrl-C keeps everything", out)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path, run_script, text_file, monkeypatch):
    norms = iter([1.0, 1.0, 1.0, math.nan])
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *a: torch.tensor(next(norms)))
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", "--checkpoint_every", 1]
    status, _, err = run_script(train_text.main, *argv)
    assert status == 2 and "not finite at step 4" in err and err.count("\n") == 1
    (path,) = tmp_path.glob("runs/*/checkpoint.pt")
    assert torch.load(path, weights_only=True)["standing"]["step"] == 3


def test_weights_that_are_not_finite_are_never_saved(tmp_path, run_script, text_file):
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", "--checkpoint_every", 1]
    status, _, err = run_script(train_text.main, *argv, "--learning_rate", 1e38, "--max_norm", 1e38)
    assert status == 2 and "not finite at step" in err and err.count("\n") == 1
    assert not list(tmp_path.glob("runs/*/*.pt"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves_and_the_resumed_run_equals_the_uninterrupted(tiny, text_file, tmp_path, number):
    argv = [*TINY, "--train_steps", 3000, "--print_every", 100, "--sample_every", 1000, "--eval_every", 1000]
    whole = tiny(*argv[len(TINY) :])
    command = [sys.executable, ROOT / "part3/train_text.py", "--txt_file", text_file, "--summary_path", tmp_path / "s"]
    process = subprocess.Popen([str(word) for word in (*command, *argv)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "Step 0300" in line:
            break
    process.send_signal(number)
    rest = process.stdout.read()
    assert process.wait(timeout=60) == 128 + number
    (folder,) = (tmp_path / "s").iterdir()
    assert f"--resume {folder}" in rest
    subprocess.run([*command[:2], "--resume", folder], check=True, capture_output=True)
    assert same(checkpoint(whole)["model"], checkpoint(folder)["model"])
    assert rows(whole) == rows(folder)


@pytest.mark.slow
def test_a_killed_run_leaves_a_checkpoint_that_loads(text_file, tmp_path):
    argv = [*TINY, "--train_steps", 100_000, "--checkpoint_every", 1, "--print_every", 1, "--sample_every", 100_000]
    command = [sys.executable, ROOT / "part3/train_text.py", "--txt_file", text_file, "--summary_path", tmp_path / "s"]
    for trial in range(5):
        process = subprocess.Popen([str(word) for word in (*command, *argv)], stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if f"Step 00{trial + 2}0" in line:
                break
        time.sleep(0.013 * trial)
        process.kill()
        process.wait()
        folder = max((tmp_path / "s").iterdir(), key=os.path.getmtime)
        assert checkpoint(folder)["standing"]["step"] >= 10
