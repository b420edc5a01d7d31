# SPDX-License-Identifier: MIT
import json
import re

import numpy as np
import pytest
import torch

from part3 import activations, train_text
from part3.activations import (
    cell_states,
    correlations,
    inside_quotes,
    lines_of,
    passage,
    place_in_line,
    place_in_word,
)
from part3.model import TextGenerationModel
from part3.trained import load_run

TALE = "The king said: “Go </script> home, <b>little</b> goat!” And it went & went\nhome.\n\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a “bc” d", "00111000"),
        ("‘b’ c", "11000"),
        ("‘it’s b’ c", "1111111000"),  # an apostrophe ends nothing
        ("“a ‘b’ c” d", "11111111000"),
        ('x "y" z', "0011000"),
        ("“a\n\nb” c", "11100000"),  # a paragraph does
        ("«a» b", "11000"),
        ("don’t ’tis”", "00000000000"),
        ("", ""),
    ],
)
def test_inside_quotes(text, expected):
    assert "".join(f"{value:.0f}" for value in inside_quotes(text)) == expected


def test_places():
    assert place_in_line("ab\n\nc d\n").tolist() == [1, 2, 0, 0, 1, 2, 3, 0]
    assert place_in_word("ab, cé’s x").tolist() == [1, 2, 0, 0, 1, 2, 0, 1, 0, 1]
    assert place_in_line("").tolist() == []


def test_correlations_are_numpys():
    rng = np.random.default_rng(1)
    cells, feature = rng.standard_normal((200, 6)).astype(np.float32), rng.random(200)
    cells[:, 2] = -3 * feature + 1
    cells[:, 5] = 0.25
    found = correlations(cells, feature)
    assert found[:5] == pytest.approx([np.corrcoef(cells[:, c], feature)[0, 1] for c in range(5)], abs=1e-6)
    assert found[2] == pytest.approx(-1) and found[5] == 0
    assert (correlations(cells, np.ones(200)) == 0).all()


@pytest.fixture
def model():
    model = TextGenerationModel(1, 1, 7, lstm_num_hidden=5, seed=2).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def step_by_step(model, numbers):
    state, states = None, []
    with torch.no_grad():
        for number in numbers:
            _, state = model(torch.tensor([[number]]), state)
            states.append(state[1].tanh()[:, 0].flatten())
    return torch.stack(states).numpy()


@pytest.mark.parametrize("n", [3, 50, 737])
def test_cell_states_are_those_of_one_reading(model, n):
    numbers = np.random.default_rng(1).integers(7, size=n).astype(np.uint8)
    expected = step_by_step(model, numbers.tolist())
    assert expected.shape == (n, 10) and np.abs(expected).max() > 0.3
    assert cell_states(model, numbers, "cpu") == pytest.approx(expected, abs=1e-4)


def test_the_warm_up_is_what_makes_it_so(model, monkeypatch):
    numbers = np.random.default_rng(1).integers(7, size=737).astype(np.uint8)
    monkeypatch.setattr(activations, "WARM_UP", 0)
    assert np.abs(cell_states(model, numbers, "cpu") - step_by_step(model, numbers.tolist())).max() > 0.1


def test_passage_and_lines():
    text = "x\n\n" + "plain words, nobody speaks\n\n" * 5 + "“Half of it” is in quotes.\n\nplain"
    assert text[passage(text, 26) :].startswith("“Half")
    assert passage("no paragraph", 5) == 0
    assert lines_of("abcdef\ngh\n\ni", 4, 9) == [(0, 4), (4, 6), (7, 9), (11, 12)]
    assert lines_of("abcd\nef", 4, 9) == [(0, 4), (5, 7)] and lines_of("ab\ncd\nef", 4, 2) == [(0, 2), (3, 5)]


def test_the_picture_has_the_best_cell_of_each_feature():
    names = ["inside quotes", "inside quotes", "place in the line"]
    cells = [{"feature": name, "unit": unit, "values": [unit, 2, 3, 4, 5]} for unit, name in enumerate(names)]
    picture = activations.pictured(cells, "ab\ncd")
    assert picture["lines"] == ["ab", "cd"]
    assert [(cell["unit"], cell["values"]) for cell in picture["cells"]] == [
        (0, [[0, 2], [4, 5]]),
        (2, [[2, 2], [4, 5]]),
    ]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("activations")
    (folder / "book.txt").write_text(TALE * 60, encoding="utf-8")
    argv = ["--lstm_num_hidden", 12, "--seq_length", 20, "--batch_size", 8, "--train_steps", 60]
    argv += ["--learning_rate", 0.02, "--val_fraction", 0.1, "--test_fraction", 0.1]
    train_text.main([str(word) for word in [*argv, "--txt_file", folder / "book.txt", "--summary_path", folder / "r"]])
    return next((folder / "r").iterdir())


