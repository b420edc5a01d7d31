# SPDX-License-Identifier: MIT
"""The loss of held-out text, with the state carried from its first character to its last."""

import math

import numpy as np
import torch
from torch.nn.functional import cross_entropy


@torch.no_grad()
def text_loss(model, numbers, device, chunk=1_000):
    """Mean loss in nats per character of `numbers` (N,), each predicted from all before it but the first.

    Characters are read in chunks for the sake of memory; the state goes from one chunk to the next.
    """
    model.eval()
    total, state = 0.0, None
    for start in range(0, len(numbers) - 1, chunk):
        piece = torch.from_numpy(numbers[start : start + chunk + 1].astype(np.int64)).to(device)
        logits, state = model(piece[None, :-1], state)
        total += cross_entropy(logits[0], piece[1:], reduction="sum").item()
    model.train()
    return total / (len(numbers) - 1)


def bpc(nats):
    """Nats per character to bits per character."""
    return nats / math.log(2)
