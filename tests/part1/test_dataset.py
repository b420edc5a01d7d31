# SPDX-License-Identifier: MIT
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from part1.dataset import PalindromeDataset, encode, num_palindromes


@pytest.mark.parametrize("seq_length", [2, 3, 4, 5, 10, 21])
def test_palindromes_are_palindromes(seq_length):
    data = PalindromeDataset(seq_length)
    palindrome = data.generate_palindrome(7)
    assert palindrome.shape == (seq_length,)
    assert (palindrome == palindrome[::-1]).all()
    digits, last = data[7]
    assert digits.tolist() == palindrome[:-1].tolist()
    assert last == palindrome[-1] == digits[0]
    x, y = data.batch(step=3, batch_size=50)
    whole = torch.cat((x, y[:, None]), dim=1)
    assert torch.equal(whole, whole.flip(1))


def test_digits_are_uniform():
    x, _ = PalindromeDataset(20).batch(step=1, batch_size=20_000)
    for column in x[:, :10].T:  # the free half
        counts = torch.bincount(column.long(), minlength=10)
        chi_squared = ((counts - 2000.0) ** 2 / 2000).sum()
        assert chi_squared < 33.7  # the .9999 quantile for nine degrees of freedom


def test_the_digits_of_one_half_are_independent():
    x, _ = PalindromeDataset(8).batch(step=1, batch_size=20_000)
    correlations = np.corrcoef(x[:, :4].numpy().T) - np.eye(4)
    assert abs(correlations).max() < 0.04


def test_an_item_depends_on_seed_and_index_alone():
    a, b = PalindromeDataset(12, seed=1), PalindromeDataset(12, seed=1)
    assert torch.equal(a[5][0], b[5][0])
    assert not torch.equal(a[5][0], a[6][0])
    assert not torch.equal(a[5][0], PalindromeDataset(12, seed=2)[5][0])
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    a.batch(1, 4), a[0], a.test_set()
    assert (np.random.get_state()[1] == before).all()  # no global random state is touched


def test_workers_do_not_change_the_items():
    data = PalindromeDataset(12, size=24)
    alone = torch.cat([x for x, _ in DataLoader(data, batch_size=4)])
    shared = torch.cat([x for x, _ in DataLoader(data, batch_size=4, num_workers=2)])
    assert torch.equal(alone, shared)
    assert len(torch.unique(alone, dim=0)) == 24


def test_batches_depend_on_seed_and_step_alone():
    data = PalindromeDataset(12)
    assert torch.equal(data.batch(9, 16)[0], PalindromeDataset(12).batch(9, 16)[0])
    assert not torch.equal(data.batch(9, 16)[0], data.batch(10, 16)[0])


@pytest.mark.parametrize(
    ("seq_length", "size"), [(2, 10), (6, 1000), (7, 10_000), (8, 10_000), (9, 10_000), (21, 10_000)]
)
def test_the_test_set_is_fixed_and_holds_all_where_few_exist(seq_length, size):
    x, y = PalindromeDataset(seq_length, seed=1).test_set()
    again, _ = PalindromeDataset(seq_length, seed=2).test_set()
    assert torch.equal(x, again)
    assert x.shape == (size, seq_length - 1)
    assert torch.equal(x[:, 0], y.float())
    if num_palindromes(seq_length) == size:
        assert len(torch.unique(x, dim=0)) == size


@pytest.mark.parametrize("seq_length", [6, 7, 8, 9])
def test_the_first_thousand_of_the_test_set_hold_every_digit_alike(seq_length):
    _, y = PalindromeDataset(seq_length).test_set()
    counts = torch.bincount(y[:1000], minlength=10)
    assert counts.min() > 60 and counts.max() < 140


def test_palindromes_without_a_number_differ():
    data, again = PalindromeDataset(20), PalindromeDataset(20)
    drawn = [tuple(data.generate_palindrome()) for _ in range(5)]
    assert len(set(drawn)) == 5
    assert drawn == [tuple(again.generate_palindrome()) for _ in range(5)]


def test_the_test_set_is_drawn_apart_from_training():
    data = PalindromeDataset(30)
    test = {tuple(row.tolist()) for row in data.test_set()[0]}
    trained = {tuple(row.tolist()) for step in range(1, 20) for row in data.batch(step, 128)[0]}
    assert not test & trained


@pytest.mark.parametrize("seq_length", [1, 0, -3])
def test_lengths_below_two_are_refused(seq_length):
    with pytest.raises(ValueError, match="at least 2 digits"):
        PalindromeDataset(seq_length)


def test_the_length_is_finite_and_its_end_is_an_end():
    data = PalindromeDataset(4, size=3)
    assert len(list(data)) == len(data) == 3
    with pytest.raises(ValueError):
        PalindromeDataset(4, size=0)


def test_encoding():
    digits = torch.tensor([[3.0, 0.0], [9.0, 9.0]])
    assert torch.equal(encode(digits, 1), digits[..., None])
    one_hot = encode(digits, 10)
    assert one_hot.shape == (2, 2, 10)
    assert torch.equal(one_hot.argmax(-1), digits.long())
    assert torch.equal(one_hot.sum(-1), torch.ones(2, 2))
    for other in (0, 2, 9, 11):
        with pytest.raises(ValueError, match="input_dim 1"):
            encode(digits, other)
