# SPDX-License-Identifier: MIT
import json

import numpy as np
import pytest

from part3 import novelty, temperature, train_text
from part3.dataset import TextDataset
from part3.novelty import GRAM, measure_texts, runs, suffix_array


def random_text(rng, n, letters):
    return "".join(rng.choice(list(letters), size=n))


def runs_by_hand(text, book):
    return [max(n for n in range(len(text) - i + 1) if text[i : i + n] in book) for i in range(len(text))]


@pytest.mark.parametrize("text", ["banana", "a", "aaaaaaa", "abababab", "mississippi", "zyx"])
def test_suffix_array_of_a_word(text):
    numbers = np.frombuffer(text.encode(), dtype=np.uint8)
    assert suffix_array(numbers).tolist() == sorted(range(len(text)), key=lambda i: text[i:])


def test_suffix_array_of_random_texts():
    rng = np.random.default_rng(1)
    for n in (2, 10, 100, 1000):
        for letters in (1, 2, 5):
            numbers = rng.integers(letters, size=n).astype(np.uint8) + 3
            expected = sorted(range(n), key=lambda i: numbers[i:].tolist())
            assert suffix_array(numbers).tolist() == expected


def of(book):
    return suffix_array(np.array([ord(character) for character in book])).tolist()


def test_runs_against_brute_force():
    rng = np.random.default_rng(2)
    for n in (1, 5, 60, 200):
        for letters in ("a", "ab", "abcd"):
            book, text = random_text(rng, n, letters), random_text(rng, 50, letters + "z")
            assert runs(text, book, of(book)) == runs_by_hand(text, book)
            copied = text[:20] + book + text[20:]  # a text longer than the book, with the whole book in it
            assert runs(copied, book, of(book)) == runs_by_hand(copied, book)


def test_runs_of_a_sentence():
    book = "the king went home to the queen"
    assert runs("king went away", book, of(book))[0] == len("king went ")
    assert runs("xyz", book, of(book)) == [0, 0, 0]


def test_measures_against_brute_force(tmp_path):
    path = tmp_path / "book.txt"
    rng = np.random.default_rng(3)
    path.write_text(random_text(rng, 3000, "abc"), encoding="utf-8")
    data = TextDataset(path, 5)
    book = data.convert_to_string(data.train)
    texts = [book[100:125] + random_text(rng, 60, "abc") + book[900:940], random_text(rng, 125, "abc")]
    measured = measure_texts([data.vocabulary.encode(text) for text in texts], data, book, of(book))
    known = {book[i : i + GRAM] for i in range(len(book) - GRAM + 1)}
    grams = [[text[i : i + GRAM] in known for i in range(len(text) - GRAM + 1)] for text in texts]
    longest = [max(runs_by_hand(text, book)) for text in texts]
    assert sum(grams[0]) >= 27  # 6 and 21 of them for the two copies
    assert measured["known_20_grams"]["mean"] == pytest.approx(np.mean([np.mean(row) for row in grams]))
    assert measured["longest_run"]["mean"] == np.mean(longest) and measured["longest_run"]["max"] == max(longest) >= 40
    assert book[900:940] in measured["longest_run_text"] and len(measured["longest_run_text"]) == max(longest)
    assert measured["texts"] == 2


def test_the_whole(run_script, tmp_path):
    tale = tmp_path / "tale.txt"
    tale.write_text("The king said: “Go home, little goat!” And it went home.\n\n" * 40, encoding="utf-8")
    argv = ["--lstm_num_hidden", 16, "--seq_length", 6, "--batch_size", 8, "--train_steps", 40]
    run_script(train_text.main, *argv, "--txt_file", tale, "--summary_path", tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    moved = tale.rename(tmp_path / "moved.txt")
    argv = ["--checkpoint", run, "--txt_file", moved, "--num_samples", 3, "--length", 60, "--figures", tmp_path]
    status, out, err = run_script(novelty.main, *argv, "--output", tmp_path / "n.json")
    assert status == 0 and err == "" and out.count("temperature") == 8
    assert all((tmp_path / f"novelty.{ending}").stat().st_size > 5_000 for ending in ("png", "pdf"))
    results = json.loads((tmp_path / "n.json").read_text(encoding="utf-8"))
    assert results["test"]["longest_run"]["mean"] == 60 and results["test"]["known_20_grams"]["mean"] == 1
    last = results["temperatures"][-1]
    assert last["temperature"] == 2 and last["longest_run"]["max"] < 20 and last["known_20_grams"]["mean"] == 0
    assert last["longest_run_text"] in moved.read_text(encoding="utf-8")
    # The texts are those of temperature.py.
    run_script(temperature.main, *argv, "--output", tmp_path / "t.json")
    sample = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["samples"][0]["text"]
    config = novelty.parser("", "", "").parse_args([str(word) for word in argv])
    model, data, _ = novelty.load(config, "novelty")
    assert data.convert_to_string(novelty.write_texts(model, data, 0, config)[0]) == sample
