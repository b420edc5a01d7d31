# SPDX-License-Identifier: MIT
"""Palindrome numbers: given all digits but the last, say the last (which is the first).

N is the length of the palindrome, T = N - 1 the number of inputs, B the batch, D the input features.
"""

import numpy as np
import torch
from torch.utils.data import Dataset

NUM_DIGITS = 10
TEST_SEED = 20180917  # of the held-out palindromes: the same ones whatever the seed of a run


class PalindromeDataset(Dataset):
    """Random palindromes of seq_length digits; an item is the first N-1 digits and the last digit.

    Item i depends on the seed and on i alone, so any number of DataLoader workers, in any order, yields the same
    palindromes. One "epoch" has `size` of them; more exist as soon as the length allows.

    >>> digits, last = PalindromeDataset(5)[0]  # of 7 3 0 3 7, say: tensor([7., 3., 0., 3.]), tensor(7)

    Args:
        seq_length: N, digits of a palindrome, at least 2.
        size: items of the data set.
        seed: of the generator that this data set owns.

    Raises:
        ValueError: seq_length is below 2 or size below 1.
    """

    def __init__(self, seq_length, size=1_280_000, seed=42):
        if seq_length < 2:
            raise ValueError(f"a palindrome needs at least 2 digits, one to read and one to predict; got {seq_length}")
        if size < 1:
            raise ValueError(f"a data set needs at least one palindrome; got size {size}")
        self.seq_length = seq_length
        self.size = size
        self.seed = seed
        self.rng = np.random.default_rng((seed, 3))  # of generate_palindrome() alone

    def __len__(self):
        return self.size

    def __getitem__(self, item):
        if not 0 <= item < self.size:
            raise IndexError(f"item {item} of {self.size}")
        palindrome = torch.from_numpy(self.generate_palindrome(item))
        return palindrome[:-1].float(), palindrome[-1]

    def generate_palindrome(self, item=None):
        """A palindrome, its N digits as an array of int64: number `item` of the data set, else the next random one."""
        rng = self.rng if item is None else np.random.default_rng((self.seed, 0, item))
        return random_palindromes(rng, 1, self.seq_length)[0]

    def batch(self, step, batch_size):
        """Batch number `step` of training in one draw: digits (B, N-1) as floats, last digits (B,).

        It depends on the seed and on `step` alone: a run that resumes at a step goes on in the right place.
        """
        palindromes = random_palindromes(np.random.default_rng((self.seed, 1, step)), batch_size, self.seq_length)
        return split_last(palindromes)

    def test_set(self, size=10_000):
        """The held-out palindromes: `size` of them, or each one once where fewer exist: digits, last digits."""
        few = self.seq_length < 40 and num_palindromes(self.seq_length) <= size  # 10^n of a large n takes long
        if few:
            return split_last(all_palindromes(self.seq_length))
        return split_last(random_palindromes(np.random.default_rng((TEST_SEED, 2)), size, self.seq_length))


def num_palindromes(seq_length):
    """How many palindromes of seq_length digits exist (leading zeros allowed)."""
    return NUM_DIGITS ** half_length(seq_length)


def half_length(seq_length):
    """Digits that are free to choose: the first half, the middle one included."""
    return (seq_length + 1) // 2


def mirror(halves, seq_length):
    """First halves (n, half_length) to whole palindromes (n, seq_length)."""
    return np.concatenate((halves, halves[:, : seq_length // 2][:, ::-1]), axis=1)


def random_palindromes(rng, n, seq_length):
    return mirror(rng.integers(NUM_DIGITS, size=(n, half_length(seq_length))), seq_length)


def all_palindromes(seq_length):
    """Each palindrome of the length once, in an order of chance: the first thousand hold every last digit."""
    half = half_length(seq_length)
    halves = np.indices((NUM_DIGITS,) * half).reshape(half, -1).T
    return mirror(np.random.default_rng((TEST_SEED, 2)).permutation(halves), seq_length)


def split_last(palindromes):
    digits = torch.from_numpy(palindromes)
    return digits[:, :-1].float(), digits[:, -1].clone()  # a view would keep all digits in memory


def encode(digits, input_dim):
    """Digits (B, T) as the network sees them, (B, T, D): scalars 0 ... 9 for D = 1, one-hot for D = 10.

    Raises:
        ValueError: input_dim is neither 1 nor 10.
    """
    if input_dim == 1:
        return digits.unsqueeze(-1)  # (B, T, 1)
    if input_dim == NUM_DIGITS:
        rows = torch.eye(NUM_DIGITS, dtype=digits.dtype, device=digits.device)
        return torch.nn.functional.embedding(digits.long(), rows)  # (B, T, 10)
    raise ValueError(f"digits are fed as scalars (input_dim 1) or one-hot (input_dim 10), not {input_dim}")
