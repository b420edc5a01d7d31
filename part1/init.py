# SPDX-License-Identifier: MIT
"""How every tensor starts: one table per model, a row per --init, a column per tensor.

A filler takes (tensor, rng, model) and fills the tensor in place; rows are filled from left to right.
"""

import math

import torch
from torch import nn


def constant(value):
    return lambda w, rng, model: w.fill_(value)


def normal(std, limit=math.inf):
    return lambda w, rng, model: w.normal_(0, std, generator=rng).clamp_(-limit, limit)


def scaled_identity(scale):
    return lambda w, rng, model: nn.init.eye_(w).mul_(scale)


def xavier(w, rng, model):
    nn.init.xavier_uniform_(w, generator=rng)


def orthogonal(w, rng, model):
    nn.init.orthogonal_(w, generator=rng)


def chrono(w, rng, model):
    """b_f = log U(1, max(T - 1, 1)): memories from one step to the whole sequence long (Tallec & Ollivier 2018)."""
    w.uniform_(1, max(model.seq_length - 1, 1), generator=rng).log_()


def minus_b_f(w, rng, model):
    """b_i = -b_f: the longer a unit remembers, the less it writes at each step."""
    w.copy_(-model.b_f)


zero, one = constant(0.0), constant(1.0)
tiny = normal(1e-4)

RNN_INIT = {
    "orthogonal": dict(W_hx=normal(0.1), W_hh=orthogonal, b_h=zero, W_ph=xavier, b_p=zero),
    "identity": dict(W_hx=normal(0.1), W_hh=scaled_identity(1), b_h=zero, W_ph=xavier, b_p=zero),
    "xavier": dict(W_hx=xavier, W_hh=xavier, b_h=zero, W_ph=xavier, b_p=zero),
    "normal": dict(W_hx=tiny, W_hh=tiny, b_h=zero, W_ph=tiny, b_p=zero),
    # Each unit is bistable: tanh(2h) has stable points near +-.96, and |W_hx| <= .5 < .533 cannot flip a settled one.
    "latch": dict(W_hx=normal(0.2, limit=0.5), W_hh=scaled_identity(2), b_h=zero, W_ph=xavier, b_p=zero),
}


def lstm_row(W_x, W_h, b_i=zero, b_f=zero, W_ph=xavier, W_gx=None, W_gh=None):
    """A row of LSTM_INIT: one filler for the four W_.x and one for the four W_.h, unless g has its own."""
    row = {f"W_{gate}x": W_x for gate in "gifo"} | {f"W_{gate}h": W_h for gate in "gifo"}
    row |= dict(W_gx=W_gx or W_x, W_gh=W_gh or W_h)
    return row | dict(b_g=zero, b_f=b_f, b_i=b_i, b_o=zero, W_ph=W_ph, b_p=zero)


LSTM_INIT = {
    "chrono": lstm_row(W_x=xavier, W_h=orthogonal, b_f=chrono, b_i=minus_b_f),
    "forget1": lstm_row(W_x=xavier, W_h=orthogonal, b_f=one),
    "xavier": lstm_row(W_x=xavier, W_h=xavier),
    "normal": lstm_row(W_x=tiny, W_h=tiny, W_ph=tiny),
    # g latches the first digit through W_gh = 4 I; the wide-open forget gate lets it settle.
    "latch": lstm_row(W_x=normal(0.01), W_h=normal(0.01), b_f=constant(3.0), W_gx=normal(0.5), W_gh=scaled_identity(4)),
}


@torch.no_grad()
def initialise(model, row, seed):
    """Fill every parameter of the model as the row says, from a generator of its own (on the CPU: any device agrees).

    Raises:
        ValueError: the row and the model do not name the same tensors.
    """
    parameters = dict(model.named_parameters())
    if parameters.keys() != row.keys():
        raise ValueError(f"the table and the model differ in {sorted(parameters.keys() ^ row.keys())}")
    rng = torch.Generator().manual_seed(seed)
    for name, fill in row.items():
        fill(parameters[name], rng, model)
