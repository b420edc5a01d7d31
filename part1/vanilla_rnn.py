# SPDX-License-Identifier: MIT
"""The vanilla RNN, equations 1 and 2 of the assignment, from nn.Parameter alone.

    h(t) = tanh(W_hx x(t) + W_hh h(t-1) + b_h)        (1)
    p(t) = W_ph h(t) + b_p                            (2)

B batch, T steps, D input features, H hidden units, K classes. h(0) = 0. Within the loop states are columns, (H, B), as
in the equations.
"""

import torch
from torch import nn

from part1.init import RNN_INIT, initialise
from part1.manual_backward import RNNFunction, known_backward


class VanillaRNN(nn.Module):
    """Reads a sequence and answers once, after its last step.

    Args:
        seq_length, batch_size: what the template gives; a forward pass takes any T and B, whatever stands here.
        input_dim, num_hidden, num_classes: D, H, K.
        device: where the parameters live.
        init: a row of part1.init.RNN_INIT.
        seed: of the initial weights.
        backward: whose backward pass trains it, "autograd" or the "manual" one of part1/manual_backward.py.

    Raises:
        ValueError: `latch` with digits as scalars (each unit takes the sign of its weight, nothing is remembered), or
            an unknown backward.
    """

    def __init__(
        self,
        seq_length,
        input_dim,
        num_hidden,
        num_classes,
        batch_size,
        device="cpu",
        init="orthogonal",
        seed=42,
        backward="autograd",
    ):
        super().__init__()
        refuse_latched_scalars(init, input_dim)
        self.seq_length = seq_length
        self.backward = known_backward(backward)
        self.W_hx = nn.Parameter(torch.empty(num_hidden, input_dim))
        self.W_hh = nn.Parameter(torch.empty(num_hidden, num_hidden))
        self.b_h = nn.Parameter(torch.empty(num_hidden))
        self.W_ph = nn.Parameter(torch.empty(num_classes, num_hidden))
        self.b_p = nn.Parameter(torch.empty(num_classes))
        initialise(self, RNN_INIT[init], seed)
        self.to(device)

    def forward(self, x):
        """x (B, T, D), or (B, T) read as D = 1, to the logits of the last step (B, K)."""
        if self.backward == "manual" and not torch.jit.is_tracing():  # a drawing of the graph wants the clear loop
            h = RNNFunction.apply(time_first(x), self.W_hx, self.W_hh, self.b_h)
        else:
            for h in self.steps(x):
                pass  # only the last state is read out
            h = h.T
        return h @ self.W_ph.T + self.b_p  # eq. 2

    def steps(self, x):
        """Yield h(t), (H, B), for t = 1 ... T."""
        x, b_h = time_first(x).mT, self.b_h.unsqueeze(1)  # (T, D, B), (H, 1)
        h = x.new_zeros(len(b_h), x.shape[2])
        for x_t in x:
            h = torch.tanh(self.W_hx @ x_t + self.W_hh @ h + b_h)  # eq. 1
            yield h

    def states(self, x):
        """What happened on the way: {"h": (B, T, H)}."""
        return {"h": torch.stack(list(self.steps(x))).permute(2, 0, 1)}


def time_first(x):
    """(B, T, D), or (B, T) read as D = 1, to (T, B, D).

    Raises:
        ValueError: another number of dimensions, or no step at all.
    """
    if x.dim() == 2:
        x = x.unsqueeze(-1)
    if x.dim() != 3 or x.shape[1] == 0:
        raise ValueError(f"a sequence is (B, T, D) or (B, T) with T >= 1, not {tuple(x.shape)}")
    return x.transpose(0, 1)


def refuse_latched_scalars(init, input_dim):
    if init == "latch" and input_dim == 1:
        raise ValueError("latch needs one-hot digits (--input_dim 10): as scalars every unit keeps its weight's sign")
