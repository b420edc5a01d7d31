# SPDX-License-Identifier: MIT
"""Dynamic evaluation: a model that goes on learning from the text it is measured on, as compressors do.

Krause et al. 2018, "Dynamic Evaluation of Neural Sequence Models". The text is read in short windows. Each is scored
first, by weights that have seen nothing of it, and learned from only then:

    g = dL/dθ                                             L: the window's mean loss
    RMS(g) = √(mean of g² over the windows so far)        for each weight by itself
    θ ← θ − rate · g / (RMS(g) + ε) + decay · RMSₙ · (θ₀ − θ)

where θ₀ are the trained weights, to which θ is drawn back, and RMSₙ is RMS(g) over its mean across all weights: those
that learn more are drawn back more (at most all the way). The first windows may be read with the weights at rest, only
for RMS(g), as the paper collects it on the training part; later ones go on adding to it, so that any text will do.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from part3.dropout import LockedDropout


@dataclass(frozen=True)
class Rule:
    """How the weights follow the text: what stands above, and the characters of a window."""

    rate: float = 3e-4
    decay: float = 0.002
    window: int = 20
    epsilon: float = 1e-8


def dynamic_losses(model, numbers, device, rule, at_rest=0):
    """The loss of each character of `numbers` (N,) but the first, in nats, by weights that learned from those before.

    The state is carried on, there is no dropout, and the model has its trained weights again in the end.

    Args:
        model: a TextGenerationModel on `device`.
        rule: a Rule.
        at_rest: in the windows that start in so many first characters, gradients are collected and nothing is learned.

    Returns:
        float64 array (N - 1,).
    """
    was_training = model.training
    model.train()  # CuDNN has a backward pass only then
    for module in model.modules():
        if isinstance(module, LockedDropout):
            module.eval()
    weights = list(model.parameters())  # θ
    trained = [weight.detach().clone() for weight in weights]  # θ₀
    squares = [torch.zeros_like(weight) for weight in weights]  # the sum of g² over n windows
    losses, state = [np.empty(0)], None
    try:
        starts = range(0, len(numbers) - 1, rule.window)
        for n, start in enumerate(tqdm(starts, unit="window", disable=None, leave=False), start=1):
            piece = torch.from_numpy(numbers[start : start + rule.window + 1].astype(np.int64)).to(device)
            logits, state = model(piece[None, :-1], state)
            state = tuple(part.detach() for part in state)
            loss = cross_entropy(logits[0], piece[1:], reduction="none")
            losses.append(loss.detach().double().cpu().numpy())
            gradients = torch.autograd.grad(loss.mean(), weights)
            for square, gradient in zip(squares, gradients, strict=True):
                square.addcmul_(gradient, gradient)
            if start >= at_rest:
                rms = [(square / n).sqrt_() for square in squares]
                follow(weights, trained, gradients, rms, rule)
    finally:
        with torch.no_grad():
            for weight, before in zip(weights, trained, strict=True):
                weight.copy_(before)
        model.train(was_training)
    return np.concatenate(losses)


@torch.no_grad()
def follow(weights, trained, gradients, rms, rule):
    """One step of the rule, in place; all are lists with one tensor a parameter."""
    mean = sum(part.sum() for part in rms) / sum(part.numel() for part in rms)
    mean = mean.clamp(min=1e-30)  # a text of one symbol has no gradient
    for weight, before, gradient, root in zip(weights, trained, gradients, rms, strict=True):
        pull = (before - weight) * (rule.decay * root / mean).clamp_(max=1)
        weight.addcdiv_(gradient, root + rule.epsilon, value=-rule.rate).add_(pull)
