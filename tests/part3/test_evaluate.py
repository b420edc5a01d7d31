# SPDX-License-Identifier: MIT
import json
import math

import numpy as np
import pytest
import torch

from common.run import read_table
from part3 import evaluate, train_text, tune_dynamic
from part3.dynamic import Rule, dynamic_losses, follow
from part3.evaluation import character_losses, text_loss
from part3.model import TextGenerationModel, load_model
from part3.text import read_text

RULE = Rule(rate=0.01, decay=0.002, window=20)


@pytest.fixture
def model():
    """In float64, where training and evaluation add up in the same order."""
    return TextGenerationModel(4, 6, 12, 16, 2, dropout_keep_prob=0.5, recurrent_keep_prob=0.5, embedding=6).double()


@pytest.fixture
def numbers():
    """Thirty characters, repeated."""
    return np.tile(np.random.default_rng(1).integers(12, size=30), 20)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_a_rate_of_zero_is_the_static_evaluation_exactly(model, numbers):
    static, _ = character_losses(model, numbers, "cpu", chunk=20)
    assert (dynamic_losses(model, numbers, "cpu", Rule(rate=0, window=20)) == static).all()
    assert text_loss(model, numbers, "cpu") == pytest.approx(static.mean(), rel=1e-12)
    assert dynamic_losses(model.float(), numbers, "cpu", Rule(rate=0)) == pytest.approx(static, rel=1e-5)


def test_what_comes_again_gets_cheaper(model, numbers):
    static, _ = character_losses(model, numbers, "cpu")
    dynamic = dynamic_losses(model, numbers, "cpu", RULE)
    assert dynamic[400:].mean() < dynamic[200:400].mean() - 0.1 < static[400:].mean() - 0.3
    assert static[400:].mean() == pytest.approx(static[:200].mean(), abs=0.02)


@pytest.mark.parametrize("window", [1, 20, 33])
def test_a_window_is_scored_before_it_is_learned_from(model, numbers, window):
    rule = Rule(rate=3e-3, window=window)
    static, _ = character_losses(model, numbers, "cpu", chunk=window)
    dynamic = dynamic_losses(model, numbers, "cpu", rule)
    assert (dynamic[:window] == static[:window]).all()
    assert (dynamic[window : 2 * window] != static[window : 2 * window]).any()
    later = numbers.copy()
    later[300:] = np.random.default_rng(2).permutation(later[300:])  # what comes does not reach back
    assert (dynamic_losses(model, later, "cpu", rule)[:299] == dynamic[:299]).all()


def test_the_model_is_as_it_was_afterwards(model, numbers):
    before = weights(model)
    for training in (True, False):
        model.train(training)
        dynamic_losses(model, numbers[:50], "cpu", RULE)
        assert same(before, weights(model))
        assert all(module.training is training for module in model.modules())
    broken = numbers[:50].copy()
    broken[45] = 99  # no such character
    with pytest.raises(IndexError):
        dynamic_losses(model, broken, "cpu", RULE)
    assert same(before, weights(model))


def test_there_is_no_dropout(model, numbers):
    assert (dynamic_losses(model, numbers, "cpu", RULE) == dynamic_losses(model, numbers, "cpu", RULE)).all()


def test_the_rule_is_the_formula():
    weight, before = torch.tensor([1.0, -2.0]), torch.tensor([1.5, -2.5])
    rule = Rule(rate=0.1, decay=0.2, epsilon=0.001)
    follow([weight], [before], [torch.tensor([3.0, 0.0])], [torch.tensor([0.5, 0.1])], rule)  # mean RMS .3
    first = 1 - 0.1 * 3 / (0.5 + 0.001) + 0.2 * (0.5 / 0.3) * 0.5
    assert weight.tolist() == pytest.approx([first, -2 + 0.2 * (0.1 / 0.3) * -0.5])
    follow([weight], [before], [torch.zeros(2)], [torch.tensor([9.0, 0.1])], Rule(decay=0.9))
    assert weight[0].item() == pytest.approx(1.5)  # drawn back all the way, and not beyond


