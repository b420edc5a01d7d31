# SPDX-License-Identifier: MIT
"""The timed tasks' held-out results, how a run stands, and how much of its cell's work the gate lets through."""

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy, mse_loss

from part2.dataset import rows

IN_A_ROW = 3  # evaluations at --target that end a run
NEAR = 0.04  # a sum that is as close as this counts as right (Hochreiter & Schmidhuber 1997)
AT_ONCE = 2_500_000  # values of k that are looked at together, for the sake of memory


@dataclass
class Standing:
    """How far a run has come. Plain values: a part of its checkpoint.

    The score is the accuracy for classes and the mean squared error for sums, always of the validation set.
    """

    step: int = 0  # updates done
    seconds: float = 0.0  # spent on them
    score: float | None = None  # at the last evaluation
    best_score: float | None = None
    best_step: int = 0
    in_a_row: int = 0  # evaluations at --target up to now
    passed_at: int | None = None  # the first of them
    reached_at: int | None = None  # the update of the first of the evaluations that ended the run

    def judge(self, score, measure, config):
        """Note a validation score and what it means; returns whether it is the best so far."""
        self.score = score
        if config.target is None or better(config.target, score, measure):
            self.in_a_row = 0
        else:
            self.in_a_row += 1
        if self.in_a_row == 1:
            self.passed_at = self.step
        if self.in_a_row == IN_A_ROW:
            self.reached_at = self.passed_at
        improved = self.best_score is None or better(score, self.best_score, measure)
        if improved:
            self.best_score, self.best_step = score, self.step
        return improved

    def ended_by(self, config):
        """What ends training here and now: "target", "train_steps", "max_minutes" or None."""
        if config.target is not None and self.in_a_row >= IN_A_ROW:
            return "target"
        if self.step >= config.train_steps:
            return "train_steps"
        if config.max_minutes is not None and self.seconds >= 60 * config.max_minutes:
            return "max_minutes"
        return None


def better(score, than, measure):
    return score > than if measure == "accuracy" else score < than


def loss_of(output, y):
    """Cross-entropy of logits (B, K) and classes (B,), or the mean squared error of (B, 1) and sums (B,)."""
    return mse_loss(output.squeeze(1), y) if y.is_floating_point() else cross_entropy(output, y)


def share_right(output, y):
    """The share of rows whose class is said, or whose sum is met to within NEAR."""
    right = (output.squeeze(1) - y).abs() < NEAR if y.is_floating_point() else output.argmax(dim=1) == y
    return right.double().mean()


@torch.no_grad()
def measure(model, held_out, config):
    """(loss, accuracy) over a held-out Batch, the gate without its leak."""
    model.eval()
    outputs = [
        model(part.x.to(config.device), part.times.to(config.device), part.lengths.to(config.device)).cpu()
        for part in parts(held_out, config)
    ]
    model.train()
    output = torch.cat(outputs)
    return loss_of(output, held_out.y).item(), share_right(output, held_out.y).item()


@torch.no_grad()
def share_open(model, held_out, config):
    """The share of the state's updates, one a unit and sample, that pass the gate (k > 0); 1 for the LSTM."""
    model.eval()
    passed = total = 0
    for x, times, lengths, _ in parts(held_out, config):
        k = model.openings(times, x.transpose(0, 1), lengths)  # (T, B, H), 0 in padding
        passed += (k > 0).sum().item() * config.num_hidden // k.shape[2]
        total += lengths.sum().item() * config.num_hidden
    model.train()
    return passed / total


def multiply_adds(model, held_out):
    """Of the recurrent layer, a sequence on average, if every unit is updated at every sample: 4H(D + H + 1) each time.
    Times the share that is open, those that a cell would need which leaves out units whose gate is closed."""
    W_x, W_h, _ = model.joined()
    return held_out.lengths.double().mean().item() * len(W_x) * (W_x.shape[1] + W_h.shape[1] + 1)


def parts(held_out, config):
    """A held-out Batch in parts of a few rows, each cut to its longest."""
    size = max(AT_ONCE // (held_out.x.shape[1] * config.num_hidden), 1)
    for first in range(0, len(held_out.y), size):
        yield rows(held_out, slice(first, first + size))
