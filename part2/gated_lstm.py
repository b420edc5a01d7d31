# SPDX-License-Identifier: MIT
"""The LSTM with the time gate k(t): equations 13 to 16 of the assignment, on the gates of part 1.

    c̃(t) = g(t) ⊙ i(t) + c(t-1) ⊙ f(t)               (13)
    c(t) = k(t) ⊙ c̃(t) + (1 - k(t)) ⊙ c(t-1)         (14)
    h̃(t) = tanh(c(t)) ⊙ o(t)                         (15)
    h(t) = k(t) ⊙ h̃(t) + (1 - k(t)) ⊙ h(t-1)         (16)

So the assignment (variant "assignment"). The Phased LSTM's public code takes h̃ from the proposal, tanh(c̃(t)) ⊙ o(t)
(variant "phased"). Both are the LSTM where k = 1 and keep the state as it is where k = 0. That code has peepholes too,
from c to the gates i, f and o; the assignment's cell has none, and neither has this one in either variant.

B batch, T steps, D input features, H hidden units, K classes. Sequences of unequal length are padded in front, so that
all end together; a padded step is a closed gate, k = 0, and leaves h = c = 0.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from part1.lstm import LSTM, gates, side_by_side, stack
from part1.vanilla_rnn import time_first
from part2.manual_backward import GatedLSTMFunction, GateFunction
from part2.time_gate import random_gate

VARIANTS = ("assignment", "phased")


class GatedStep(NamedTuple):
    """One time step: the state (h, c), the four gates, each (H, B), and the time gate, (H, B) with 1 where alike."""

    h: Tensor
    c: Tensor
    g: Tensor
    i: Tensor
    f: Tensor
    o: Tensor
    k: Tensor


class GatedLSTM(LSTM):
    """The LSTM of part 1 whose state moves only as far as the time gate is open.

    Args:
        seq_length ... seed: as for the LSTM.
        gate: a TimeGate; by default τ ~ U(2, 2T) and s ~ U(0, τ) for each unit, r_on = 1, all fixed.
        variant: "assignment" or "phased".
        backward: whose backward pass trains it, "autograd" or the "manual" one of part2/manual_backward.py.

    Raises:
        ValueError: an unknown variant or backward.
    """

    def __init__(
        self,
        seq_length,
        input_dim,
        num_hidden,
        num_classes,
        batch_size,
        device="cpu",
        init="chrono",
        seed=42,
        gate=None,
        variant="assignment",
        backward="autograd",
    ):
        super().__init__(seq_length, input_dim, num_hidden, num_classes, batch_size, device, init, seed, backward)
        if variant not in VARIANTS:
            raise ValueError(f"the variants are {' and '.join(VARIANTS)}, not {variant!r}")
        self.gate = (gate or random_gate(num_hidden, 2, 2 * seq_length, seed=seed)).to(device)
        self.variant = variant

    def forward(self, x, times=None, lengths=None):
        """x (B, T, D), or (B, T) read as D = 1, to the logits of the last step (B, K).

        times: (T,) or (B, T), when each input comes; by default 1 ... T.
        lengths: (B,), how many steps of each row count, the last ones, at least one; by default all T. What stands in
            the padding must be finite.
        """
        if self.backward == "manual" and not torch.jit.is_tracing():  # a drawing of the graph wants the clear loop
            return self.read_out(self.packed(x, times, lengths))
        return self.last_logits(self.steps(x, times, lengths))

    def steps(self, x, times=None, lengths=None):
        """Yield a GatedStep for each input."""
        x = time_first(x)  # (T, B, D)
        W, b = side_by_side(*self.joined())
        h = c = x.new_zeros(len(self.b_g), x.shape[1])
        for x_t, k in zip(x.mT, self.openings(times, x, lengths).mT.contiguous(), strict=True):
            g, i, f, o = gates(W @ torch.cat((h, x_t)) + b)  # eqs. 4-7
            c_tilde = g * i + c * f  # eq. 13
            c = k * c_tilde + (1 - k) * c  # eq. 14
            h_tilde = torch.tanh(c if self.variant == "assignment" else c_tilde) * o  # eq. 15
            h = k * h_tilde + (1 - k) * h  # eq. 16
            yield GatedStep(h, c, g, i, f, o, k)

    def openings(self, times, x, lengths=None):
        """k at each of the T steps of x (T, B, D): (T, B, H), with 1 for B or H where all are alike; 0 in padding."""
        if times is None:
            times = torch.arange(1, len(x) + 1)
        k = self.gate(times)
        if not self.gate.per_unit:
            k = k.unsqueeze(-1)  # (..., T, 1)
        if k.dim() == 2:
            k = k.unsqueeze(0)  # (1, T, ...)
        k = k.transpose(0, 1).to(x)
        return k if lengths is None else k * valid_steps(lengths, len(x)).unsqueeze(-1).to(k)

    def packed(self, x, times=None, lengths=None):
        """h(T), (B, H), by the hand-written pass: the samples of all rows packed as it wants them, padding left out."""
        x = time_first(x)  # (T, B, D)
        T, B = x.shape[:2]
        times = time_stamps(times, B, T).T.to(x.device)  # (T, B)
        lengths = torch.full((B,), T) if lengths is None else lengths.cpu()
        order = lengths.argsort(descending=True, stable=True)
        there = valid_steps(lengths[order], T)  # (T, B), the longest row first
        x, k = x[:, order][there], self.packed_openings(times[:, order][there], x.dtype)  # (N, D), (N, H)
        rows = there.sum(dim=1)
        return GatedLSTMFunction.apply(x, k, *self.joined(), rows[rows > 0].tolist(), self.variant)[order.argsort()]

    def packed_openings(self, times, dtype):
        """k of all units at the times (N,): (N, H), with its hand-written backward pass."""
        rhythm = (value.expand(self.W_gh.shape[0]) for value in (self.gate.tau, self.gate.s, self.gate.r_on))
        return GateFunction.apply(times.double(), *rhythm, self.gate.leak if self.gate.training else 0.0, dtype)

    def states(self, x, times=None, lengths=None):
        """What happened on the way: {"h", "c", "g", "i", "f", "o"}, each (B, T, H), and "k", which has 1 for B or H
        where all are alike."""
        return stack(self.steps(x, times, lengths))


class AlwaysOpen(nn.Module):
    """The gate of a cell that has none: k(t) = 1."""

    per_unit = False

    def forward(self, t):
        return torch.ones_like(t, dtype=torch.float64)


class TimedLSTM(GatedLSTM):
    """Part 1's LSTM on the same data: its gate never closes, and each time is one more input, D + 1 in all.

    Args:
        seq_length ... seed, backward: as for the GatedLSTM; input_dim is D, without the time.
    """

    def __init__(
        self,
        seq_length,
        input_dim,
        num_hidden,
        num_classes,
        batch_size,
        device="cpu",
        init="forget1",
        seed=42,
        backward="autograd",
    ):
        sizes = (seq_length, input_dim + 1, num_hidden, num_classes, batch_size)
        super().__init__(*sizes, device, init, seed, gate=AlwaysOpen(), backward=backward)

    def steps(self, x, times=None, lengths=None):
        return super().steps(with_time(x, times), times, lengths)

    def packed(self, x, times=None, lengths=None):
        return super().packed(with_time(x, times), times, lengths)

    def packed_openings(self, times, dtype):
        return self.gate(times).to(dtype).unsqueeze(1).expand(-1, self.W_gh.shape[0])


def with_time(x, times):
    """x (B, T, D), or (B, T) read as D = 1, and its times side by side: (B, T, D + 1)."""
    x = x.unsqueeze(-1) if x.dim() == 2 else x
    times = time_stamps(times, *x.shape[:2])
    return torch.cat((x, times.unsqueeze(-1).to(x)), dim=2)


def time_stamps(times, B, T):
    """When each input comes, (B, T): given so, or as (T,) for all rows, or 1 ... T."""
    return (torch.arange(1, T + 1) if times is None else times).expand(B, T)


def valid_steps(lengths, T):
    """Which of T steps belong to sequences of these lengths that all end together: bools (T, B)."""
    return torch.arange(T, device=lengths.device).unsqueeze(1) >= T - lengths
