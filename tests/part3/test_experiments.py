# SPDX-License-Identifier: MIT
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch

from common.checkpoint import load_checkpoint
from common.run import read_json, read_table
from part3 import experiments, flags, text_plots, train_text
from part3.findings import licence_of, loss_on, measure_languages, one_line, thinned
from part3.gutenberg import strip_gutenberg
from part3.recipes import FINISHERS, LANGUAGES, MARKED_UP, RECIPES, REMEMBERING, STYLES, Recipe
from part3.text import read_text
from part3.trained import load_run

ROOT = Path(__file__).resolve().parents[2]
TALES = (ROOT / "assets" / "grimm.txt").read_text(encoding="utf-8")
LICENCE = "*** END OF THIS PROJECT GUTENBERG EBOOK ***\nYou may copy this Project Gutenberg work,\n give it away." * 3
SMALL = "--lstm_num_hidden 8 --batch_size 4 --sample_every 10 --sample_length 12 --eval_every 10 --learning_rate 0.02"


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """Small texts under the names of the real ones."""
    folder = tmp_path_factory.mktemp("books")
    texts = {
        "grimm.txt": TALES[:20_000],
        "grimms_fairy_tales.txt": TALES[:14_000] + "\n" + LICENCE,
        "don_quijote.txt": "En un lugar de la Mancha vivía un hidalgo.\n\n" * 300 + LICENCE,
        "anna_karenina.txt": TALES[20_000:30_000].replace("k", "q").replace("z", "x"),
        "democracy_in_america.txt": TALES[30_000:40_000],
        "shakespeare.txt": TALES[40_000:50_000].replace("w", ""),
        "calculus_made_easy.tex": "\\begin{center}\n $x^{2}$\n\\end{center}\n\n" * 300,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name in ("b", "a"):
        (folder / f"{name}.html").write_text(f"<div><p>Page {name}</p>\n</div>\n\n" * 150, encoding="utf-8")
    (folder / "c.css").write_text("p {}", encoding="utf-8")
    return folder


def train(run_script, books, folder, *argv):
    return run_script(experiments.main, "train", "--books", books, "--summary_path", folder, *argv)


def weights(path):
    return load_checkpoint(path, "part3")["model"]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_recipe_is_a_command_that_train_text_takes():
    for name, recipe in RECIPES.items():
        config, given = flags.parser().parse_with_given(recipe.flags.split())
        flags.refuse_contradictions(config, given)
        assert recipe.train_steps % config.sample_every == 0, name  # the last weights have a sample
        if recipe.keep:
            assert recipe.keep < recipe.train_steps and recipe.keep % config.eval_every == 0, name
        assert all(step % config.sample_every == 0 for step in recipe.shown), name
    for names in (STYLES, LANGUAGES, FINISHERS, REMEMBERING, MARKED_UP):
        assert set(names) <= set(RECIPES)
    hours = (
        sum(recipe.train_steps * (0.035 if "--seq_length 50" in recipe.flags else 0.02) for recipe in RECIPES.values())
        / 3600
    )
    assert 2 < hours < 3


def test_a_run_is_made_once_and_goes_on(run_script, books, tmp_path):
    folder = tmp_path / "r" / "tiny"
    only = ["--only", "tiny"]
    status, out, err = train(run_script, books, tmp_path / "r", *only, "--train_steps", 10)
    assert (status, err) == (0, "") and out.startswith("tiny: 10 updates") and not (folder / "step_20.pt").exists()
    assert "Train Step" in (folder / "log.txt").read_text(encoding="utf-8") and "Train Step" not in out
    status, out, _ = train(run_script, books, tmp_path / "r", *only)
    assert status == 0 and out.startswith("tiny: 30 updates")
    assert load_checkpoint(folder / "step_20.pt", "part3")["standing"]["step"] == 20
    (folder / "result.json").unlink()  # killed just before the end
    assert train(run_script, books, tmp_path / "r", *only)[1] == out
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert train(run_script, books, tmp_path / "r", *only)[1] == out
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == {
        **before,
        "step_20.pt": before["step_20.pt"],
    }

    argv = [
        *RECIPES["tiny"].flags.split(),
        "--txt_file",
        str(books / "grimm.txt"),
        "--summary_path",
        str(tmp_path / "s"),
    ]
    train_text.main([*argv, "--train_steps", "20"])
    train_text.main([*argv, "--train_steps", "30"])
    twenty, thirty = sorted((tmp_path / "s").iterdir(), key=lambda path: read_json(path / "result.json")["steps"])
    assert same(weights(folder / "step_20.pt"), weights(twenty / "checkpoint.pt"))
    assert same(weights(folder / "checkpoint.pt"), weights(thirty / "checkpoint.pt"))
    assert same(weights(folder / "best.pt"), weights(thirty / "best.pt"))
    assert read_table(folder / "samples.csv") == read_table(thirty / "samples.csv")
    assert read_table(folder / "metrics.csv") == read_table(thirty / "metrics.csv")


def test_a_run_ends_after_its_minutes_and_a_later_call_with_more_goes_on(run_script, books, tmp_path):
    train(run_script, books, tmp_path, "--only", "tiny", "--max_minutes", 1e-9)
    first = read_json(tmp_path / "tiny" / "result.json")
    assert first["ended_by"] == "max_minutes" and first["steps"] == 1
    assert train(run_script, books, tmp_path, "--only", "tiny", "--max_minutes", 1e-9)[0] == 0
    assert read_json(tmp_path / "tiny" / "result.json") == first
    train(run_script, books, tmp_path, "--only", "tiny")
    assert read_json(tmp_path / "tiny" / "result.json")["steps"] == 30


def test_a_signal_stops_it_all(run_script, books, tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES, "grimm", Recipe("grimm.txt", 100_000, SMALL, keep=10))
    folder, only = tmp_path / "grimm", ["--only", "grimm", "tiny"]
    metrics = folder / "metrics.csv"

    def stop_once_it_trains():
        while not metrics.exists() or "\n40," not in metrics.read_text(encoding="utf-8"):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop_once_it_trains)
    thread.start()
    status, out, _ = train(run_script, books, tmp_path, *only)
    thread.join()
    assert status == 143 and out == "grimm: begun\nstopped; the same command goes on from here\n"
    step = load_checkpoint(folder, "part3")["standing"]["step"]
    assert 40 <= step < 100_000 and not (tmp_path / "tiny").exists()
    more = ["--books", books, "--summary_path", tmp_path, "--to", tmp_path]
    assert run_script(experiments.main, "report", *more)[0] == 2  # the result there is that of the tenth update
    status, out, _ = train(run_script, books, tmp_path, *only, "--train_steps", step + 5)
    assert status == 0 and out.startswith(f"grimm: {step + 5} updates") and "tiny: 30 updates" in out
    assert load_checkpoint(folder / "step_10.pt", "part3")["standing"]["step"] == 10


