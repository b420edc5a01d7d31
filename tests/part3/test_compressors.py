# SPDX-License-Identifier: MIT
"""Compressors measured as the text model is: a part costs what it adds to the archive of what stands before it."""

import json
import lzma
import random
import shutil

import pytest

from common.cli import UserError
from part3 import compressors


def test_xz_by_hand(text_file, tmp_path, run_script):
    text = "".join(random.Random(1).choices("abcdefgh \n", k=4_000)) + "und so weiter, " * 40
    text_file.write_text(text)
    argv = ["--txt_file", text_file, "--val_fraction", 0.1, "--test_fraction", 0.2, "--json", tmp_path / "x.json"]
    status, out, _ = run_script(compressors.main, *argv)
    found = json.loads((tmp_path / "x.json").read_text())
    n, raw = len(text), text.encode()
    before, test = (len(lzma.compress(raw[:end], preset=9 | lzma.PRESET_EXTREME)) for end in (n - round(0.2 * n), n))
    assert found["bits_per_character"]["xz -9e"]["test"] == pytest.approx(8 * (test - before) / round(0.2 * n))
    assert status == 0 and f"{found['bits_per_character']['xz -9e']['test']:.3f}" in out and found["characters"] == n


def test_programs_that_are_not_there_are_left_out(text_file, monkeypatch, run_script):
    monkeypatch.setattr(compressors.shutil, "which", lambda program: None)
    status, out, _ = run_script(compressors.main, "--txt_file", text_file)
    assert status == 0 and "zpaq -m5: left out, zpaq is not installed" in out and "PPMd -o8: left out" in out


def test_a_part_may_be_empty_but_not_both(text_file, run_script, monkeypatch):
    monkeypatch.setattr(compressors.shutil, "which", lambda program: None)
    _, out, _ = run_script(compressors.main, "--txt_file", text_file, "--val_fraction", 0)
    assert "xz -9e: test " in out and "validation" not in out
    with pytest.raises(UserError, match="no part is held out"):
        compressors.main(["--txt_file", str(text_file), "--val_fraction", "0", "--test_fraction", "0"])


@pytest.mark.parametrize("name", compressors.COMMANDS)
def test_a_part_that_stood_there_before_costs_less(name):
    if shutil.which(compressors.COMMANDS[name][0]) is None:
        pytest.skip(f"{name} is not installed")
    data = "".join(random.Random(2).choices("abcdefgh \n", k=5_000)).encode()
    once, twice = (compressors.archive_size(name, times * data) for times in (1, 2))
    assert once > 1_500 and twice - once < 0.5 * once


def test_a_program_that_fails_is_one_line(text_file, run_script, monkeypatch):
    monkeypatch.setitem(compressors.COMMANDS, "zpaq -m5", ["sh", "-c", "echo no memory >&2; exit 3"])
    monkeypatch.delitem(compressors.COMMANDS, "PPMd -o8")
    status, _, err = run_script(compressors.main, "--txt_file", text_file)
    assert status == 2 and "sh failed" in err and "no memory" in err and err.count("\n") == 1


def test_the_licence_may_be_left_in(tmp_path, run_script, monkeypatch):
    monkeypatch.setattr(compressors.shutil, "which", lambda program: None)
    book = tmp_path / "book.txt"
    start, end = (f"*** {word} OF THE PROJECT GUTENBERG EBOOK X ***\n" for word in ("START", "END"))
    book.write_text(start + "a king " * 400 + "\n" + end + "The licence. " * 100)
    argv = ["--txt_file", book, "--json", tmp_path / "c.json"]
    sizes = []
    for more in ([], ["--no_strip_gutenberg"]):
        assert run_script(compressors.main, *argv, *more)[0] == 0
        sizes.append(json.loads((tmp_path / "c.json").read_text())["characters"])
    assert sizes == [2800, len(book.read_text())]
