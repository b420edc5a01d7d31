# SPDX-License-Identifier: MIT
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from part3 import finishing, generate, train_text
from part3.prompts import known, true_continuation
from part3.text import Vocabulary

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A model of a few updates, whose book is gone: generation needs nothing but the checkpoint."""
    folder = tmp_path_factory.mktemp("generate")
    book = folder / "book.txt"
    book.write_text("The king said: “Go home, little goat!” And it went home.\n\n" * 20 + "x" * 40, encoding="utf-8")
    argv = ["--lstm_num_hidden", 16, "--seq_length", 6, "--batch_size", 8, "--train_steps", 40, "--learning_rate", 0.02]
    train_text.main([str(word) for word in [*argv, "--txt_file", book, "--summary_path", folder / "runs"]])
    book.unlink()
    (run,) = (folder / "runs").iterdir()
    return run


@pytest.fixture
def attempt(run_folder, run_script):
    return lambda *argv: run_script(generate.main, "--checkpoint", run_folder, *argv)


@pytest.fixture
def generated(attempt):
    def run(*argv):
        status, out, err = attempt(*argv)
        assert status == 0, err
        return out

    return run


@pytest.fixture
def prompt_file(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("The king\n\n  \nAnd it went home. \nGo\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """A shell starts what runs in its background with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_after(monkeypatch, n):
    """A Ctrl-C when the model has made n characters of each text."""
    original = finishing.generate

    def interrupted(*arguments):
        for number, x in enumerate(original(*arguments)):
            if number == n:
                signal.raise_signal(signal.SIGINT)
            yield x

    monkeypatch.setattr(finishing, "generate", interrupted)


def test_length_prompt_and_seed(generated):
    text = generated("--prompt", "The king", "--length", 100)
    assert text.startswith("The king") and len(text) == 8 + 100 + 1
    assert text == generated("--prompt", "The king", "--length", 100)
    assert text != generated("--prompt", "The king", "--length", 100, "--seed", 2)
    assert len(generated("--length", 45)) == 1 + 45 + 1
    first = {generated("--length", 1, "--seed", seed)[0] for seed in range(6)}
    assert len(first) > 2  # a random character each time


def test_temperature_zero_is_greedy(generated):
    assert generated("--prompt", "T", "--temperature", 0) == generated("--prompt", "T", "--temperature", 0, "--seed", 9)


@pytest.mark.parametrize(
    "flags", [("--temperature", 0.1), ("--top_k", 2), ("--top_p", 0.3), ("--beam_width", 3), ("--seed", 5)]
)
def test_each_flag_of_the_choice_counts(generated, flags):
    assert generated("--prompt", "The", *flags) != generated("--prompt", "The")


@pytest.mark.parametrize("flags", [("--top_k", 1), ("--top_p", 1e-9), ("--beam_width", 1)])
def test_what_equals_greedy(generated, flags):
    argv = ("--prompt", "Go", "--length", 200)
    assert generated(*argv, *flags) == generated(*argv, "--temperature", 0)


def test_threads(generated):
    threads = torch.get_num_threads()
    generated("--length", 2, "--threads", 2)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)


def test_several_samples(generated):
    argv = ("--num_samples", 3, "--length", 30, "--temperature", 1)
    text = generated("--prompt", "The", *argv)
    assert [line for line in text.split("\n") if line.startswith("--- ")] == ["--- 1 of 3", "--- 2 of 3", "--- 3 of 3"]
    texts = [part.split("\n", 1)[1] for part in text.split("--- ")[1:]]
    assert len(set(texts)) == 3 and all(part.startswith("The") and len(part) == 34 for part in texts)
    begun = [part.split("\n", 1)[1] for part in generated(*argv).split("--- ")[1:]]
    assert len({part[0] for part in begun}) > 1 and all(len(part) == 32 for part in begun)


def test_a_checkpoint_file_or_a_folder(run_folder, run_script):
    texts = {run_script(generate.main, "--checkpoint", path)[1] for path in (run_folder, run_folder / "best.pt")}
    assert len(texts) == 1


