# SPDX-License-Identifier: MIT
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from common.cli import UserError
from part3.dataset import TextDataset
from part3.text import Vocabulary, read_text, split

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Süß “so”\n".encode(), "Süß “so”\n"),
        ("\ufeffSüß\n".encode(), "Süß\n"),
        (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        ("na\u00efve \U0001f40e".encode(), "naïve \U0001f40e"),
    ],
)
def test_reading(tmp_path, raw, text):
    path = tmp_path / "a.tex"
    path.write_bytes(raw)
    assert read_text(path) == text


def test_latin_1_is_read_with_a_word_about_it(tmp_path, capsys):
    path = tmp_path / "a.tex"
    path.write_bytes("f\u00fcr \u00e9t\u00e9".encode("latin-1"))
    assert read_text(path) == "für été"
    assert "Latin-1" in capsys.readouterr().err


def test_a_book_that_is_not_there_yet_names_the_command_that_fetches_it():
    with pytest.raises(UserError, match=r"python assets/download.py no_such_book$"):
        read_text(ROOT / "assets" / "books" / "no_such_book.txt")


@pytest.mark.parametrize(("raw", "word"), [(b"", "empty"), (b"\xef\xbb\xbf", "empty"), (b"a\0b", "zero bytes")])
def test_what_is_no_text_is_refused(tmp_path, raw, word):
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    with pytest.raises(UserError, match=word):
        read_text(path)


def test_the_vocabulary_is_sorted_and_turns_back():
    text = "the quick brown fox “jumps” over\nthe lazy dog\U0001f40e"
    vocabulary = Vocabulary(text)
    assert vocabulary.characters == "".join(sorted(set(text)))
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.encode(text).dtype == np.uint8
    assert len(Vocabulary("".join(map(chr, range(32, 1000)))).encode("abc")) == 3
    wide = "".join(map(chr, range(32, 32 + 257)))  # one more than a byte tells apart
    assert Vocabulary(wide).decode(Vocabulary(wide).encode(wide)) == wide
    many = Vocabulary("".join(map(chr, range(32, 1000))))
    assert [Vocabulary("".join(map(chr, range(V)))).encode("").itemsize for V in (256, 257, 65_537)] == [1, 2, 4]
    assert many.decode(many.encode("aé\u03a9")) == "aé\u03a9"


def test_the_vocabulary_is_the_same_in_every_process():
    code = "from part3.text import Vocabulary; print(ascii(Vocabulary('zebra “quagga” horse\\n').characters))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True,
            text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(seen) == 1


@pytest.mark.parametrize("stranger", ["é", "\u4e2d", "A"])
def test_an_unknown_character_is_named_with_its_place(stranger):
    with pytest.raises(UserError) as error:
        Vocabulary("abc ").encode(f"ab{stranger}c")
    assert repr(stranger) in str(error.value) and "number 3 of" in str(error.value)


def test_the_parts_are_contiguous_and_of_the_right_size():
    numbers = np.arange(520_793)
    train, val, test = split(numbers, 0.05, 0.05)
    assert (len(train), len(val), len(test)) == (468_713, 26_040, 26_040)
    assert (np.concatenate((train, val, test)) == numbers).all()
    assert np.shares_memory(train, numbers)
    train, val, test = split(numbers, 0, 0)
    assert (len(train), len(val), len(test)) == (520_793, 0, 0)
    with pytest.raises(UserError, match="larger --val_fraction"):
        split(np.arange(20), 0.05, 0.05)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abcdefghij", encoding="utf-8")
    return TextDataset(path, 4, val_fraction=0, test_fraction=0)


def test_the_first_and_the_last_window_are_reachable(data):
    assert len(data) == 6
    windows = [(data.convert_to_string(x), data.convert_to_string(y)) for x, y in data]
    assert windows[0] == ("abcd", "bcde") and windows[-1] == ("fghi", "ghij")
    drawn = {data.convert_to_string(x) for step in range(20) for x in data.batch(step, 16)[0]}
    assert drawn == {x for x, _ in windows}


def test_windows_are_tensors(data):
    x, y = data[0]
    assert x.shape == y.shape == (4,) and x.dtype == y.dtype == torch.int64
    x, y = data.batch(1, 3)
    assert x.shape == y.shape == (3, 4)
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert torch.equal(data.batch(1, 3)[0], x) and not torch.equal(data.batch(2, 3)[0], x)


def test_strings_and_numbers(data):
    assert data.vocab_size == 10
    assert data.convert_to_string(data.convert_to_numbers("jab")) == "jab"


def test_nothing_held_out_is_trained_on(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a" * 80 + "b" * 10 + "c" * 10, encoding="utf-8")
    data = TextDataset(path, 5, 0.1, 0.1)
    assert {data.convert_to_string(y) for _, y in data} == {"aaaaa"}
    assert data.convert_to_string(data.val) == "b" * 10 and data.convert_to_string(data.test) == "c" * 10


def test_a_text_too_short_for_a_window_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abcde", encoding="utf-8")
    assert len(TextDataset(path, 4, 0, 0)) == 1
    with pytest.raises(UserError, match="smaller --seq_length"):
        TextDataset(path, 5, 0, 0)
