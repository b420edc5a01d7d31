# SPDX-License-Identifier: MIT
import json
import shutil
from argparse import Namespace
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch

from part3 import temperature, train_text
from part3.dataset import TextDataset
from part3.evaluation import mean_and_error
from part3.model import TextGenerationModel
from part3.temperature import entropy, in_pieces, misspelt, repetition, words, write_texts
from part3.temperature_plots import draw_temperature

TALE = "The king said: “Go home, little goat!” And it went home.\n\n"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("temperature")
    book = folder / "book.txt"
    book.write_text(TALE * 40, encoding="utf-8")
    argv = ["--lstm_num_hidden", 16, "--seq_length", 6, "--batch_size", 8, "--train_steps", 40, "--learning_rate", 0.02]
    train_text.main([str(word) for word in [*argv, "--txt_file", book, "--summary_path", folder / "runs"]])
    (run,) = (folder / "runs").iterdir()
    return run


@pytest.fixture
def model():
    model = TextGenerationModel(1, 1, 7, lstm_num_hidden=5, seed=2).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)
    return model


def test_repetition():
    assert repetition("abcdefghijklmnopqrstuvwxyz") == 0
    assert repetition("a" * 8) == 0 and repetition("a" * 9) == 1 / 2
    circle = "the king. " * 100
    assert repetition(circle) == (1000 - 7 - 10) / (1000 - 7)  # all 8-grams but the first ten
    assert 0 < repetition("the king went home, and the king went to bed") < 0.4


def test_misspelt_words():
    assert words("The Fox’s don't—stop! x2y ’s ‘ah’") == ["the", "fox’s", "don't", "stop", "x", "y", "s", "ah"]
    known = {"the", "king", "went", "home"}
    assert misspelt("ing The king wnet home, teh king went ho", known) == 2 / 7  # cut words at both ends are not his
    assert misspelt("king KING Home king", known) == 0
    assert misspelt("nothing whole", known) is None and misspelt("... !", known) is None


def test_mean_and_error():
    assert mean_and_error([1, 2, None, 6]) == {"mean": 3, "standard_error": pytest.approx((7 / 3) ** 0.5)}
    assert mean_and_error([2]) == {"mean": 2, "standard_error": None}
    assert mean_and_error([None]) == {"mean": None, "standard_error": None}


def test_pieces():
    assert in_pieces(np.arange(11), 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("T", [0.5, 1, 2])
def test_entropy_is_that_of_what_is_drawn_from(model, T):
    texts = np.random.default_rng(1).integers(7, size=(3, 250))  # more than two pieces
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(texts))
    p = torch.softmax(logits / T, dim=-1)[:, :-1]
    assert entropy(model, texts, T, "cpu") == pytest.approx((-(p * p.log()).sum(-1).mean(1)).numpy(), abs=1e-9)


def test_entropy_grows_with_the_temperature(model):
    texts = np.random.default_rng(1).integers(7, size=(4, 120))
    values = np.stack([entropy(model, texts, T, "cpu") for T in (0, 0.25, 0.5, 1, 1.5, 2, 1e9)])
    assert (np.diff(values, axis=0) > 0).all() and (values[0] == 0).all() and values[-1] == pytest.approx(log(7))


def test_texts_begin_alike_and_as_the_book_has_it(model, tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("ab" * 500 + "cdefg" * 100, encoding="utf-8")  # the training part has little but a and b
    data = TextDataset(path, 5, 0.15, 0.15)
    config = Namespace(num_samples=50, length=30, seed=3, device="cpu")
    greedy, wild = (write_texts(model, data, T, config) for T in (0, 1.5))
    assert greedy.shape == wild.shape == (50, 30) and (greedy[:, 0] == wild[:, 0]).all() and (greedy != wild).any()
    assert (greedy[:, 0] < 2).mean() > 0.8
    assert (write_texts(model, data, 1.5, config) == wild).all()
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(greedy).long())
    assert (logits.argmax(dim=-1)[:, :-1].numpy() == greedy[:, 1:]).all()


