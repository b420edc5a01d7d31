# SPDX-License-Identifier: MIT
"""numpy_rnn.py as a user meets it: run folders, flags, resuming, signals."""

import csv
import json
import math
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from part3 import numpy_model as model
from part3 import numpy_rnn
from part3.numpy_results import draw_run

ROOT = Path(__file__).resolve().parents[2]
STORY = "The king said: “Go home, little goat!” And it went home.\n\n" * 20 + "x" * 40
TINY = [
    "--num_hidden", 8, "--seq_length", 20, "--epochs", 2, "--print_every", 1, "--sample_every", 40,
    "--sample_length", 9,
]  # fmt: skip
CHUNKS = 53  # of an epoch: 90 % of 1,200 characters in chunks of 20, each with the character after it


def start(root, *argv, story=STORY):
    """Run in `root`, the story beside it; returns the run's folder."""
    root.mkdir(exist_ok=True)
    (root / "story.txt").write_text(story, encoding="utf-8")
    before = set(root.glob("runs/*"))
    words = [*TINY, "--txt_file", root / "story.txt", "--summary_path", root / "runs", *argv]
    assert numpy_rnn.main([str(word) for word in words]) == 0
    (folder,) = set(root.glob("runs/*")) - before
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A finished run, to be looked at only."""
    return start(tmp_path_factory.mktemp("plain"))


def rows(folder, name="metrics.csv"):
    with open(folder / name, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def arrays(folder, name="checkpoint.npz"):
    with np.load(folder / name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files if key != "facts"}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_run_folder_holds_what_it_should(plain):
    assert {path.name for path in plain.iterdir() if "tfevents" not in path.name} == {
        "config.json", "metrics.csv", "samples.csv", "checkpoint.npz", "best.npz", "result.json", "curves.png",
    }  # fmt: skip
    result = json.loads((plain / "result.json").read_text(encoding="utf-8"))
    for part in ("train", "validation", "test"):
        assert result[f"{part}_bpc"] == pytest.approx(result[f"{part}_loss"] / math.log(2))
    losses = {int(row["step"]): float(row["validation_loss"]) for row in rows(plain) if row["validation_loss"]}
    assert list(losses) == [CHUNKS, 2 * CHUNKS]
    assert result["best_step"] == min(losses, key=losses.get)
    assert result["validation_loss"] == pytest.approx(min(losses.values()))
    facts, w, _, _ = model.load(plain / "best.npz")
    assert facts["standing"]["best_step"] == result["best_step"] and result["steps"] == 2 * CHUNKS
    assert len(result["sample"]) == 1001
    numbers = np.array([facts["vocabulary"].index(c) for c in STORY])
    assert model.text_loss(w, numbers[1140:]) == pytest.approx(result["test_loss"])  # the last 5 % of 1,200
    assert [len(row["text"]) for row in rows(plain, "samples.csv")] == [10, 10]


def test_training_is_the_plain_loop(plain):
    """A loop written down again: chunks in the book's order, the state carried, and zero at the start of an epoch."""
    vocabulary = sorted(set(STORY))
    numbers = np.array([vocabulary.index(c) for c in STORY])[:1080]
    w, dL = model.initial_weights(len(vocabulary), 8, 42), model.Parameters(len(vocabulary), 8)
    s, smooth, lowest, losses = np.full_like(w.flat, 25), None, math.inf, []
    for _ in range(2):
        h = np.zeros_like(w.b)
        for e in range(0, 1080 - 20, 20):
            loss, _, h = model.loss_and_gradients(w, dL, numbers[e : e + 20], numbers[e + 1 : e + 21], h)
            model.clip(dL.flat, 5)
            model.adagrad(w.flat, dL.flat, s, 0.1)
            losses.append(loss / 20)
            smooth = losses[0] if smooth is None else 0.999 * smooth + 0.001 * losses[-1]
            lowest = min(lowest, smooth)
    assert len(losses) == 2 * CHUNKS
    assert np.array_equal(model.load(plain / "checkpoint.npz")[1].flat, w.flat)
    logged = [row for row in rows(plain) if row["loss"]]
    assert [float(row["loss"]) for row in logged] == losses
    assert float(logged[-1]["smooth_loss"]) == smooth
    assert [int(row["position"]) for row in logged] == [*range(20, 1061, 20)] * 2
    assert [int(row["epoch"]) for row in logged] == [1] * CHUNKS + [2] * CHUNKS
    result = json.loads((plain / "result.json").read_text(encoding="utf-8"))
    assert (result["smooth_loss"], result["lowest_smooth_loss"]) == (smooth, lowest)


