# SPDX-License-Identifier: MIT
"""A book as windows of T characters and the characters that follow them.

T characters of a window, B windows of a batch, V characters of the vocabulary, N characters of the training part.
"""

import numpy as np
import torch
from torch.utils.data import Dataset

from common.cli import UserError
from part3.gutenberg import strip_gutenberg
from part3.text import Vocabulary, read_text, split


class TextDataset(Dataset):
    """The windows of the training part; beside them the validation and test parts, contiguous and held out.

    Item i is the window that starts at character i, and its target the window one character on, i = 0 ... N - T - 1:

        text     h o u s e        T = 3, N = 5
        item 0   h o u  ->  o u s
        item 1   o u s  ->  u s e

    Args:
        filename: any text file.
        seq_length: T.
        val_fraction, test_fraction: the shares of the text held out, its last ones.
        seed: of the random windows.
        strip: leave out Project Gutenberg's header and licence, where the text has them.

    Attributes:
        vocabulary: of the whole text. train, val, test: arrays of character numbers. cut: what was left out, or "".

    Raises:
        UserError: the text cannot be read, or is too short for a window or for its held-out parts.
    """

    def __init__(self, filename, seq_length, val_fraction=0.05, test_fraction=0.05, seed=42, strip=True):
        text, self.cut = strip_gutenberg(read_text(filename)) if strip else (read_text(filename), "")
        self.seq_length = seq_length
        self.seed = seed
        self.vocabulary = Vocabulary(text)
        self.train, self.val, self.test = split(self.vocabulary.encode(text), val_fraction, test_fraction)
        if len(self) < 1:
            raise UserError(
                f"{filename} leaves {len(self.train)} characters to train on, but a window and its target need"
                f" {seq_length + 1}; use a longer text or a smaller --seq_length"
            )

    @property
    def vocab_size(self):
        """V."""
        return len(self.vocabulary)

    def __len__(self):
        return max(len(self.train) - self.seq_length, 0)

    def __getitem__(self, item):
        if not 0 <= item < len(self):
            raise IndexError(f"window {item} of {len(self)}")
        window = torch.from_numpy(self.train[item : item + self.seq_length + 1].astype(np.int64))
        return window[:-1], window[1:]

    def batch(self, step, batch_size):
        """Batch number `step` of random windows: inputs (B, T) and targets (B, T).

        It depends on the seed and on `step` alone: a run that resumes at a step goes on in the right place.
        """
        starts = np.random.default_rng((self.seed, step)).integers(len(self), size=batch_size)
        windows = self.train[starts[:, None] + np.arange(self.seq_length + 1)]  # (B, T + 1)
        windows = torch.from_numpy(windows.astype(np.int64))
        return windows[:, :-1], windows[:, 1:]

    def convert_to_string(self, char_ix):
        """Numbers of characters to the string."""
        return self.vocabulary.decode(char_ix)

    def convert_to_numbers(self, string):
        """The inverse of convert_to_string: a tensor of int64."""
        return torch.from_numpy(self.vocabulary.encode(string).astype(np.int64))
