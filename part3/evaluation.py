# SPDX-License-Identifier: MIT
"""The loss of held-out text, with the state carried from its first character to its last; and what it says of a run."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from common.cli import UserError


@dataclass
class Standing:
    """How far a run has come. Plain values: a part of its checkpoint."""

    step: int = 0  # updates done
    seconds: float = 0.0  # spent on them
    best_step: int | None = None
    best_loss: float | None = None  # on the validation part, in nats per character
    stale: int = 0  # validations since the best

    def judge(self, loss):
        """Note the loss of the validation part; returns whether it is the best so far."""
        improved = self.best_loss is None or loss < self.best_loss
        if improved:
            self.best_loss, self.best_step = loss, self.step
        self.stale = 0 if improved else self.stale + 1
        return improved

    def ended_by(self, config):
        """What ends training here and now: "train_steps", "patience", "max_minutes" or None."""
        if self.step >= config.train_steps:
            return "train_steps"
        if config.patience is not None and self.stale >= config.patience:
            return "patience"
        if config.max_minutes is not None and self.seconds >= 60 * config.max_minutes:
            return "max_minutes"
        return None


def text_loss(model, numbers, device, chunk=1_000):
    """Mean loss in nats per character of `numbers` (N,), each predicted from all before it but the first.

    Raises:
        UserError: it is not finite.
    """
    losses, _ = character_losses(model, numbers, device, chunk)
    return finite_mean(losses)


def finite_mean(losses):
    """The mean of losses.

    Raises:
        UserError: it is not finite.
    """
    mean = losses.mean().item()
    if not math.isfinite(mean):
        raise UserError("the loss is not finite; choose a lower learning rate (--learning_rate, of --dynamic --rate)")
    return mean


@torch.no_grad()
def character_losses(model, numbers, device, chunk=1_000, state=None):
    """The loss of each character of `numbers` (N,) but the first, in nats.

    Characters are read in chunks for the sake of memory; the state goes from one chunk to the next.

    Returns:
        (float64 array (N - 1,), the state behind the last but one character).
    """
    was_training = model.training
    model.eval()
    losses = [np.empty(0)]
    for start in range(0, len(numbers) - 1, chunk):
        piece = torch.from_numpy(numbers[start : start + chunk + 1].astype(np.int64)).to(device)
        logits, state = model(piece[None, :-1], state)
        losses.append(cross_entropy(logits[0], piece[1:], reduction="none").double().cpu().numpy())
    model.train(was_training)
    return np.concatenate(losses), state


def bpc(nats):
    """Nats per character to bits per character."""
    return nats / math.log(2)


def mean_and_error(values):
    """Over texts, or blocks of one: the mean, and its standard error; None where there are too few values for it."""
    values = [value for value in values if value is not None]
    mean = float(np.mean(values)) if values else None
    error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    return {"mean": mean, "standard_error": error}
