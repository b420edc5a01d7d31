# SPDX-License-Identifier: MIT
"""Transfer in length, and what the hidden units look like."""

import csv
import json

import pytest
import torch

from common.cli import UserError
from part1 import sweep, traces, transfer
from part1.dataset import PalindromeDataset, encode
from part1.grids import GRIDS


@pytest.fixture
def cells(tmp_path, monkeypatch, run_script):
    """Two small networks that have solved T = 4, as cells of the grid `reach`."""
    values = {"input_length": [4], "input_dim": [10], "num_hidden": [48], "train_steps": [400], "seed": [1]}
    monkeypatch.setitem(
        GRIDS,
        "reach",
        [
            {"model_type": ["RNN"], "init": ["latch", "orthogonal"], **values},
            {"model_type": ["LSTM"], **values, "train_steps": [2], "input_length": [4, 5]},
        ],
    )
    argv = ["--grid", "reach", "--summary_path", tmp_path / "cells", "--table", tmp_path / "reach.csv"]
    assert run_script(sweep.main, *argv)[0] == 0
    return tmp_path / "cells"


def test_transfer(cells, tmp_path, run_script):
    argv = ["--summary_path", cells, "--trained_length", 4, "--to", tmp_path / "new" / "transfer.csv"]
    assert run_script(transfer.main, *argv, "--input_length", 4, 9, "--test_size", 200)[0] == 0
    with open(tmp_path / "new" / "transfer.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert len(rows) == 6  # three networks of T = 4, two lengths; the one of T = 5 is another matter
    at = {(row["model_type"], row["init"], row["test_length"]): row for row in rows}
    assert float(at["RNN", "latch", "4"]["accuracy"]) >= 0.999 and at["RNN", "latch", "4"]["solved_at"]
    assert float(at["RNN", "latch", "9"]["accuracy"]) >= 0.99  # a latch has no sense of time
    assert not at["LSTM", "chrono", "4"]["solved_at"] and float(at["LSTM", "chrono", "4"]["accuracy"]) < 0.9
    with pytest.raises(UserError, match="no finished run of T = 7"):
        transfer.main(["--summary_path", str(cells), "--trained_length", "7", "--to", str(tmp_path / "new.csv")])

    # On another machine, which has one of the networks: what the table says of the others stays.
    next(cells.glob("RNN*latch*/result.json")).unlink()
    before = (tmp_path / "new" / "transfer.csv").read_text().splitlines()
    assert run_script(transfer.main, *argv, "--input_length", 9, 5, "--test_size", 200)[0] == 0
    after = (tmp_path / "new" / "transfer.csv").read_text().splitlines()
    assert {row.rsplit(",", 1)[0] for row in before} < {row.rsplit(",", 1)[0] for row in after}  # but for the date
    assert len(after) == 1 + 8

    other = tmp_path / "mine.csv"
    other.write_text("a,b\n1,2\n")
    status, _, error = run_script(transfer.main, *argv[:4], "--to", other)
    assert status == 2 and "another table" in error
    assert other.read_text() == "a,b\n1,2\n"


def test_a_trained_network_is_the_one_that_was_tested(cells):
    for folder in transfer.trained_runs(cells, 4):
        model, config, result = transfer.load_trained(folder)
        digits, y = PalindromeDataset(5).test_set()
        said = model(encode(digits, config.input_dim)).argmax(dim=1)
        assert (said == y).float().mean().item() == pytest.approx(result["test_accuracy"], abs=1e-6)


def test_traces(cells, tmp_path, run_script):
    argv = [
        "--summary_path",
        cells,
        "--trained_length",
        4,
        "--test_size",
        300,
        "--to",
        tmp_path / "new" / "traces.json",
    ]
    status, out, _ = run_script(traces.main, *argv)
    assert status == 0 and "RNN latch: of h(4), the first digit explains" in out
    found = json.loads((tmp_path / "new" / "traces.json").read_text())
    assert len(found["digits"]) == 4 and set(found["networks"]) == {"RNN latch", "RNN orthogonal"}  # the solved ones
    latch = found["networks"]["RNN latch"]
    assert latch["before"]["singular_values"] == pytest.approx([2.0] * 48)
    assert latch["after"]["singular_values"] != latch["before"]["singular_values"]
    assert len(latch["after"]["traces"]) == 40 and len(latch["after"]["traces"][0]) == 4
    assert latch["after"]["explained"][0] == pytest.approx(1)  # h(1) is a function of the first digit
    (tmp_path / "notes.txt").write_text("Monday")
    status, _, err = run_script(traces.main, *argv[:-1], tmp_path / "notes.txt")
    assert status == 2 and "move it away" in err and (tmp_path / "notes.txt").read_text() == "Monday"
    for network in found["networks"].values():
        assert all(0 <= value <= 1 + 1e-9 for value in network["after"]["explained"])
        assert network["after"]["explained"][-1] > 0.3


def test_explained():
    rng = torch.Generator().manual_seed(1)
    first = torch.arange(1000) % 10
    knows = (first.double() ** 2)[:, None, None].expand(1000, 1, 3)
    noise = torch.randn(1000, 1, 3, generator=rng)
    h = torch.cat((knows, noise, torch.ones(1000, 1, 3)), dim=1)  # T = 3
    everything, nothing, constant = traces.explained(h, first)
    assert everything == pytest.approx(1) and nothing < 0.03 and constant == 0