def test_the_best_epoch_is_kept_and_reported(tmp_path):
    # The held-out parts are shuffled: the surer the network is of the story, the worse it fares there.
    story = STORY[:1080] + "".join(random.Random(1).sample(STORY[1080:], len(STORY) - 1080))
    folder = start(tmp_path, "--learning_rate", 0.5, "--epochs", 5, story=story)
    losses = {int(row["step"]): float(row["validation_loss"]) for row in rows(folder) if row["validation_loss"]}
    best = min(losses, key=losses.get)
    assert len(losses) == 5 and best < 5 * CHUNKS  # the last epoch is a worse one
    facts, w, _, _ = model.load(folder / "best.npz")
    numbers = np.array([facts["vocabulary"].index(c) for c in story])
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert facts["standing"]["step"] == result["best_step"] == best
    assert result["validation_loss"] == losses[best] == pytest.approx(model.text_loss(w, numbers[1080:1140]))
    assert result["test_loss"] == pytest.approx(model.text_loss(w, numbers[1140:]))


FLAGS = {  # flag: (arguments, what they must change)
    "seq_length": ([19], "weights"),
    "val_fraction": ([0.2], "weights"),
    "test_fraction": ([0.2], "weights"),
    "num_hidden": ([9], "weights"),
    "epochs": ([1], "weights"),
    "max_updates": ([60], "weights"),
    "optimizer": (["rmsprop"], "weights"),
    "learning_rate": ([0.05], "weights"),
    "initial_accumulator_value": ([0], "weights"),
    "l2": ([0.01], "weights"),
    "clip": ([0.1], "weights"),
    "seed": ([1], "weights"),
    "print_every": ([2], "metrics"),
    "sample_every": ([30], "samples"),
    "sample_length": ([12], "samples"),
    "temperature": ([0], "samples"),
    "strip_gutenberg": None,
    "txt_file": None,
    "checkpoint_every": None,
    "summary_path": None,
    "resume": None,
    "check": None,  # each of these has a test of its own
}


@pytest.mark.parametrize("flag", [flag for flag, given in FLAGS.items() if given])
def test_every_flag_has_an_effect(plain, tmp_path, flag):
    argv, what = FLAGS[flag]
    changed = start(tmp_path, f"--{flag}", *argv)
    if what == "weights":
        assert not same(arrays(plain), arrays(changed))
    else:
        assert rows(plain, f"{what}.csv") != rows(changed, f"{what}.csv")


def test_no_flag_is_left_out():
    flags = vars(numpy_rnn.parser().parse_args([])).keys() - {"device"}  # which is no flag
    assert flags == FLAGS.keys()


def test_checkpoints_come_as_often_as_told(tmp_path, monkeypatch):
    saved = []
    original = numpy_rnn.save
    monkeypatch.setattr(numpy_rnn, "save", lambda path, *a: saved.append(path.name) or original(path, *a))
    start(tmp_path, "--checkpoint_every", 30, "--max_updates", 100)
    assert saved == ["checkpoint.npz", "checkpoint.npz", "best.npz", *["checkpoint.npz"] * 3]  # the first as it begins


RMSPROP = ("--optimizer", "rmsprop", "--learning_rate", 0.01, "--l2", 0.001)


@pytest.mark.parametrize(("cut", "flags"), [(30, RMSPROP), (53, ()), (70, ())])  # before, at and after an epoch's end
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, run_script, cut, flags):
    whole, part = start(tmp_path, *flags), start(tmp_path, *flags, "--max_updates", cut)
    status, _, err = run_script(numpy_rnn.main, "--resume", part, "--max_updates", 1000)
    assert status == 0, err
    for name in ("checkpoint.npz", "best.npz"):
        assert same(arrays(whole, name), arrays(part, name))
    for name in ("metrics.csv", "samples.csv"):
        assert rows(whole, name) == rows(part, name)
    results = [json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder in (whole, part)]
    assert {key for key in results[0] if results[0][key] != results[1][key]} <= {"seconds", "config", "date"}