def test_what_cannot_go_on_is_told_and_the_next_run_is_made(run_script, books, tmp_path, monkeypatch):
    train(run_script, books, tmp_path, "--only", "tiny", "--train_steps", 5)
    monkeypatch.setitem(RECIPES, "tiny", Recipe("grimm.txt", 30, RECIPES["tiny"].flags.replace("hidden 8", "hidden 9")))
    monkeypatch.setitem(RECIPES, "grimm", Recipe("grimm.txt", 5, SMALL))
    status, out, err = train(run_script, books, tmp_path, "--only", "tiny", "grimm")
    assert status == 1 and err == ""
    told, made = out.splitlines()
    assert told.startswith("tiny: --lstm_num_hidden 9 differs") and told.endswith(
        f"move {tmp_path / 'tiny'} away to train it anew"
    )
    assert made.startswith("grimm: 5 updates")


def test_a_dry_run_makes_nothing(run_script, books, tmp_path):
    train(run_script, books, tmp_path, "--only", "tiny")
    status, out, _ = train(run_script, books, tmp_path, "--dry_run", "--only", "tiny", "anna_karenina")
    assert status == 0 and out.splitlines()[1].endswith("100,000 updates on anna_karenina.txt: to do")
    assert "30 updates on grimm.txt: 30 updates, " in out and [path.name for path in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["train", "--only", "anna_karenina"], "download.py"),
        (["train", "--only", "html"], "--html_folder"),
        (["train", "--html_folder", "."], "--html_folder"),
        (["train", "--only", "nobody"], "invalid choice"),
        (["train", "--train_steps", 0], "--train_steps"),
        (["report"], "no finished run"),
        (["report", "--only", "tiny"], "not the report's results"),
        (["report", "--items", "all"], "invalid choice"),
        ([], "train|report"),
    ],
)
def test_what_does_not_serve_is_one_line(run_script, tmp_path, monkeypatch, argv, word):
    monkeypatch.chdir(tmp_path)
    more = ["--books", tmp_path, "--summary_path", "runs"] if argv else []
    status, out, err = run_script(experiments.main, *argv, *more)
    assert status == 2 and err.count("\n") == 1 and word in err and out == "" and not list(tmp_path.rglob("*.pt"))


def test_pages_are_joined_in_the_order_of_their_names(pages):
    text = experiments.join_pages(pages)
    assert text.index("Page a") < text.index("Page b") and "p {}" not in text and text.count("<div>") == 300


