# SPDX-License-Identifier: MIT
"""The time gate k(t), equation 12 of the assignment: a rhythm of open and closed phases.

            2 φ(t) / r_on          for φ(t) <= r_on / 2
    k(t) =  2 - 2 φ(t) / r_on      for r_on / 2 < φ(t) < r_on       φ(t) = ((t - s) mod τ) / τ      (12)
            α φ(t)                 otherwise, with α = 0 in the assignment

Printed with < on both sides of φ = r_on / 2, the gate would be 0 at its peak; <= gives it the limit, 1.
α is the leak of the Phased LSTM (Neil, Pfeiffer & Liu 2016): a gradient through closed gates, in training only.
"""

import math

import torch
from torch import nn

TAU_BOUNDS = (1e-6, 1e9)
R_ON_BOUNDS = (1e-6, 1.0)


class TimeGate(nn.Module):
    """k(t) for times of any shape, one rhythm for all units or one for each of U.

    All is computed in float64, where times of a million and more keep their phase, and stays so whatever the model
    around it is cast to. An optimizer may push the stored log τ and r_on out of bounds; `tau` and `r_on` are clamped
    then, and pass the gradient on unchanged. A unit whose r_on is pushed to its lower bound is shut for good, though:
    no sample falls into so short an opening, so there is no gradient to open it again.

    Args:
        tau: the period τ, in the unit of the times; a number, or a tensor (U,).
        s: the shift of the opening, in the same unit; likewise.
        r_on: the share of the period in which the gate is open; likewise.
        learn: which of "tau", "s" and "r_on" are parameters; the others are fixed.
        leak: α of the closed phase in training; it is 0 in evaluation.

    Raises:
        ValueError: τ outside [1e-6, 1e9], r_on outside [1e-6, 1], s not finite, a negative leak, or a name in `learn`
            that is none of the three.
    """

    def __init__(self, tau, s=0.0, r_on=1.0, learn=(), leak=0.0):
        super().__init__()
        tau, s, r_on = (torch.as_tensor(value, dtype=torch.float64) for value in (tau, s, r_on))
        if not ((tau >= TAU_BOUNDS[0]) & (tau <= TAU_BOUNDS[1])).all():
            raise ValueError(f"the period τ must be in [{TAU_BOUNDS[0]:g}, {TAU_BOUNDS[1]:g}]")
        if not ((r_on >= R_ON_BOUNDS[0]) & (r_on <= R_ON_BOUNDS[1])).all():
            raise ValueError(f"the open ratio r_on must be in [{R_ON_BOUNDS[0]:g}, {R_ON_BOUNDS[1]:g}]")
        if not (s.isfinite().all() and leak >= 0):
            raise ValueError("the shift s must be finite and the leak not negative")
        if not set(learn) <= {"tau", "s", "r_on"}:
            raise ValueError(f"tau, s and r_on can be learned, not {sorted(set(learn) - {'tau', 's', 'r_on'})}")
        self.leak = leak
        for name, stored, value in (("tau", "log_tau", tau.log()), ("s", "s", s), ("r_on", "raw_r_on", r_on)):
            if name in learn:
                self.register_parameter(stored, nn.Parameter(value.clone()))
            else:
                self.register_buffer(stored, value.clone())

    @property
    def per_unit(self):
        """Whether the units have rhythms of their own."""
        return bool(self.log_tau.dim() or self.s.dim() or self.raw_r_on.dim())

    @property
    def tau(self):
        """The period τ."""
        return inside(self.log_tau, *map(math.log, TAU_BOUNDS)).exp()

    @property
    def r_on(self):
        """The open ratio."""
        return inside(self.raw_r_on, *R_ON_BOUNDS)

    def forward(self, t):
        """Times of any shape (...) to k(t): (...) for scalars τ, s, r_on, (..., U) for one per unit. float64."""
        φ, r_on = self.phase(t), self.r_on
        k = torch.where(φ <= r_on / 2, 2 * φ / r_on, 2 - 2 * φ / r_on)  # eq. 12, the open phase
        leak = self.leak if self.training else 0.0
        return torch.where(φ < r_on, k, leak * φ)

    def phase(self, t):
        """φ(t), in [0, 1): where in its period each unit is. torch.remainder, so that t < s is in there too; rounding
        can still give 1, for a t just below s."""
        t, tau = torch.as_tensor(t, dtype=torch.float64, device=self.log_tau.device), self.tau
        if self.per_unit:
            t = t.unsqueeze(-1)  # (..., 1) against (U,)
        φ = torch.remainder(t - self.s, tau) / tau
        return torch.where(φ < 1, φ, 0.0)

    def _apply(self, fn, recurse=True):
        """A module is cast and moved through here: the gate moves along, but stays in float64."""
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)


def inside(stored, low, high):
    """The stored values, clamped to [low, high]; the gradient is 1 everywhere, so a value outside can come back in."""
    return stored.detach().clamp(low, high) + (stored - stored.detach())


def random_gate(num_units, tau_low, tau_high, s=None, r_on=1.0, learn=(), leak=0.0, seed=42):
    """A TimeGate with τ ~ U(tau_low, tau_high) and s ~ U(0, τ) (or the given s), drawn for each unit."""
    rng = torch.Generator().manual_seed(seed)
    tau = torch.empty(num_units, dtype=torch.float64).uniform_(tau_low, tau_high, generator=rng)
    drawn = torch.rand(num_units, dtype=torch.float64, generator=rng) * tau
    s = drawn if s is None else torch.full_like(tau, s)
    return TimeGate(tau, s, torch.full_like(tau, r_on), learn, leak)