def test_resume_goes_on_for_more_epochs_and_refuses_what_differs(tmp_path, run_script):
    folder = start(tmp_path, "--epochs", 1)
    status, _, err = run_script(numpy_rnn.main, "--resume", folder, "--num_hidden", 9)
    assert status == 2 and "--num_hidden 9 differs from the saved run's 8" in err
    status, _, err = run_script(numpy_rnn.main, "--resume", folder, "--no_strip_gutenberg")
    assert status == 2 and "--no_strip_gutenberg differs from the saved run's True" in err
    assert run_script(numpy_rnn.main, "--resume", folder, "--epochs", 2)[0] == 0
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["epochs"] == 2 and not config.keys() & {"resume", "check"}
    assert same(arrays(folder), arrays(start(tmp_path)))
    status, out, _ = run_script(numpy_rnn.main, "--resume", folder)
    assert status == 0 and "nothing to do" in out
    (tmp_path / "story.txt").write_text(STORY.replace("king", "gink"), encoding="utf-8")
    status, _, err = run_script(numpy_rnn.main, "--resume", folder, "--epochs", 3)
    assert status == 2 and "not the text that this run began with" in err


def test_everything_can_be_trained_on_and_nothing_be_logged(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = start(tmp_path, "--val_fraction", 0, "--test_fraction", 0, "--print_every", 1000)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert result["validation_loss"] is None and result["test_loss"] is None and result["train_loss"] > 0
    assert not (folder / "best.npz").exists() and rows(folder) == []


def test_the_picture_is_drawn_again_from_the_metrics(plain, tmp_path):
    (tmp_path / "metrics.csv").write_bytes((plain / "metrics.csv").read_bytes())
    draw_run(tmp_path)
    assert (tmp_path / "curves.png").read_bytes() == (plain / "curves.png").read_bytes()


@pytest.mark.parametrize(("flags", "kept"), [((), ""), (("--no_strip_gutenberg",), "*ABCDEFGHIJKLNOPRSTU")])
def test_the_licence_of_project_gutenberg_is_trained_on_only_where_told(tmp_path, run_script, flags, kept):
    marks = [f"*** {word} OF THIS PROJECT GUTENBERG EBOOK ABC ***\n" for word in ("START", "END")]
    (tmp_path / "book.txt").write_text(f"{marks[0]}{STORY}\n{marks[1]}THE LICENCE", encoding="utf-8")
    argv = [*TINY, "--txt_file", tmp_path / "book.txt", "--summary_path", tmp_path / "runs", *flags]
    status, out, err = run_script(numpy_rnn.main, *argv)
    assert status == 0, err
    assert ("characters cut" in out) == (not kept)
    (path,) = tmp_path.glob("runs/*/checkpoint.npz")
    assert set(model.load(path)[0]["vocabulary"]) == set(STORY + kept)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path, run_script):
    argv = ["--optimizer", "sgd", "--learning_rate", 1e36, "--clip", 0, "--checkpoint_every", 1]
    (tmp_path / "story.txt").write_text(STORY, encoding="utf-8")
    words = [*TINY, "--txt_file", tmp_path / "story.txt", "--summary_path", tmp_path / "runs", *argv]
    status, _, err = run_script(numpy_rnn.main, *words)
    assert status == 2 and "not finite at update" in err and err.count("\n") == 1
    (folder,) = (tmp_path / "runs").iterdir()
    assert np.isfinite(model.load(folder / "checkpoint.npz")[1].flat).all()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves_and_the_resumed_run_equals_the_uninterrupted(tmp_path, number):
    argv = ["--epochs", 60, "--print_every", 100, "--sample_every", 1000]
    whole = start(tmp_path, *argv)
    words = [sys.executable, ROOT / "part3/numpy_rnn.py", *TINY, *argv]
    words += ["--txt_file", tmp_path / "story.txt", "--summary_path", tmp_path / "stopped"]
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    for line in process.stdout:
        if "Update 000300" in line:
            break
    process.send_signal(number)
    rest = process.stdout.read()
    assert process.wait(timeout=60) == 128 + number
    (folder,) = (tmp_path / "stopped").iterdir()
    assert f"numpy_rnn.py --resume {folder}" in rest
    subprocess.run([*words[:2], "--resume", folder], check=True, capture_output=True, cwd=tmp_path)
    assert same(arrays(whole), arrays(folder)) and same(arrays(whole, "best.npz"), arrays(folder, "best.npz"))
    assert rows(whole) == rows(folder)