@pytest.fixture(scope="module")
def reported(books, pages, tmp_path_factory):
    """All runs in small, and the report of them: (folder of the runs, {item: what its file has}, figures)."""
    folder = tmp_path_factory.mktemp("report")
    small = {name: Recipe(r.book, 20, SMALL, keep=r.keep and 10, letters=r.letters) for name, r in RECIPES.items()}
    for name in ("grimm_licence", "quijote_licence"):
        flags = f"{SMALL} --no_strip_gutenberg --val_fraction 0 --test_fraction 0"
        small[name] = Recipe(small[name].book, 20, flags)
    small["anna_karenina"] = Recipe("anna_karenina.txt", 40, SMALL, shown=(20,))
    with pytest.MonkeyPatch.context() as patch:
        for name, recipe in small.items():
            patch.setitem(RECIPES, name, recipe)
        common = ["--books", str(books), "--summary_path", str(folder / "runs")]
        assert experiments.main(["train", *common, "--html_folder", str(pages)]) == 0
        items = [item for item in experiments.ITEMS if item != "markup"]  # its texts are long; it has its own tests
        assert experiments.main(["report", *common, "--to", str(folder / "to"), "--items", *items]) == 0
    assert text_plots.main(["--results", str(folder / "to"), "--to", str(folder / "figures")]) == 0
    return folder / "runs", {item: read_json(folder / "to" / f"{item}.json") for item in items}, folder / "figures"


def test_some_runs_never_take_the_place_of_all(reported, books, run_script, tmp_path, monkeypatch):
    runs, _, _ = reported
    monkeypatch.setattr(experiments, "RESULTS", tmp_path / "to")
    few = tmp_path / "runs"
    few.mkdir()
    (few / "grimm").symlink_to(runs / "grimm")
    argv = ["--books", books, "--summary_path", few, "--to", tmp_path / "to"]
    status, _, err = run_script(experiments.main, "report", *argv)
    assert status == 2 and "not the report's results" in err and "anna_karenina, calculus" in err
    assert not (tmp_path / "to").exists()


def test_every_file_says_how_it_was_made(reported):
    _, results, figures = reported
    for content in results.values():
        assert content["versions"].keys() == {"python", "torch", "numpy"} and "seed" in content and "date" in content
        assert all(run["config"]["lstm_num_hidden"] == 8 for run in content["runs"].values())
        assert "txt_file" not in json.dumps(content)
    names = {f"text_{name}.{end}" for name in ("training", "books", "memory") for end in ("png", "pdf")}
    assert {path.name for path in figures.iterdir()} == names


