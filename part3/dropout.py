# SPDX-License-Identifier: MIT
"""Dropout for recurrent networks: masks that are held over time, and LSTM layers with room for one between them.

Held over time, a mask trains one thinned network on the whole sequence, where a new one at every step would train
another network at each (Gal and Ghahramani 2016, "A Theoretically Grounded Application of
Dropout in Recurrent Neural Networks"). A mask is drawn for each forward pass: one a window, also where the state of
the window before is carried on.

B batch, T steps, H units, L layers.
"""

import torch
from torch import nn
from torch.func import functional_call


class LockedDropout(nn.Module):
    """Keeps every unit of every sequence with probability `keep_prob` for all of its steps, in training alone.

    Args:
        keep_prob: the probability to *keep*; what is kept is divided by it, so that the mean stays.
        rng: the torch.Generator, on the CPU, that draws the masks.
    """

    def __init__(self, keep_prob, rng):
        super().__init__()
        self.keep_prob = keep_prob
        self.rng = rng

    def forward(self, x):
        """x (B, T, H) to the same shape."""
        return x * self.mask(x[:, :1].shape).to(x) if self.drops() else x  # the mask: (B, 1, H)

    def drops(self):
        return self.training and self.keep_prob < 1

    def mask(self, shape):
        return torch.empty(shape).bernoulli_(self.keep_prob, generator=self.rng) / self.keep_prob


class WeightDropout(LockedDropout):
    """The same for a weight matrix, each of its entries by itself, for all sequences of a forward pass (DropConnect;
    Merity et al. 2018, "Regularizing and Optimizing LSTM Language Models", put it on W_hh)."""

    def forward(self, weight):
        return weight * self.mask(weight.shape).to(weight) if self.drops() else weight


class LockedLSTM(nn.Module):
    """A stack of nn.LSTM layers: the same function as one nn.LSTM of L layers, with locked dropout between them.

    Args:
        input_size, hidden_size, num_layers: D, H, L.
        keep_prob: of the units between two layers.
        recurrent_keep_prob: of the entries of each layer's W_hh.
        rng: draws the masks.
    """

    def __init__(self, input_size, hidden_size, num_layers, keep_prob, recurrent_keep_prob, rng):
        super().__init__()
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.between = LockedDropout(keep_prob, rng)
        self.recurrent = WeightDropout(recurrent_keep_prob, rng)

    def forward(self, x, state=None):
        """x (B, T, D) and the state (h, c), each (L, B, H), to the last layer's h (B, T, H) and the state after it."""
        after = []
        for number, layer in enumerate(self.layers):
            if number > 0:
                x = self.between(x)
            before = None if state is None else tuple(part[number : number + 1].contiguous() for part in state)
            if self.recurrent.drops():
                thinned = {"weight_hh_l0": self.recurrent(layer.weight_hh_l0)}
                x, layer_state = functional_call(layer, thinned, (x, before))  # (B, T, H)
            else:
                x, layer_state = layer(x, before)  # (B, T, H)
            after.append(layer_state)
        return x, tuple(torch.cat(part) for part in zip(*after, strict=True))
