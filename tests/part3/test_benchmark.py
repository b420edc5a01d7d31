# SPDX-License-Identifier: MIT
"""The benchmark of part 3 measures what it says (how fast anything is, no test asks)."""

import json

import pytest
import torch

from part3 import benchmark


@pytest.mark.slow  # it starts processes to time their start
def test_benchmark_in_tiny_form(tmp_path, run_script, text_file):
    argv = ["--txt_file", text_file, "--updates", 3, "--rounds", 1, "--characters", 200_000, "--length", 20]
    status, out, _ = run_script(benchmark.main, *argv, "--to", tmp_path / "new" / "speed.json")
    assert status == 0 and "beyond import torch" in out
    found = json.loads((tmp_path / "new" / "speed.json").read_text())
    assert found["reading"]["characters"] >= 200_000 and found["reading"]["bytes_a_character"] == 1
    assert found["start"]["seconds"] > found["start"]["import_torch_seconds"] > 0
    assert [row["threads"] for row in found["generating"]] == [1, 2]
    assert set(found["generating"][1]["characters_per_second"]) == {"one", "one, bare", "64", "64, bare"}
    assert found["memory"]["update_seconds"].keys() == {"fresh", "kept"} and found["memory"]["speed_of_kept"] > 0
    assert found["training"]["updates"] == 3 and found["machine"]["processor"]


def test_a_signal_ends_it(text_file, monkeypatch):
    monkeypatch.setattr(benchmark.train_text, "main", lambda argv: 130)
    with pytest.raises(SystemExit) as stop:
        benchmark.time_of_run(str(text_file), 3)
    assert stop.value.code == 130


def test_a_bare_update_trains(text_file):
    config = benchmark.flags.parser().parse_args(["--txt_file", str(text_file), "--lstm_num_hidden", "8"])
    update, parameters = benchmark.bare_update(config, 20)
    before = [parameter.detach().clone() for parameter in parameters]
    update()
    assert all(not torch.equal(a, b) for a, b in zip(before, parameters, strict=True))


def test_a_command_that_never_says_the_words():
    with pytest.raises(RuntimeError, match="ended without 'there'"):
        benchmark.until_line([benchmark.sys.executable, "-c", "print('here')"], "there")