def test_the_whole(run_folder, run_script, tmp_path):
    argv = ["--checkpoint", run_folder, "--num_samples", 4, "--length", 60]
    outputs = []
    for name in ("a", "b"):
        paths = ["--output", tmp_path / name / "t.json", "--figures", tmp_path / name / "figures"]
        status, out, err = run_script(temperature.main, *argv, *paths)
        assert status == 0 and err == ""
        outputs.append((tmp_path / name / "t.json").read_text(encoding="utf-8"))
        for ending in ("png", "pdf"):
            assert (tmp_path / name / "figures" / f"temperature.{ending}").stat().st_size > 5_000
    assert outputs[0] == outputs[1]  # and nothing of this machine or moment in it
    results = json.loads(outputs[0])
    assert [row["temperature"] for row in results["temperatures"]] == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2]
    along_test = [row["entropy_along_test"]["mean"] for row in results["temperatures"]]
    assert along_test == sorted(along_test) and along_test[0] == 0
    assert results["test"]["entropy"]["mean"] == along_test[4]
    assert results["test"]["misspelt"]["mean"] == 0  # the book says one thing over and over
    assert results["temperatures"][-1]["misspelt"]["mean"] > 0.5
    assert [sample["temperature"] for sample in results["samples"]] == [0, 0.5, 1, 2]
    assert len({sample["text"][0] for sample in results["samples"]}) == 1
    assert all(sample["text"] in out for sample in results["samples"])
    other = run_script(temperature.main, *argv, *paths, "--seed", 2)[1]
    assert other != out


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--txt_file", "other.txt"], "not the text"),
        (["--txt_file", "missing.txt"], "missing.txt"),
        (["--length", 5000], "--length"),
        (["--length", 10], "--length"),
        (["--num_samples", 0], "--num_samples"),
        (["--output", "."], "is a folder"),
        (["--figures", "other.txt/figures"], "other.txt"),
    ],
)
def test_what_does_not_serve_is_one_line(run_folder, run_script, tmp_path, monkeypatch, argv, word):
    monkeypatch.chdir(tmp_path)
    Path("other.txt").write_text(TALE * 40 + "?", encoding="utf-8")
    place = ["--output", "t.json", "--figures", "figures"]
    status, out, err = run_script(temperature.main, "--checkpoint", run_folder, "--length", 60, *place, *argv)
    assert status == 2 and err.count("\n") == 1 and word in err and out == "" and not Path("t.json").exists()


def test_results_lie_beside_the_model_unless_told_otherwise(run_folder, run_script, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    argv = ["--checkpoint", run, "--num_samples", 2, "--length", 60]
    assert run_script(temperature.main, *argv)[0] == 0
    assert {path.name for path in run.glob("temperature.*")} == {
        "temperature.json", "temperature.png", "temperature.pdf",
    }  # fmt: skip
    argv[1] = tmp_path / "none"
    status, _, err = run_script(temperature.main, *argv)
    assert status == 2 and "none" in err and not (tmp_path / "none").exists()


def test_a_book_without_words_has_a_figure_too():
    row = {"mean": None, "standard_error": None}
    measured = dict.fromkeys(("entropy", "entropy_along_test", "repetition", "misspelt"), row)
    results = {"temperatures": [{"temperature": 1, **measured}], "test": measured}
    assert [len(axis.lines) for axis in draw_temperature(results).axes] == [2, 1, 1]


def test_a_checkpoint_that_is_older_than_a_flag(run_folder, run_script, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    for path in folder.glob("*.pt"):
        content = torch.load(path, weights_only=True)
        del content["config"]["strip_gutenberg"]
        torch.save(content, path)
    status, _, err = run_script(temperature.main, "--checkpoint", folder, "--num_samples", 2, "--length", 50)
    assert (status, err) == (0, "")