def test_a_gradient_of_zero_moves_nothing():
    weight, zero = torch.tensor([1.0, -2.0]), torch.zeros(2)
    follow([weight], [weight.clone()], [zero], [zero], Rule())
    assert weight.tolist() == [1.0, -2.0]


def test_at_rest_gradients_are_collected_and_nothing_is_learned(model, numbers):
    static, _ = character_losses(model, numbers, "cpu", chunk=20)
    dynamic = dynamic_losses(model, numbers, "cpu", RULE, at_rest=200)
    assert (dynamic[:220] == static[:220]).all() and (dynamic[220:240] != static[220:240]).any()
    alone = dynamic_losses(model, numbers[200:], "cpu", RULE)
    assert not np.allclose(alone[20:], dynamic[220:], rtol=1e-3)  # its first steps know no size of the gradients


@pytest.fixture
def run_folder(tmp_path, run_script, text_file):
    argv = ["--lstm_num_hidden", 8, "--seq_length", 6, "--batch_size", 4, "--train_steps", 9, "--eval_every", 3]
    argv += ["--val_fraction", 0.1, "--txt_file", text_file, "--summary_path", tmp_path / "runs"]
    assert run_script(train_text.main, *argv)[0] == 0
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


@pytest.fixture
def evaluated(run_folder, run_script, text_file, tmp_path):
    def run(*argv):
        base = ["--checkpoint", run_folder, "--txt_file", text_file, "--json", tmp_path / "out.json"]
        status, out, err = run_script(evaluate.main, *base, *argv)
        assert status == 0, err
        result = json.loads((tmp_path / "out.json").read_text())
        assert result["bpc"] == pytest.approx(result["loss"] / math.log(2)) and f"{result['bpc']:.4f}" in out
        return result

    return run


def test_the_parts_are_those_of_the_run(evaluated, run_folder):
    result = json.loads((run_folder / "result.json").read_text())
    for part, characters in (("validation", 120), ("test", 60)):
        measured = evaluated("--part", part, "--warm_up", 0)
        assert measured["characters"] == characters - 1  # the first has nothing before it
        assert measured["loss"] == pytest.approx(result[f"{part}_loss"], rel=1e-6)
    assert evaluated("--part", "train")["characters"] == 1019
    assert evaluated()["characters"] == 1199


def test_what_stands_before_the_part_is_read_but_not_counted(evaluated, run_folder, text_file):
    measured = evaluated("--part", "test", "--warm_up", 100)
    assert measured["characters"] == 60
    model, vocabulary = load_model(run_folder / "best.pt", "cpu")
    losses, _ = character_losses(model, vocabulary.encode(read_text(text_file)[-160:]), "cpu")
    assert measured["loss"] == pytest.approx(losses[-60:].mean())
    assert evaluated("--part", "test")["loss"] == evaluated("--part", "test", "--warm_up", 1140)["loss"]


def test_dynamic_and_its_flags(evaluated, run_folder):
    before = {path: path.read_bytes() for path in run_folder.iterdir()}
    flags = ["--part", "test", "--dynamic", "--warm_up", 100]
    losses = [
        evaluated(*flags, *more)["loss"]
        for more in ([], ["--rate", 0.01], ["--decay", 0.5], ["--window", 7], ["--at_rest", 0])
    ]
    assert len(set(losses)) == 5
    assert evaluated(*flags, "--rate", 0)["loss"] == pytest.approx(evaluated("--part", "test")["loss"], rel=1e-5)
    assert before == {path: path.read_bytes() for path in run_folder.iterdir()}  # the checkpoint is only read


