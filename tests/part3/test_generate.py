# SPDX-License-Identifier: MIT
import pytest

from part3 import generate, train_text


@pytest.fixture
def run_folder(tmp_path, run_script, text_file):
    argv = ["--lstm_num_hidden", 8, "--seq_length", 6, "--batch_size", 4, "--train_steps", 3]
    assert run_script(train_text.main, *argv, "--txt_file", text_file, "--summary_path", tmp_path / "runs")[0] == 0
    text_file.unlink()  # generation needs nothing but the checkpoint
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


@pytest.fixture
def generated(run_folder, run_script):
    def run(*argv):
        status, out, err = run_script(generate.main, "--checkpoint", run_folder, *argv)
        assert status == 0, err
        return out

    return run


def test_length_prompt_and_seed(generated):
    text = generated("--prompt", "The king", "--length", 100)
    assert text.startswith("The king") and len(text) == 8 + 100 + 1
    assert text == generated("--prompt", "The king", "--length", 100)
    assert text != generated("--prompt", "The king", "--length", 100, "--seed", 2)
    assert text != generated("--prompt", "The king", "--length", 100, "--temperature", 0.1)
    assert len(generated("--length", 45)) == 1 + 45 + 1
    assert generated("--length", 45) != generated("--length", 45, "--seed", 2)


def test_temperature_zero_is_greedy(generated):
    assert generated("--prompt", "T", "--temperature", 0) == generated("--prompt", "T", "--temperature", 0, "--seed", 9)


def test_several_samples(generated):
    text = generated("--prompt", "The", "--num_samples", 3, "--length", 30, "--temperature", 1)
    assert text.count("--- ") == 3 and text.count("The") >= 3
    assert len(set(text.split("--- ")[1:])) == 3


def test_a_checkpoint_file_or_a_folder(run_folder, run_script):
    texts = {run_script(generate.main, "--checkpoint", path)[1] for path in (run_folder, run_folder / "best.pt")}
    assert len(texts) == 1


def test_an_unknown_character_is_named(run_folder, run_script):
    status, out, err = run_script(generate.main, "--checkpoint", run_folder, "--prompt", "The Zoo")
    assert status == 2 and "'Z'" in err and "number 5" in err and err.count("\n") == 1 and out == ""
    status, _, err = run_script(generate.main, "--checkpoint", run_folder, "--prompt", "")
    assert status == 2 and "empty" in err


def test_it_prints_as_it_goes(run_folder, monkeypatch, run_script):
    import sys

    flushed = []
    original = sys.stdout.write
    monkeypatch.setattr(sys.stdout, "write", lambda text: flushed.append(text) or original(text))
    run_script(generate.main, "--checkpoint", run_folder, "--length", 20)
    assert max(map(len, flushed)) == 1
