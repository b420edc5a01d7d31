# SPDX-License-Identifier: MIT
import numpy as np
import pytest
import torch

from common.cli import UserError
from part3.dataset import TextDataset

B, T = 3, 5


@pytest.fixture
def data(tmp_path):
    """A text in which every character is another: a character names its place."""
    path = tmp_path / "a.txt"
    path.write_text("".join(map(chr, range(1000, 1100))), encoding="utf-8")
    return TextDataset(path, T, val_fraction=0, test_fraction=0)


def epoch(data, number):
    """The batches of an epoch (from 0): inputs and targets (windows, B, T)."""
    windows = data.stream_windows(B)
    batches = [data.stream(number * windows + w + 1, B) for w in range(windows)]
    return tuple(torch.stack(part) for part in zip(*batches, strict=True))


@pytest.mark.parametrize("number", [0, 1, 7])
def test_each_window_goes_on_where_the_one_before_it_ended(data, number):
    x, y = epoch(data, number)
    assert x.shape == y.shape == (100 // (B * T), B, T) and x.dtype == torch.int64
    assert torch.equal(y, (x + 1) % 100)  # the character that follows, and behind the last one the first
    assert torch.equal(x[1:, :, 0], y[:-1, :, -1])


@pytest.mark.parametrize("number", [0, 1, 7])
def test_no_character_is_lost_but_the_remainder_and_none_comes_twice(data, number):
    predicted = epoch(data, number)[1].flatten().tolist()
    assert len(set(predicted)) == len(predicted) == 100 - 100 % (B * T)


def test_every_epoch_is_cut_anew_by_the_seed_and_its_number_alone(data):
    starts = [epoch(data, number)[0][0, 0, 0].item() for number in range(12)]
    assert len(set(starts)) > 6
    assert starts == [epoch(data, number)[0][0, 0, 0].item() for number in range(12)]  # whatever was drawn before
    data.seed += 1
    assert starts != [epoch(data, number)[0][0, 0, 0].item() for number in range(12)]


def test_the_state_is_zero_where_the_streams_begin(data):
    assert [step for step in range(1, 20) if data.streams_begin(step, B)] == [1, 7, 13, 19]
    x, y = data.stream(6, B), data.stream(7, B)
    assert not torch.equal(x[1][:, -1], y[0][:, 0])  # another cut


def test_the_example_of_the_docstring(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("the king said", encoding="utf-8")
    data = TextDataset(path, 3, 0, 0)
    monkeypatch.setattr(np.random, "default_rng", lambda seed: type("Zero", (), {"integers": lambda self, n: 0})())
    batches = [[data.convert_to_string(row) for row in data.stream(step, 2)[0]] for step in (1, 2)]
    assert batches == [["the", "ng "], [" ki", "sai"]]


def test_a_text_too_short_for_the_streams_is_refused(data):
    assert data.stream_windows(20) == 1
    with pytest.raises(UserError, match="100 characters to train on are too few for 21 streams of 5"):
        data.stream_windows(21)
