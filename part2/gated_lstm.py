# SPDX-License-Identifier: MIT
"""The LSTM with the time gate k(t): equations 13 to 16 of the assignment, on the gates of part 1.

    c̃(t) = g(t) ⊙ i(t) + c(t-1) ⊙ f(t)               (13)
    c(t) = k(t) ⊙ c̃(t) + (1 - k(t)) ⊙ c(t-1)         (14)
    h̃(t) = tanh(c(t)) ⊙ o(t)                         (15)
    h(t) = k(t) ⊙ h̃(t) + (1 - k(t)) ⊙ h(t-1)         (16)

So the assignment (variant "assignment"). The Phased LSTM's public code takes h̃ from the proposal, tanh(c̃(t)) ⊙ o(t)
(variant "phased"). Both are the LSTM where k = 1 and keep the state as it is where k = 0.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from part1.lstm import LSTM, gates, stack
from part1.vanilla_rnn import time_first
from part2.time_gate import random_gate

VARIANTS = ("assignment", "phased")


class GatedStep(NamedTuple):
    """One time step: the state (h, c), the four gates, each (B, H), and the time gate, (B, H) or (1, H) or (1, 1)."""

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

    Raises:
        ValueError: an unknown variant.
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
    ):
        super().__init__(seq_length, input_dim, num_hidden, num_classes, batch_size, device, init, seed)
        if variant not in VARIANTS:
            raise ValueError(f"the variants are {' and '.join(VARIANTS)}, not {variant!r}")
        self.gate = (gate or random_gate(num_hidden, 2, 2 * seq_length, seed=seed)).to(device)
        self.variant = variant

    def forward(self, x, times=None):
        """x (B, T, D), or (B, T) read as D = 1, to the logits of the last step (B, K).

        times: (T,) or (B, T), when each input comes; by default 1 ... T.
        """
        return self.last_logits(self.steps(x, times))

    def steps(self, x, times=None):
        """Yield a GatedStep for each input."""
        W_x, W_h, b = self.joined()
        x = time_first(x)  # (T, B, D)
        h = c = x.new_zeros(x.shape[1], self.W_gh.shape[0])
        for W_x_x, k in zip(x @ W_x.T, self.openings(times, x), strict=True):
            g, i, f, o = gates(W_x_x + h @ W_h.T + b)  # eqs. 4-7
            c_tilde = g * i + c * f  # eq. 13
            c = k * c_tilde + (1 - k) * c  # eq. 14
            h_tilde = torch.tanh(c if self.variant == "assignment" else c_tilde) * o  # eq. 15
            h = k * h_tilde + (1 - k) * h  # eq. 16
            yield GatedStep(h, c, g, i, f, o, k)

    def openings(self, times, x):
        """k at each of the T steps of x (T, B, D): (T, B, H), with 1 for B or H where all are alike."""
        if times is None:
            times = torch.arange(1, len(x) + 1)
        k = self.gate(times)
        if not self.gate.per_unit:
            k = k.unsqueeze(-1)  # (..., T, 1)
        if k.dim() == 2:
            k = k.unsqueeze(0)  # (1, T, ...)
        return k.transpose(0, 1).to(x.dtype)

    def states(self, x, times=None):
        """What happened on the way: {"h", "c", "g", "i", "f", "o"}, each (B, T, H), and "k", which has 1 for B or H
        where all are alike."""
        return stack(self.steps(x, times))