def test_prompts_of_a_file_as_a_table(generated, prompt_file):
    rows = generated("--prompt_file", prompt_file, "--length", 70, "--temperature", 0).splitlines()
    assert [row.split(" | ")[0] for row in rows] == ["The king          ", "And it went home. ", "Go                "]
    for prompt, row in zip(["The king", "And it went home. ", "Go"], rows, strict=True):  # each as it would be alone
        alone = generated("--prompt", prompt, "--length", 70, "--temperature", 0)
        assert prompt + row.split(" | ", 1)[1] == alone[:-1].replace("\n", "↵")
    assert any("↵" in row for row in rows)
    rows = generated("--prompt_file", prompt_file, "--length", 20, "--num_samples", 2).splitlines()
    assert len(rows) == 6 and len(set(rows)) == 6 and rows[0].startswith("The king") and rows[1].startswith("The king")
    assert len(generated("--prompt_file", prompt_file, "--length", 20, "--beam_width", 2).splitlines()) == 3


@pytest.mark.parametrize("choice", [("--temperature", 0.3), ("--beam_width", 2), ("--num_samples", 5)])
def test_stop(generated, choice):
    text = generated("--prompt", "The home.", "--stop", "me", "--length", 400, *choice)
    texts = [part.split("\n", 1)[1] for part in text.split("--- ")[1:]] if "--- " in text else [text]
    following = [part[len("The home.") : -1] for part in texts]  # the prompt's own "me" ends nothing
    assert all(part.endswith("me") and part.count("me") == 1 for part in following)
    if len(following) > 1:
        assert len({len(part) for part in following}) > 1  # each ends on its own
    without = generated("--prompt", "The home.", "--length", 400, *choice)
    assert len(without) > len(text)


def test_a_text_is_cut_off_where_it_stops(generated):
    argv = ("--prompt", "The", "--length", 300)
    whole = generated(*argv)[3:]
    assert generated(*argv, "--stop", "o")[3:] == whole[: whole.index("o") + 1] + "\n"
    whole, stopped = (generated(*argv, "--num_samples", 8, *stop) for stop in ((), ("--stop", "g")))
    texts, ends = (re.findall(r"--- \d of 8\n(.*?)\n(?=---|$)(?!\n)", text, re.S) for text in (whole, stopped))
    assert len(texts) == 8 and ends == [text[: text.index("g") + 1] for text in texts]


def test_an_unknown_character_is_named(attempt, prompt_file):
    for choice in ((), ("--beam_width", 2), ("--num_samples", 2)):
        status, out, err = attempt("--prompt", "The Zoo", *choice)
        assert status == 2 and "'Z'" in err and "number 5" in err and err.count("\n") == 1 and out == ""
    prompt_file.write_text("The king\n\nGo Q\n", encoding="utf-8")
    status, out, err = attempt("--prompt_file", prompt_file)
    assert status == 2 and f"line 3 of {prompt_file}" in err and "'Q'" in err and "number 4" in err
    assert err.count("\n") == 1 and out == ""


def test_an_unknown_character_left_out(attempt, generated):
    status, out, err = attempt("--prompt", "ZThe Zking", "--unknown", "skip")
    assert status == 0 and err.count("\n") == 1 and "'Z' (number 1), 'Z' (number 6)" in err
    assert out == generated("--prompt", "The king")
    err = attempt("--prompt", "Z" * 12 + "The", "--unknown", "skip")[2]
    assert "number 10) and 2 more" in err
    status, out, err = attempt("--prompt", "ZZ", "--unknown", "skip")
    assert status == 2 and err.count("\n") == 1 and "no character" in err and out == ""
    assert attempt("--prompt", "The", "--unknown", "skip")[2] == ""