def test_training(reported):
    folder, results, _ = reported
    runs = results["training"]["runs"]
    assert runs.keys() == RECIPES.keys() - {"tiny"}
    grimm = runs["grimm"]
    assert [sample["step"] for sample in grimm["samples"]] == [0] + [10] * 4 + [20] * 4
    rows = read_table(folder / "grimm" / "metrics.csv")
    losses = [float(row["loss"]) for row in rows if row["loss"]]
    assert grimm["training_curve"]["loss"] == pytest.approx(losses, abs=1e-4)
    assert grimm["samples"][-1]["training_loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-4)
    bits = [float(row["validation_bpc"]) for row in rows if row["validation_bpc"]]
    assert [grimm["samples"][n]["validation_bpc"] for n in (1, 5)] == pytest.approx(bits, abs=1e-4)
    assert grimm["samples"][0]["validation_bpc"] > bits[0] > bits[1] and len(grimm["samples"][0]["text"]) == 13
    assert grimm["validation_loss"] == read_json(folder / "grimm" / "result.json")["validation_loss"]
    assert [sample["step"] for sample in runs["anna_karenina"]["samples"]] == [0] + [20] * 4 + [40] * 4
    assert {sample["validation_bpc"] for sample in runs["grimm_licence"]["samples"]} == {None}
    sentences = runs["democracy"]["sentences"]
    assert [row["text"][0] for row in sentences] == ["I", "P"] * 3 and len(sentences[0]["text"]) == 13


def test_books(reported):
    folder, results, _ = reported
    runs = results["books"]["runs"]
    assert list(runs) == list(STYLES)
    for name, run in runs.items():
        own = run["test_parts"][name]
        assert own["unknown_share"] == 0
        assert own["loss"] == pytest.approx(read_json(folder / name / "result.json")["test_loss"], abs=1e-4)
        assert all(len(text) == 200 for text in run["texts"].values())
    test = TALES[40_000:50_000].replace("w", "")
    test = test[-round(0.05 * len(test)) :]
    unknown = runs["anna_karenina"]["test_parts"]["shakespeare"]["unknown_share"]
    known = set(TALES[20_000:30_000].replace("k", "q").replace("z", "x"))
    assert unknown == pytest.approx(sum(one not in known for one in test) / len(test), abs=1e-5) and unknown > 0


def test_loss_without_what_is_unknown(reported):
    run = load_run(reported[0] / "grimm", "cpu")
    plain, other = loss_on(run, "the king went home"), loss_on(run, "the κing went ηome".replace("κ", "kαβ"))
    assert plain["unknown_share"] == 0 and other["unknown_share"] == pytest.approx(3 / 20, abs=1e-5)
    assert loss_on(run, "the αking went home")["loss"] == plain["loss"]


def test_languages(reported):
    runs = reported[1]["languages"]["runs"]
    assert list(runs) == list(LANGUAGES)
    assert all(run["checkpoint"] == "checkpoint.pt" and run["step"] == 20 for run in runs.values())
    assert runs["grimm"]["config"]["strip_gutenberg"] and not runs["grimm_licence"]["config"]["strip_gutenberg"]
    rows = runs["quijote"]["rows"]
    assert len(rows) == 2 * 6 and rows[5]["prompt"] == "(any character)" and len(rows[0]["text"]) == 200
    assert reported[1]["languages"]["licence_characters"] == len(one_line(LICENCE)) * 2 + 1  # of the two books


def test_measure_of_languages():
    licence = "You may copy it, give it away or re-use it."
    grams = {licence[i : i + 20] for i in range(len(licence) - 19)}
    english, spanish = {"the", "king", "me", "copy"}, {"el", "rey", "me"}
    half = measure_languages(["You may copy it,\n  give it away and more, of the kin"], grams, english, spanish)
    text = "You may copy it, give it away and more, of the kin"
    assert half["licence_20_grams"] == pytest.approx(
        (len("You may copy it, give it away ") - 19) / (len(text) - 19), abs=1e-4
    )
    assert half["name_gutenberg"] == 0 and half["spanish_words"] == 0
    told = measure_languages(["el rey, el king me xyz rey", "GUTENBERG"], grams, english, spanish)
    assert told["spanish_words"] == 0.75 and told["name_gutenberg"] == 0.5  # the last word may be cut
    assert measure_languages(["xyz"], grams, english, spanish)["spanish_words"] is None


def test_the_licence_is_what_stripping_leaves_out(books):
    text = read_text(books / "don_quijote.txt")
    licence = licence_of(text)
    assert "hidalgo" not in licence and licence.count("give it away") == 3
    assert len(licence) + len(strip_gutenberg(text)[0].strip()) == len(text) + 1


def test_sentences(reported):
    runs = reported[1]["sentences"]["runs"]
    assert list(runs) == list(FINISHERS)
    for run in runs.values():
        assert run["checkpoint"] == "step_10.pt" and run["step"] == 10
        assert len(run["rows"]) == 11 and run["rows"][-1]["prompt"] == "Sleeping beauty is "
        assert all(len(text) == 80 for row in run["rows"] for text in row["texts"].values())
        assert set(run["rows"][0]["texts"]) == {"0", "0.5", "1"}
    assert "T" in runs["quijote"]["rows"][0]["unknown"]


def test_memory(reported):
    runs = reported[1]["memory"]["runs"]
    assert list(runs) == list(REMEMBERING) and runs["grimm"]["bins"][-1]["to"] == 600


def test_thinned():
    points = [(step, step / 10) for step in range(1, 1001)]
    curve = thinned(points)
    assert len(curve["step"]) == 200 and curve["step"][:2] == [3, 8] and curve["loss"][0] == pytest.approx(0.3)
    assert thinned(points[:3]) == {"step": [1, 2, 3], "loss": [0.1, 0.2, 0.3]}
    assert thinned([]) == {"step": [], "loss": []}


def test_no_results_no_figures(run_script, tmp_path):
    status, _, err = run_script(text_plots.main, "--results", tmp_path, "--to", tmp_path / "f")
    assert status == 2 and err.count("\n") == 1 and "experiments.py report" in err and not (tmp_path / "f").exists()


@pytest.mark.parametrize("content", ["{}", '{"picture": {"lines": [], "cells": []}}', "{", "[]"])
def test_damaged_results_are_one_line(run_script, tmp_path, content):
    (tmp_path / "activations.json").write_text(content)
    status, _, err = run_script(text_plots.main, "--results", tmp_path, "--to", tmp_path / "f")
    assert status == 2 and err.count("\n") == 1 and "activations.json" in err and "make it anew" in err
