# SPDX-License-Identifier: MIT
"""The held-out accuracy, and when a run has *solved* its length."""

from dataclasses import dataclass

import torch

from part1.dataset import encode

SOLVED = 0.999  # of all held-out palindromes, at two evaluations in a row
QUICK = 1_000  # held-out palindromes that are looked at first: all of them cost some thirty training steps
EARLY = (10, 20, 50, 100)  # updates that are evaluated besides every --eval_every


@dataclass
class Standing:
    """How far a run has come. Plain values: a part of its checkpoint."""

    step: int = 0  # updates done
    seconds: float = 0.0  # spent on them
    test_accuracy: float = 0.0  # at the last evaluation
    best_accuracy: float = 0.0  # at any evaluation, most of which look at the first QUICK alone
    passed_at: int | None = None  # the first of the evaluations at or above SOLVED that lead up to now
    solved_at: int | None = None
    whole_at: int = -1  # the update of the last evaluation that looked at all held-out palindromes; none yet

    def judge(self, model, test_set, config):
        """Evaluate on the held-out palindromes (digits (n, T), last digits (n,)), and note what it means.

        Returns:
            Whether this is the best accuracy so far.
        """
        digits, y = test_set
        score = share_right(model, digits[:QUICK], y[:QUICK], config)
        if score >= SOLVED or len(y) <= QUICK:
            score, self.whole_at = share_right(model, digits, y, config), self.step
        if not (self.whole_at == self.step and score >= SOLVED):
            self.passed_at = None
        elif self.passed_at is None:
            self.passed_at = self.step
        elif self.solved_at is None:
            self.solved_at = self.passed_at
        improved = score > self.best_accuracy
        self.test_accuracy, self.best_accuracy = score, max(score, self.best_accuracy)
        return improved

    def final_accuracy(self, model, test_set, config):
        """The accuracy of the last weights on all held-out palindromes. It enters no checkpoint: a run that is resumed
        with more updates knows nothing of it, as one that was never stopped."""
        return self.test_accuracy if self.whole_at == self.step else share_right(model, *test_set, config)

    def ended_by(self, config):
        """What ends training here and now: "solved" (unless --no_early_stop), "train_steps", "max_minutes" or None."""
        if self.solved_at is not None and not config.no_early_stop:
            return "solved"
        if self.step >= config.train_steps:
            return "train_steps"
        if config.max_minutes is not None and self.seconds >= 60 * config.max_minutes:
            return "max_minutes"
        return None


def due(step, config):
    """Whether the model is evaluated after this update."""
    return step in EARLY or step % config.eval_every == 0


def share_right(model, digits, y, config):
    """The share of palindromes whose last digit the model says; digits (n, T), y (n,)."""
    chunk = min(1_000, max(1_000_000 // digits.shape[1], 1))  # long palindromes a few at a time, for the sake of memory
    right = 0
    for part, last in zip(digits.split(chunk), y.split(chunk), strict=True):
        right += (answers(model, part, config) == last).sum().item()
    return right / len(y)


@torch.no_grad()
def answers(model, digits, config):
    """The digit that the model says after each row of digits (n, T): (n,)."""
    model.eval()
    said = model(encode(digits.to(config.device), config.input_dim)).argmax(dim=1).cpu()
    model.train()
    return said