def test_known():
    vocabulary = Vocabulary("abc")
    assert known("cab", vocabulary) == "cab" and known("cxab", vocabulary, "skip") == "cab"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--prompt", "a", "--prompt_file", "b"], ["--prompt", "--prompt_file"]),
        (["--prompt", "a", "--interactive"], ["--prompt", "--interactive"]),
        (["--prompt_file", "a", "--interactive"], ["--prompt_file", "--interactive"]),
        (["--interactive", "--output", "a"], ["--interactive", "--output"]),
        (["--beam_width", 2, "--temperature", 1], ["--beam_width", "--temperature"]),
        (["--beam_width", 2, "--top_k", 1], ["--beam_width", "--top_k"]),
        (["--beam_width", 2, "--top_p", 0.5], ["--beam_width", "--top_p"]),
        (["--beam_width", 2, "--num_samples", 2], ["--beam_width", "--num_samples"]),
        (["--temperature", 0, "--top_k", 2], ["--temperature 0", "--top_k"]),
        (["--temperature", 0, "--top_p", 0.5], ["--temperature 0", "--top_p"]),
        (["--temperature", 0, "--prompt", "a", "--num_samples", 2], ["--temperature 0", "--num_samples"]),
        (["--unknown", "skip"], ["--unknown", "--prompt"]),
        (["--true_continuation", "a"], ["--true_continuation", "--prompt"]),
        (["--prompt", ""], ["--prompt is empty"]),
        (["--stop", ""], ["--stop is empty"]),
        (["--stop", "Z"], ["'Z'", "number 1"]),
        (["--top_k", 0], ["--top_k", "0"]),
        (["--top_p", 0], ["--top_p", "0"]),
        (["--top_p", 1.1], ["--top_p", "1.1"]),
        (["--beam_width", 0], ["--beam_width", "0"]),
        (["--unknown", "x"], ["--unknown", "skip"]),
        (["--prompt_file", "missing.txt"], ["missing.txt", "--prompt_file"]),
        (["--prompt", "The", "--true_continuation", "missing.txt"], ["missing.txt", "--true_continuation"]),
        (["--output", "missing/out.txt"], ["missing/out.txt", "folder"]),
        (["--output", "."], ["--output '.'", "is a folder"]),
        (["--output", ""], ["--output ''", "is a folder"]),
        (["--prompt_file", ""], ["--prompt_file"]),
        (["--prompt", "The", "--true_continuation", ""], ["--true_continuation"]),
    ],
)
def test_what_does_not_serve_is_one_line(attempt, argv, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = attempt(*argv)
    assert status == 2 and err.count("\n") == 1 and out == "" and not list(tmp_path.iterdir())
    for word in words:
        assert word in err, err


def test_a_file_without_a_prompt(attempt, prompt_file):
    prompt_file.write_text("\n   \n\n", encoding="utf-8")
    status, _, err = attempt("--prompt_file", prompt_file)
    assert status == 2 and err.count("\n") == 1 and "no line" in err


def test_output(generated, prompt_file, tmp_path):
    path = tmp_path / "out.txt"
    for argv in (["--prompt", "The"], ["--num_samples", 3], ["--prompt_file", prompt_file], ["--beam_width", 2]):
        text = generated(*argv, "--length", 60)
        assert generated(*argv, "--length", 60, "--output", path).startswith(f"{path}: ")
        assert path.read_text(encoding="utf-8") == text
    assert {p.name for p in tmp_path.iterdir()} == {"out.txt", "prompts.txt"}


def test_an_output_that_would_take_something_away(attempt, run_folder, prompt_file, tmp_path):
    book = tmp_path / "book.txt"
    book.write_text("The king said")
    for output, argv, words in (
        (run_folder / "best.pt", [], "no text"),
        (prompt_file, ["--prompt_file", prompt_file], "--output and --prompt_file are the same file"),
        (book, ["--prompt", "The", "--true_continuation", book], "--output and --true_continuation are the same file"),
        (book / "text.txt", [], "cannot write"),
    ):
        before = output.read_bytes() if output.exists() else None
        status, _, err = attempt("--output", output, *argv)
        assert status == 2 and words in err and err.count("\n") == 1
        assert before is None or output.read_bytes() == before


def test_it_prints_as_it_goes(attempt, monkeypatch):
    written, flushes = [], []
    original, flush = sys.stdout.write, sys.stdout.flush
    monkeypatch.setattr(sys.stdout, "write", lambda text: written.append(text) or original(text))
    monkeypatch.setattr(sys.stdout, "flush", lambda: flushes.append(len(written)) or flush())
    attempt("--length", 20)
    assert len(written) == 22 and max(map(len, written)) == 1
    assert set(range(2, 22)) <= set(flushes)  # each character as soon as it is there


@pytest.mark.parametrize("to_file", [False, True])
def test_ctrl_c_keeps_one_text(attempt, generated, monkeypatch, tmp_path, to_file):
    whole = generated("--prompt", "The", "--length", 50)
    interrupt_after(monkeypatch, 20)
    path = tmp_path / "out.txt"
    status, out, err = attempt("--prompt", "The", "--length", 50, *(["--output", path] if to_file else []))
    assert status == 130 and err == ""
    assert (path.read_text(encoding="utf-8") if to_file else out) == whole[:23] + "\n"
    assert len(list(tmp_path.iterdir())) == to_file


@pytest.mark.parametrize("to_file", [False, True])
def test_ctrl_c_keeps_a_batch(attempt, generated, monkeypatch, tmp_path, to_file):
    argv = ("--prompt", "The", "--num_samples", 3, "--stop", "o")
    whole = generated(*argv, "--length", 12)
    interrupt_after(monkeypatch, 12)
    path = tmp_path / "out.txt"
    status, out, err = attempt(*argv, "--length", 5000, *(["--output", path] if to_file else []))
    assert status == 130 and err == ""
    assert (path.read_text(encoding="utf-8") if to_file else out) == whole


def test_ctrl_c_before_there_is_a_text_leaves_the_file_alone(attempt, monkeypatch, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("of old")
    monkeypatch.setattr(finishing, "beam_search", lambda *_: signal.raise_signal(signal.SIGINT))
    status, out, err = attempt("--beam_width", 2, "--output", path)
    assert (status, out, err) == (130, "", "\n") and path.read_text() == "of old" and len(list(tmp_path.iterdir())) == 1


def test_ctrl_c_keeps_the_beams_that_are_done(attempt, generated, monkeypatch, prompt_file):
    argv = ("--prompt_file", prompt_file, "--beam_width", 2, "--length", 15)
    whole = generated(*argv).splitlines(keepends=True)
    original, calls = finishing.beam_search, []

    def third_is_interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(finishing, "beam_search", third_is_interrupted)
    assert attempt(*argv) == (130, "".join(whole[:2]), "")


def test_interactive_from_a_pipe(attempt, generated, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("The king\nThe Zoo\nGo \n\nThe goat\n"))
    status, out, err = attempt("--interactive", "--length", 30, "--temperature", 0)
    assert status == 0 and "'Z'" in err and "number 5" in err and err.count("\n") == 1  # said, and on it goes
    texts = [generated("--prompt", prompt, "--length", 30, "--temperature", 0) for prompt in ("The king", "Go ")]
    assert out == "".join(texts)  # and nothing after the empty line
    monkeypatch.setattr(sys, "stdin", io.StringIO("The king"))  # the end of the file ends it too
    assert attempt("--interactive", "--length", 30, "--temperature", 0) == (0, texts[0], "")


def test_ctrl_c_ends_a_conversation(attempt, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("The\nThe\nThe\n"))
    interrupt_after(monkeypatch, 5)
    status, out, err = attempt("--interactive")
    assert status == 130 and err == "" and out.count("The") == 1


def test_true_continuation():
    book = "One (two)\nthree. one two three; One (two) four."
    assert true_continuation(book, "One (two)", 7) == ("\nthree.", 9, 2)
    assert true_continuation(book, "(two) three", 5) == (". one", 15, 1)  # white space is white space
    assert true_continuation(book, "three.", 1000) == (" one two three; One (two) four.", 16, 1)
    assert true_continuation(book, "three.", 1000, "two") == (" one two", 16, 1)
    assert true_continuation(book, "one (two)", 7) is None and true_continuation(book, "thr..", 7) is None


def test_the_book_beside_the_model(generated, tmp_path, prompt_file):
    book = tmp_path / "other.txt"
    book.write_text("Once the\nking slept. Go home. Once the king woke.", encoding="utf-8")
    argv = ("--length", 12, "--true_continuation", book)
    alone = generated("--prompt", "the king", "--length", 12)
    text = generated("--prompt", "the king", *argv)
    assert text == f"{alone}--- other.txt from character 14 of 49, the first of 2 places\nthe king slept. Go h\n"
    text = generated("--prompt", "Go", *argv, "--num_samples", 2)
    assert text.endswith("--- other.txt from character 24 of 49, its only place\nGo home. Once \n")
    assert text.count("other.txt") == 1
    assert generated("--prompt", "The", *argv, "--beam_width", 2).endswith("--- 'The' does not occur in other.txt\n")
    rows = generated("--prompt_file", prompt_file, *argv).splitlines()
    assert rows[1::2] == [f"{'the book':>18} | {t}" for t in ("(not in it)", "(not in it)", " home. Once ")]


def start(run_folder, *argv):
    """A process of its own. Each takes seconds to start."""
    command = [sys.executable, str(ROOT / "part3" / "generate.py"), "--checkpoint", str(run_folder), "--prompt", "The"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen([*command, *argv], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_pipe_that_closes(run_folder):
    process = start(run_folder, "--length", "1e6")
    assert process.stdout.read(20).startswith(b"The")
    process.stdout.close()
    assert process.wait(60) == 141 and process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.slow
def test_a_real_ctrl_c_and_the_same_text_in_another_process(run_folder, generated):
    stopped, same = start(run_folder, "--length", "1e6"), start(run_folder, "--length", "300")
    stopped.stdout.read(20)
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130 and err == b"" and out.endswith(b"\n")
    out, err = same.communicate(timeout=60)
    assert same.returncode == 0 and err == b"" and out.decode() == generated("--prompt", "The", "--length", 300)