def test_the_cells_found_are_the_best_and_are_measured_apart(run_folder):
    run = load_run(run_folder, "cpu")
    found, states, text = activations.find_cells(run, "cpu")
    assert [cell["feature"] for cell in found] == [name for name in activations.FEATURES for _ in range(3)]
    assert states.shape == (len(text), 24)
    validation = cell_states(run.model, run.data.val, "cpu")
    for first in found[::3]:
        feature = activations.FEATURES[first["feature"]]
        cell = activations.column(first, 12)
        r = correlations(validation, feature(run.data.convert_to_string(run.data.val)))
        assert abs(r[cell]) == abs(r).max() and first["validation"] == pytest.approx(r[cell], abs=1e-4)
        assert first["test"] == pytest.approx(np.corrcoef(states[:, cell], feature(text))[0, 1], abs=1e-4)
    assert abs(found[0]["validation"]) > 0.3  # it learned something of quotes


def test_the_whole(run_folder, run_script, tmp_path):
    files = []
    for name in ("a", "b"):
        to = tmp_path / name
        paths = ["--output", to / "a.json", "--page", to / "p" / "page.html", "--figures", to / "figures"]
        argv = ["--checkpoint", run_folder, "--length", 90, *paths]
        status, out, err = run_script(activations.main, *argv)
        assert status == 0 and err == "" and "inside quotes: layer" in out
        results = json.loads((to / "a.json").read_text(encoding="utf-8"))
        files.append(((to / "p" / "page.html").read_text(encoding="utf-8"), {**results, "date": ""}))
        for ending in ("png", "pdf"):
            assert (to / "figures" / f"activations.{ending}").stat().st_size > 5000
    assert files[0] == files[1]
    page, results = files[0]
    assert "http" not in page and "src=" not in page and "<link" not in page  # it needs nothing else
    assert page.count("</script") == 1 and "<b>" not in page
    data = json.loads(re.search(r"const data = (.*);\n", page).group(1))
    assert len(data["text"]) == 90 and "</script> home, <b>" in data["text"]
    assert [{key: value for key, value in cell.items() if key != "values"} for cell in data["cells"]] == results[
        "cells"
    ]
    assert all(len(cell["values"]) == 90 for cell in data["cells"])
    assert activations.pictured(data["cells"], data["text"]) == results["picture"]
    run = load_run(run_folder, "cpu")
    states = cell_states(run.model, run.data.test, "cpu")
    cell, start = data["cells"][0], results["shown_from"]
    shown = 100 * states[start : start + 90, activations.column(cell, 12)]
    assert cell["values"] == pytest.approx(shown, abs=0.51)


def test_a_book_without_quotes(run_script, tmp_path):
    (tmp_path / "book.txt").write_text("The king went\nhome.\n\n" * 100, encoding="utf-8")
    argv = ["--lstm_num_hidden", "4", "--batch_size", "4", "--train_steps", "3"]
    train_text.main([*argv, "--txt_file", str(tmp_path / "book.txt"), "--summary_path", str(tmp_path / "r")])
    paths = ["--output", tmp_path / "a.json", "--page", tmp_path / "p.html", "--figures", tmp_path]
    checkpoint = ["--checkpoint", next((tmp_path / "r").iterdir())]
    status, out, _ = run_script(activations.main, *checkpoint, *paths)
    assert status == 0 and "inside quotes" not in out and "place in the word" in out


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--page", "."], "is a folder"),
        (["--page", "book.txt"], "is no page"),
        (["--txt_file", "missing.txt"], "missing.txt"),
        (["--length", 0], "--length"),
        (["--checkpoint", "nowhere"], "nowhere"),
    ],
)
def test_what_does_not_serve_is_one_line(run_folder, run_script, tmp_path, monkeypatch, argv, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TALE)
    paths = ["--output", "a.json", "--page", "p.html", "--figures", "figures"]
    status, out, err = run_script(activations.main, "--checkpoint", run_folder, *paths, *argv)
    assert status == 2 and err.count("\n") == 1 and word in err and out == ""
    assert (tmp_path / "book.txt").read_text() == TALE


def test_nothing_held_out(run_script, tmp_path):
    (tmp_path / "book.txt").write_text(TALE * 10, encoding="utf-8")
    argv = ["--lstm_num_hidden", "4", "--batch_size", "4", "--train_steps", "3", "--val_fraction", "0"]
    train_text.main([*argv, "--txt_file", str(tmp_path / "book.txt"), "--summary_path", str(tmp_path / "r")])
    paths = ["--output", tmp_path / "a.json", "--page", tmp_path / "p.html", "--figures", tmp_path]
    status, _, err = run_script(activations.main, "--checkpoint", next((tmp_path / "r").iterdir()), *paths)
    assert status == 2 and err.count("\n") == 1 and "--val_fraction" in err