def test_characters_that_the_checkpoint_does_not_know(run_folder, run_script, tmp_path, evaluated):
    other = tmp_path / "other.txt"
    other.write_text("Zoë went home. " * 20, encoding="utf-8")
    argv = ["--checkpoint", run_folder, "--txt_file", other]
    status, out, err = run_script(evaluate.main, *argv)
    assert status == 2 and err.count("\n") == 1 and not out
    assert "'Zë'" in err and "--unknown skip" in err
    skipped = evaluated("--txt_file", other, "--unknown", "skip")
    other.write_text("o went home. " * 20, encoding="utf-8")
    assert skipped["characters"] == 13 * 20 - 1 and skipped["loss"] == evaluated("--txt_file", other)["loss"]
    other.write_text("".join(map(chr, range(3000, 3100))), encoding="utf-8")
    _, _, err = run_script(evaluate.main, *argv)
    assert "and 80 more" in err
    status, _, err = run_script(evaluate.main, *argv, "--unknown", "skip")
    assert status == 2 and "nothing to predict" in err and "held such a part out" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--rate", 0.1], "--dynamic"),
        (["--window", 0], "--window"),
        (["--part", "best"], "--part"),
        (["--warm_up", -1], "--warm_up"),
        (["--txt_file", "missing.txt"], "missing.txt"),
        (["--checkpoint", "missing"], "missing"),
        (["--json", "/dev/null/folder/out.json"], "/dev/null/folder"),
    ],
)
def test_one_line_for_what_does_not_serve(run_folder, run_script, text_file, flags, word):
    status, _, err = run_script(evaluate.main, "--checkpoint", run_folder, "--txt_file", text_file, *flags)
    assert status == 2 and err.count("\n") == 1 and word in err


def test_a_loss_that_is_not_finite_is_one_line(run_folder, run_script, text_file):
    argv = ["--checkpoint", run_folder, "--txt_file", text_file, "--dynamic", "--rate", 1e38]
    status, out, err = run_script(evaluate.main, *argv)
    assert status == 2 and "not finite" in err and "--rate" in err and err.count("\n") == 1 and out == ""


def test_the_settings_are_tried_on_the_validation_part_and_the_best_stands_first(tmp_path, run_script, monkeypatch):
    (tmp_path / "book.txt").write_text("The king went home, the goat did not.\n" * 60, encoding="utf-8")
    small = ["--lstm_num_hidden", 8, "--batch_size", 4, "--train_steps", 30, "--learning_rate", 0.02]
    book, runs = ["--txt_file", tmp_path / "book.txt"], tmp_path / "runs"
    assert run_script(train_text.main, *small, *book, "--summary_path", runs)[0] == 0
    monkeypatch.setattr(tune_dynamic, "SETTINGS", [(0.0, 0.0, 20), (0.01, 0.0, 10)])
    run = next(runs.iterdir())
    text = (tmp_path / "book.txt").read_text(encoding="utf-8")
    status, _, err = run_script(tune_dynamic.main, "--checkpoint", run, *book, "--output", tmp_path / "book.txt")
    assert status == 2 and "is another table" in err and (tmp_path / "book.txt").read_text(encoding="utf-8") == text
    status, _, err = run_script(tune_dynamic.main, "--checkpoint", run, *book, "--warm_up", 50, 100)
    assert (status, err) == (0, "")
    rows = read_table(run / "dynamic_tuning.csv")
    assert [float(row["bpc"]) for row in rows] == sorted(float(row["bpc"]) for row in rows)
    assert {(row["rate"], row["warm_up"]) for row in rows} == {("0.0", "50"), ("0.01", "50"), (rows[0]["rate"], "100")}
    assert rows[0]["rate"] == "0.01"
    argv = ["--checkpoint", run, *book, "--part", "validation", "--warm_up", 50, "--json", tmp_path / "static.json"]
    assert run_script(evaluate.main, *argv)[0] == 0
    static = json.loads((tmp_path / "static.json").read_text(encoding="utf-8"))
    assert float(rows[-1]["bpc"]) == pytest.approx(static["bpc"], abs=1e-4)
