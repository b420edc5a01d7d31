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
        text, self.cut = read_text(filename), ""
        if strip and any(name in text for name in ("Gutenberg", "GUTENBERG", "gutenberg")):  # other texts save seconds
            text, self.cut = strip_gutenberg(text)
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

    def stream(self, step, batch_size):
        """Batch number `step` (from 1) of B streams that are read in the text's order: inputs and targets (B, T).

        Row b goes on where row b of the batch before it ended, so the state may be carried from one to the next:

            cut        t h e   k i n g   s a i d      N = 13, B = 2, T = 3: two streams of two windows, one left over
            batch 1    t h e  and  n g _              the state is zero before it
            batch 2    _ k i  and  s a i

        The text is cut into streams from a random place on, and from another one when they have been read; behind its
        last character comes its first. Each epoch so predicts every character once, but for a remainder of fewer than
        B T. The cut depends on the seed and the epoch alone: a run that resumes at a step goes on in the right place.
        """
        T, windows = self.seq_length, self.stream_windows(batch_size)
        epoch, window = divmod(step - 1, windows)
        cut = np.random.default_rng((self.seed, epoch, 2)).integers(len(self.train))
        starts = cut + (np.arange(batch_size) * windows + window) * T  # (B,)
        places = (starts[:, None] + np.arange(T + 1)) % len(self.train)  # (B, T + 1)
        streams = torch.from_numpy(self.train[places].astype(np.int64))
        return streams[:, :-1], streams[:, 1:]

    def streams_begin(self, step, batch_size):
        """Whether batch number `step` is the first of its streams, so that the state before it is zero."""
        return (step - 1) % self.stream_windows(batch_size) == 0

    def stream_windows(self, batch_size):
        """Windows of T characters of each of B streams.

        Raises:
            UserError: there is not one.
        """
        windows = len(self.train) // (batch_size * self.seq_length)
        if windows < 1:
            raise UserError(
                f"{len(self.train)} characters to train on are too few for {batch_size} streams of {self.seq_length};"
                f" use a smaller --batch_size or --seq_length"
            )
        return windows

    def convert_to_string(self, char_ix):
        """Numbers of characters to the string."""
        return self.vocabulary.decode(char_ix)

    def convert_to_numbers(self, string):
        """The inverse of convert_to_string: a tensor of int64."""
        return torch.from_numpy(self.vocabulary.encode(string).astype(np.int64))
