# SPDX-License-Identifier: MIT
"""Pieces of every training loop: the optimizer by its name, clipping that notices a broken gradient, the log line."""

from datetime import datetime

import torch

from common.cli import UserError

OPTIMIZERS = {
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
    "momentum": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
}


class NotFinite(UserError):
    """The loss, its gradient or a weight is NaN or infinite."""


def clip_gradient(model, max_norm, step):
    """Scale the gradient down to max_norm where it is longer; returns the norm that it had.

    Raises:
        NotFinite: the loss or its gradient is NaN or infinite. The weights are still those of the step before.
    """
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    if not norm.isfinite():
        raise NotFinite(
            f"the loss or its gradient is not finite at step {step}; lower --learning_rate or --max_norm."
            f" What was saved before is kept"
        )
    return norm


def check_weights(model, step):
    """Before weights are evaluated and saved.

    Raises:
        NotFinite: one is NaN or infinite.
    """
    if not all(parameter.isfinite().all() for parameter in model.parameters()):
        raise NotFinite(
            f"the weights are not finite at step {step}; lower --learning_rate. What was saved before is kept"
        )


def log_line(step, config, seconds, accuracy, loss):
    """The template's log line."""
    return (
        f"[{datetime.now():%Y-%m-%d %H:%M}] Train Step {step:04d}/{config.train_steps:04d}, "
        f"Batch Size = {config.batch_size}, Examples/Sec = {config.batch_size / seconds:.2f}, "
        f"Accuracy = {accuracy:.2f}, Loss = {loss:.3f}"
    )
