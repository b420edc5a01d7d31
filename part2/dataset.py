# SPDX-License-Identifier: MIT
"""Tasks in which the time counts: sine waves told apart by their period, and two numbers to add, far apart.

`FrequencyDataset`: does a sine wave have a period of 5 to 6? So the first experiment of the Phased LSTM (Neil, Pfeiffer
& Liu, NIPS 2016), whose public code defines it. `AddingDataset`: a long sequence of random numbers, two of them marked;
what is their sum? It is here because skipping helps there: whatever the cell writes at the hundreds of steps between
the marks can only spoil the first number, and a unit whose gate is closed writes nothing. (A signal in noise that is
informative only in phase is the task of part2/learnability.py.)

B sequences, T steps of the longest, D values at each step. Shorter ones are padded *in front*, with zeros, as in the
public code: all end together, and the last step is the last one of each.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

PERIODS = (1.0, 100.0)  # of all waves
WANTED = (5.0, 6.0)  # of class 1
DURATION = (15.0, 125.0)  # of a window, in time units; also the number of its samples at random times
SAMPLING = {"standard": 1.0, "highres": 0.1, "async": None}  # time units between samples
VALIDATION_SIZE, TEST_SIZE = 2_000, 5_000
TEST_SEED, VALIDATION_SEED = 20180917, 20180918  # the same held-out sequences whatever the seed of a run
BASELINE = 1 / 6  # mean squared error of the adding problem when the answer is always 1: the variance of two U(0, 1)


class Batch(NamedTuple):
    """x (B, T, D) float32, times (B, T) float64, lengths (B,) int64, and y (B,): classes or, for adding, sums."""

    x: Tensor
    times: Tensor
    lengths: Tensor
    y: Tensor


class Waves(NamedTuple):
    """sin(2πt / period + phase) from `start` on for `duration`, `samples` of them if at random times; each (n,)."""

    period: np.ndarray
    phase: np.ndarray
    start: np.ndarray
    duration: np.ndarray
    samples: np.ndarray


class TimedDataset:
    """What the two have in common: training batches that depend on (seed, step) alone, and held-out sets.

    Training, validation and test draw from generators that differ in a number of their own, so that no seed of a run
    makes them meet. Held-out sets come longest first: parts of them then need little padding.
    """

    def __init__(self, seed=42):
        self.seed = seed

    def batch(self, step, batch_size):
        """Batch number `step` of training. A run that resumes at a step goes on in the right place."""
        return self.draw(np.random.default_rng((self.seed, 4, step)), batch_size)

    def validation_set(self, size=VALIDATION_SIZE):
        return self.held_out(VALIDATION_SEED, size)

    def test_set(self, size=TEST_SIZE):
        return self.held_out(TEST_SEED, size)

    def held_out(self, seed, size):
        batch = self.draw(np.random.default_rng((seed, 5)), size)
        return rows(batch, batch.lengths.argsort(descending=True, stable=True))


class FrequencyDataset(TimedDataset):
    """Sine waves with a random phase over a random window; class 1 has a period of 5 to 6, class 0 any other.

    As in the public code, half of a batch (rounded down) has periods U(5, 6); the rest is log-uniform over 1 to 100 and
    labelled by what it is (about 4 % of that half are of class 1, too). A window lasts U(15, 125) and starts anywhere
    in the 125 units in which it fits. "standard" takes a sample each unit from its start on, "highres" ten; "async"
    takes U(15, 125) samples, rounded down, at times uniform over the window and sorted. Their number does not follow
    from the window's length, as it does not in the public code; on average there are 69.5, and 70.5 in "standard".

    Raises:
        ValueError: an unknown sampling.
    """

    measure = "accuracy"
    num_inputs, num_outputs = 1, 2

    def __init__(self, sampling="standard", seed=42):
        super().__init__(seed)
        if sampling not in SAMPLING:
            raise ValueError(f"the samplings are {', '.join(SAMPLING)}, not {sampling!r}")
        self.sampling = sampling
        self.longest = math.ceil(DURATION[1] / (SAMPLING[sampling] or 1))  # T at most

    def draw(self, rng, n):
        """n sequences as a Batch."""
        waves = random_waves(rng, n)
        times, lengths = self.times(rng, waves)
        x = np.sin(2 * np.pi * times / waves.period[:, None] + waves.phase[:, None])
        return padded(x[..., None], times, lengths, wanted(waves.period).astype(np.int64))

    def times(self, rng, waves):
        """When each wave is sampled, (n, T), right-aligned, undefined in front of them; and how often, (n,)."""
        interval = SAMPLING[self.sampling]
        if interval is None:
            lengths = waves.samples
            place = np.arange(lengths.max()) - (lengths.max() - lengths)[:, None]  # number of the sample, < 0 in front
            share = np.sort(np.where(place < 0, -1, rng.random(place.shape)), axis=1)
            return waves.start[:, None] + share * waves.duration[:, None], lengths
        lengths = np.ceil(waves.duration / interval).astype(np.int64)
        place = np.arange(lengths.max()) - (lengths.max() - lengths)[:, None]
        return waves.start[:, None] + place * interval, lengths

    def ceiling(self, size=TEST_SIZE, seed=TEST_SEED):
        """The best accuracy on the test set (or that of another seed): what is left without the waves that look like
        one of class 1. Over all waves it is 1 - ln(1.25 / 1.2) / (2 ln 100) = .9956.

        Sampled once a unit, a wave of frequency f is also one of 1 - f, with another phase: periods 1.2 to 1.25 are
        then nothing but periods 5 to 6. With more or with random samples nothing of the kind is in the set.
        """
        period = random_waves(np.random.default_rng((seed, 5)), size).period
        if SAMPLING[self.sampling] != 1:
            return 1.0
        alias = 1 / np.maximum(1 - 1 / period, 1e-9)
        return 1 - np.mean(wanted(alias) & ~wanted(period)).item()


def random_waves(rng, n):
    """n waves; the first half has periods of class 1."""
    period = np.exp(rng.uniform(*np.log(PERIODS), size=n))
    period[: n // 2] = rng.uniform(*WANTED, size=n // 2)
    phase = rng.uniform(0, 2 * np.pi, size=n)
    duration = rng.uniform(*DURATION, size=n)
    start = rng.uniform(0, DURATION[1] - duration)
    return Waves(period, phase, start, duration, rng.uniform(*DURATION, size=n).astype(np.int64))


def wanted(period):
    return (period >= WANTED[0]) & (period <= WANTED[1])


class AddingDataset(TimedDataset):
    """The adding problem (Hochreiter & Schmidhuber 1997): at each step a number from U(0, 1) and a mark, 0 or 1.

    Two steps are marked, one in the first tenth and one in the second half; the target is the sum of their numbers. A
    sequence has T steps to within 2 %, at times 1, 2, 3, ... To say 1 always gives a mean squared error of 1/6.

    Raises:
        ValueError: fewer than 10 steps.
    """

    measure = "mse"
    num_inputs, num_outputs = 2, 1

    def __init__(self, input_length=500, seed=42):
        super().__init__(seed)
        if input_length < 10:
            raise ValueError(f"adding needs at least 10 steps, to have a first tenth; got {input_length}")
        self.shortest, self.longest = round(0.98 * input_length), round(1.02 * input_length)

    def draw(self, rng, n):
        """n sequences as a Batch."""
        lengths = rng.integers(self.shortest, self.longest, size=n, endpoint=True)
        T, row = lengths.max(), np.arange(n)
        numbers, marks = rng.random((n, T)), np.zeros((n, T))
        first, second = rng.integers(0, lengths // 10), rng.integers(lengths // 2, lengths)
        for place in (first, second):
            marks[row, T - lengths + place] = 1
        y = (numbers * marks).sum(axis=1)
        times = np.arange(1, T + 1) - (T - lengths)[:, None]
        return padded(np.stack((numbers, marks), axis=2), times, lengths, y.astype(np.float32))


def padded(x, times, lengths, y):
    """A Batch of right-aligned arrays x (n, T, D) and times (n, T), with zeros in front of each row's samples."""
    there = np.arange(x.shape[1]) >= x.shape[1] - lengths[:, None]
    x, times = np.where(there[..., None], x, 0).astype(np.float32), np.where(there, times, 0).astype(np.float64)
    return Batch(*map(torch.from_numpy, (x, times, lengths, y)))


def rows(batch, chosen):
    """Some rows of a batch, cut to the longest of them; `chosen` is a slice or a tensor of indices."""
    x, times, lengths, y = (part[chosen] for part in batch)
    front = x.shape[1] - int(lengths.max())
    return Batch(x[:, front:], times[:, front:], lengths, y)
