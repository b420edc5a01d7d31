# SPDX-License-Identifier: MIT
import json

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from part3 import position, train_text
from part3.evaluation import character_losses
from part3.model import TextGenerationModel
from part3.position import EDGES, block_means, measure, window_losses


@pytest.fixture
def model():
    model = TextGenerationModel(1, 1, 7, lstm_num_hidden=5, seed=2).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)
    return model


class Copier(torch.nn.Module):
    """Knows a character once it has read the LAG characters before it, since it is the one that many before."""

    LAG = 40

    def forward(self, x, state=None):
        logits = torch.zeros(*x.shape, 7)
        logits[:, self.LAG - 1 :].scatter_(2, x[:, : x.shape[1] - self.LAG + 1, None], 50.0)
        return logits, state


def test_each_window_is_read_from_state_zero(model):
    numbers = np.random.default_rng(1).integers(7, size=80).astype(np.uint8)
    losses, places = window_losses(model, numbers, 30, 7, "cpu")
    starts = list(range(0, 50, 7))
    assert losses.shape == places.shape == (len(starts), 30)
    for row, start in enumerate(starts):
        alone, _ = character_losses(model, numbers[start : start + 31], "cpu")
        assert losses[row] == pytest.approx(alone, abs=1e-5)
        assert places[row].tolist() == list(range(start + 1, start + 31))


def test_many_windows_are_read_in_several_batches(model):
    numbers = np.random.default_rng(1).integers(7, size=300).astype(np.uint8)
    losses, _ = window_losses(model, numbers, 20, 1, "cpu")
    assert len(losses) == 280  # the last begins where 20 characters follow
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(numbers[279:299].astype(np.int64))[None])
    target = torch.from_numpy(numbers[280:300].astype(np.int64))
    assert losses[-1] == pytest.approx(cross_entropy(logits[0], target, reduction="none").numpy(), abs=1e-5)


@pytest.mark.parametrize(("N", "blocks"), [(3250, 3), (500, 1)])
def test_block_means_against_brute_force(N, blocks):
    rng = np.random.default_rng(1)
    length, stride = 60, 3
    places = np.arange(0, N - length, stride)[:, None] + np.arange(1, length + 1)
    losses = rng.random(places.shape)
    groups = np.where(np.arange(length) < 10, 0, np.where(np.arange(length) < 20, -1, 1))
    found = block_means(losses, places, N, groups, 2)
    sums = {}
    for row in range(len(places)):
        for column in range(length):
            place = places[row, column]
            if 60 <= place <= N - 60 and (place - 60) // 1000 < blocks and groups[column] >= 0:
                sums.setdefault(((place - 60) // 1000, groups[column]), []).append(losses[row, column])
    assert found.shape == (blocks, 2) and len(sums) == 2 * blocks
    for (block, group), values in sums.items():
        assert found[block, group] == pytest.approx(np.mean(values))


def test_every_position_is_measured_on_the_same_characters():
    N, length = 3300, 100
    places = np.arange(0, N - length)[:, None] + np.arange(1, length + 1)
    difficulty = np.random.default_rng(1).random(N)  # of the character alone, whatever stands before it
    found = block_means(difficulty[places], places, N, np.arange(length), length)
    assert found.shape == (3, length) and np.ptp(found, axis=1) == pytest.approx(0, abs=1e-12)


def test_what_memory_is_worth():
    pattern = np.random.default_rng(3).integers(7, size=40).astype(np.uint8)
    numbers = np.tile(pattern, 100)
    result = measure(Copier(), numbers, 30, "cpu", 600, 10)
    assert result["near"]["mean"] == pytest.approx(np.log(7))
    assert result["far"]["mean"] == pytest.approx(np.log(7) * 9 / 570, abs=1e-3)  # positions 31 to 39 of 31 to 600
    assert result["gain"]["mean"] == pytest.approx(np.log(7) * 561 / 570, abs=1e-3)
    assert result["bins"][-1]["less_than_near"] == {
        "mean": pytest.approx(np.log(7)),
        "standard_error": pytest.approx(0, abs=1e-6),
    }
    assert [row.pop("less_than_near") for row in result["bins"]]
    assert result["bins"][0] == {
        "from": 1,
        "to": 1,
        "mean": pytest.approx(np.log(7)),
        "standard_error": pytest.approx(0, abs=1e-6),
    }
    assert [row["from"] for row in result["bins"]] == [edge for edge in EDGES if edge <= 600]
    assert [row["mean"] < 1e-6 for row in result["bins"] if row["from"] > 40] == [True] * 7
    assert result["bins"][7] == {
        "from": 11,
        "to": 20,
        "mean": pytest.approx(np.log(7)),
        "standard_error": pytest.approx(0, abs=1e-6),
    }
    assert result["bins"][9]["from"] == 31 and result["bins"][9]["mean"] == pytest.approx(0.9 * np.log(7))
    assert result["bins"][-1]["to"] == 600 and result["blocks"] == 2
    longer = measure(Copier(), numbers, 50, "cpu", 600, 10)
    assert longer["near"]["mean"] == pytest.approx(0, abs=1e-6) and abs(longer["gain"]["mean"]) < 1e-6


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("position")
    (folder / "book.txt").write_text("The king said: Go home, little goat!\n\n" * 400, encoding="utf-8")
    argv = ["--lstm_num_hidden", 8, "--seq_length", 6, "--batch_size", 4, "--train_steps", 20, "--learning_rate", 0.02]
    train_text.main([str(word) for word in [*argv, "--txt_file", folder / "book.txt", "--summary_path", folder / "r"]])
    return next((folder / "r").iterdir())


def test_the_whole(run_folder, run_script, tmp_path):
    outputs = []
    for name in ("a", "b"):
        to = ["--output", tmp_path / name / "m.json", "--figures", tmp_path / name]
        status, out, err = run_script(position.main, "--checkpoint", run_folder, "--window", 100, *to)
        assert status == 0 and err == "" and "the memory beyond 6 is worth" in out
        outputs.append(json.loads((tmp_path / name / "m.json").read_text(encoding="utf-8")))
        for ending in ("png", "pdf"):
            assert (tmp_path / name / f"text_memory.{ending}").stat().st_size > 5000
    assert [output.pop("date") for output in outputs] and outputs[0] == outputs[1]
    (run,) = outputs[0]["runs"].values()
    assert run["step"] == 20 and run["config"]["seq_length"] == 6 and run["book"] == "book.txt"
    assert "/" not in json.dumps(outputs[0]).replace("nats/", "")  # no path of this machine


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--window", 6], "--window"),
        (["--window", 1400], "--window"),
        (["--stride", 11], "--stride"),
        (["--txt_file", "missing.txt"], "missing.txt"),
        (["--output", "."], "is a folder"),
    ],
)
def test_what_does_not_serve_is_one_line(run_folder, run_script, tmp_path, monkeypatch, argv, word):
    monkeypatch.chdir(tmp_path)
    to = ["--output", "m.json", "--figures", "figures"]
    status, out, err = run_script(position.main, "--checkpoint", run_folder, "--window", 100, *to, *argv)
    assert status == 2 and err.count("\n") == 1 and word in err and out == ""
