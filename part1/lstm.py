# SPDX-License-Identifier: MIT
"""The LSTM, equations 4 to 10 of the assignment, from nn.Parameter alone.

    g(t) = tanh(W_gx x(t) + W_gh h(t-1) + b_g)        (4)
    i(t) =    σ(W_ix x(t) + W_ih h(t-1) + b_i)        (5)
    f(t) =    σ(W_fx x(t) + W_fh h(t-1) + b_f)        (6)
    o(t) =    σ(W_ox x(t) + W_oh h(t-1) + b_o)        (7)
    c(t) = g(t) ⊙ i(t) + c(t-1) ⊙ f(t)                (8)
    h(t) = tanh(c(t)) ⊙ o(t)                          (9)
    p(t) = W_ph h(t) + b_p                            (10)

B batch, T steps, D input features, H hidden units, K classes. h(0) = c(0) = 0. Within the loop states are columns,
(H, B), as in the equations: that is faster too, since each gate is then one block of memory.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from part1.init import LSTM_INIT, initialise
from part1.manual_backward import LSTMFunction, known_backward
from part1.vanilla_rnn import refuse_latched_scalars, time_first


class LSTMStep(NamedTuple):
    """One time step: the state (h, c) and the four gates, each (H, B)."""

    h: Tensor
    c: Tensor
    g: Tensor
    i: Tensor
    f: Tensor
    o: Tensor


class LSTM(nn.Module):
    """Reads a sequence and answers once, after its last step.

    Args:
        seq_length: T, which `chrono` reads for its biases; a forward pass takes any T, whatever stands here.
        batch_size: what the template gives; a forward pass takes any B.
        input_dim, num_hidden, num_classes: D, H, K.
        device: where the parameters live.
        init: a row of part1.init.LSTM_INIT.
        seed: of the initial weights.
        backward: whose backward pass trains it, "autograd" or the "manual" one of part1/manual_backward.py.

    Raises:
        ValueError: `latch` with digits as scalars, as for the vanilla RNN, or an unknown backward.
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
        backward="autograd",
    ):
        super().__init__()
        refuse_latched_scalars(init, input_dim)
        self.seq_length = seq_length
        self.backward = known_backward(backward)
        for gate in "gifo":
            self.register_parameter(f"W_{gate}x", nn.Parameter(torch.empty(num_hidden, input_dim)))
            self.register_parameter(f"W_{gate}h", nn.Parameter(torch.empty(num_hidden, num_hidden)))
            self.register_parameter(f"b_{gate}", nn.Parameter(torch.empty(num_hidden)))
        self.W_ph = nn.Parameter(torch.empty(num_classes, num_hidden))
        self.b_p = nn.Parameter(torch.empty(num_classes))
        initialise(self, LSTM_INIT[init], seed)
        self.to(device)

    def forward(self, x):
        """x (B, T, D), or (B, T) read as D = 1, to the logits of the last step (B, K)."""
        if self.backward == "manual" and not torch.jit.is_tracing():  # a drawing of the graph wants the clear loop
            return self.read_out(LSTMFunction.apply(time_first(x), *self.joined()))
        return self.last_logits(self.steps(x))

    def last_logits(self, steps):
        """Only the last state is read out: (B, K)."""
        for step in steps:
            pass
        return self.read_out(step.h.T)

    def read_out(self, h):
        return h @ self.W_ph.T + self.b_p  # eq. 10

    def steps(self, x):
        """Yield an LSTMStep for t = 1 ... T."""
        x = time_first(x).mT  # (T, D, B)
        W, b = side_by_side(*self.joined())
        h = c = x.new_zeros(len(self.b_g), x.shape[2])
        for x_t in x:
            g, i, f, o = gates(W @ torch.cat((h, x_t)) + b)  # eqs. 4-7
            c = g * i + c * f  # eq. 8
            h = torch.tanh(c) * o  # eq. 9
            yield LSTMStep(h, c, g, i, f, o)

    def joined(self):
        """The weights of g, i, f, o one above the other, (4H, D), (4H, H), (4H,): one product serves all."""
        W_x = torch.cat((self.W_gx, self.W_ix, self.W_fx, self.W_ox))
        W_h = torch.cat((self.W_gh, self.W_ih, self.W_fh, self.W_oh))
        b = torch.cat((self.b_g, self.b_i, self.b_f, self.b_o))
        return W_x, W_h, b

    def states(self, x):
        """What happened on the way: {"h", "c", "g", "i", "f", "o"}, each (B, T, H)."""
        return stack(self.steps(x))


def side_by_side(W_x, W_h, b):
    """[W_h W_x], (4H, H+D), and b as a column: one product of h(t-1) above x(t) gives the brackets of eqs. 4-7."""
    return torch.cat((W_h, W_x), dim=1), b.unsqueeze(1)


def gates(z):
    """The brackets of eqs. 4-7 one above the other, (4H, B), to g, i, f, o, each (H, B)."""
    z_g, z_i, z_f, z_o = z.chunk(4)
    g = torch.tanh(z_g)  # eq. 4
    i = torch.sigmoid(z_i)  # eq. 5
    f = torch.sigmoid(z_f)  # eq. 6
    o = torch.sigmoid(z_o)  # eq. 7
    return g, i, f, o


def stack(steps):
    """Steps, NamedTuples of (H, B), to {name: (B, T, H)}."""
    steps = list(steps)
    columns = zip(*steps, strict=True)
    return {name: torch.stack(values).permute(2, 0, 1) for name, values in zip(steps[0]._fields, columns, strict=True)}
