# SPDX-License-Identifier: MIT
"""What numpy_rnn.py refuses: each time with one line and exit status 2, and nothing is run or written."""

import json
from pathlib import Path

import numpy as np
import pytest

from part3 import numpy_model as model
from part3 import numpy_rnn

NUMBERS = {
    "seq_length": ["0", "1.5"], "val_fraction": ["-0.1", "1.1"], "test_fraction": ["nan"], "num_hidden": ["0"],
    "epochs": ["0", "2.5"], "max_updates": ["0"], "optimizer": ["adam"], "learning_rate": ["0", "nan"],
    "initial_accumulator_value": ["-1"], "l2": ["-1", "inf"], "clip": ["-5"], "seed": ["-1"], "print_every": ["0"],
    "sample_every": ["0"], "sample_length": ["0"], "temperature": ["-1", "x"], "checkpoint_every": ["0"],
}  # fmt: skip


def refused(result, *words):
    status, _, err = result
    assert status == 2 and err.count("\n") == 1, err
    for word in words:
        assert word in err


@pytest.mark.parametrize(("flag", "value"), [(flag, value) for flag, values in NUMBERS.items() for value in values])
def test_values_out_of_range(run_script, flag, value):
    refused(run_script(numpy_rnn.main, f"--{flag}", value), f"--{flag}", value)


def test_bad_input_gets_one_line(run_script, tmp_path, text_file):
    refused(run_script(numpy_rnn.main), "--txt_file")
    refused(run_script(numpy_rnn.main, "--check", "--epochs", 2), "--check")
    refused(run_script(numpy_rnn.main, "--txt_file", tmp_path / "no.txt"), "No such file")
    argv = ["--txt_file", text_file, "--optimizer", "sgd", "--initial_accumulator_value", 1]
    refused(run_script(numpy_rnn.main, *argv), "--initial_accumulator_value", "sgd")
    refused(
        run_script(numpy_rnn.main, "--txt_file", text_file, "--seq_length", 1080), "1080 characters", "--seq_length"
    )
    refused(run_script(numpy_rnn.main, "--txt_file", text_file, "--summary_path", text_file / "x"), "--summary_path")
    assert list(tmp_path.iterdir()) == [text_file]


@pytest.fixture
def stored():
    """The entries of a checkpoint, by name."""
    w = model.initial_weights(5, 4, 1)
    facts = {"kind": model.KIND, "format": model.FORMAT, "config": {}}
    memory = dict(s=np.zeros_like(w.flat), h=np.zeros_like(w.b))
    return {name: getattr(w, name) for name in model.NAMES} | memory | {"facts": np.array(json.dumps(facts))}


def test_a_checkpoint_that_serves(stored, tmp_path):
    np.savez(tmp_path / "good.npz", **stored)
    _, w, _, _ = model.load(tmp_path / "good.npz")
    assert all(np.array_equal(getattr(w, name), stored[name]) for name in model.NAMES)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("W", lambda W: W[:1]),
        ("U", lambda U: U[:, :3]),
        ("h", lambda h: h[:1]),
        ("s", lambda s: s[:1]),
        ("facts", lambda facts: np.array("{}")),
        ("facts", lambda facts: np.array("no JSON")),
        ("facts", lambda facts: np.array(str(facts).replace(model.KIND, "another"))),
        ("facts", lambda facts: np.array(str(facts).replace('"format": 1', '"format": 2'))),
    ],
)
def test_checkpoints_with_a_wrong_entry(run_script, tmp_path, stored, name, spoil):
    np.savez(tmp_path / "checkpoint.npz", **{**stored, name: spoil(stored[name])})
    refused(run_script(numpy_rnn.main, "--resume", tmp_path), "damaged", "best.npz")
    del stored[name]
    np.savez(tmp_path / "checkpoint.npz", **stored)
    refused(run_script(numpy_rnn.main, "--resume", tmp_path), "damaged")


def test_checkpoints_that_are_missing_or_cut(run_script, tmp_path, stored):
    refused(run_script(numpy_rnn.main, "--resume", tmp_path / "missing"), "missing")
    refused(run_script(numpy_rnn.main, "--resume", tmp_path), "checkpoint.npz", "No such file")
    path = tmp_path / "checkpoint.npz"
    np.savez(path, **stored)
    raw = path.read_bytes()
    for content in (b"", b"no checkpoint", raw[:-100], raw[: len(raw) // 2]):
        path.write_bytes(content)
        refused(run_script(numpy_rnn.main, "--resume", tmp_path), "damaged")


class Hostile:
    def __reduce__(self):
        return (Path.touch, (Path("hostile"),))


def test_a_pickle_in_a_checkpoint_is_never_run(run_script, tmp_path, stored, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("checkpoint.npz", **{**stored, "h": np.array([Hostile()], dtype=object)})
    refused(run_script(numpy_rnn.main, "--resume", "."), "damaged")
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.npz"]
