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
