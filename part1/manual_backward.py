# SPDX-License-Identifier: MIT
"""The vanilla RNN and the LSTM with their backward pass written by hand: autograd's gradients, in less time.

They take the place of the loop over t in the models' forward(). Autograd notes every small operation of every step;
here the states go into buffers that are made once, the way back is the recursion that part1/gradients.py derives, and
all weight gradients come out of one matrix product after the loop. For that, what a step sees stands side by side,
s(t) = [h(t-1) x(t) 1], and so do the weights, W = [W_h W_x b]: the bracket of each equation is z(t) = W s(t).

(tanh(z) = 2σ(2z) - 1 would be cheaper still on CPUs, but in float32 it rounds small z to multiples of 1e-7: weights of
the size that --init normal draws lose four digits of their gradient.)

B batch, T steps, D input features, H hidden units. The LSTM's z holds the brackets of g, i, f, o: 4H columns.
dz stands for ∂L/∂z, and so on. Index t of a buffer belongs to step t + 1, but for the LSTM's c, where c[t] is c(t).
"""

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

BACKWARD = ("autograd", "manual")  # the choices of the models and of --backward


class RNNFunction(Function):
    """h(T), (B, H), by eq. 1 from h(0) = 0: apply(x, W_hx, W_hh, b_h) with x (T, B, D) and the model's weights."""

    @staticmethod
    def forward(ctx, x, W_hx, W_hh, b_h):
        s, W = side_by_side(x, W_hx, W_hh, b_h)
        T, B, H = *x.shape[:2], len(W_hh)
        z = x.new_empty(B, H)
        for t in range(T):
            torch.mm(s[t], W.T, out=z)
            h = torch.tanh(z, out=s[t + 1, :, :H])  # eq. 1
        ctx.save_for_backward(W_hx, W_hh, s)
        return h.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, dh):
        W_hx, W_hh, s = ctx.saved_tensors
        T, B, H = len(s) - 1, *dh.shape
        dz, dh = dh.new_empty(T, B, H), dh.clone()
        for t in reversed(range(T)):
            h = s[t + 1, :, :H]
            torch.mul(h, h, out=dz[t]).neg_().add_(1).mul_(dh)  # tanh' = 1 - tanh²
            torch.mm(dz[t], W_hh, out=dh)  # on to step t - 1
        return gradients(ctx, dz, s, W_hx)


class LSTMFunction(Function):
    """h(T), (B, H), by eqs. 4-9 from h(0) = c(0) = 0: apply(x, W_x, W_h, b) with x (T, B, D) and the weights of g, i,
    f, o one above the other, (4H, D), (4H, H), (4H,)."""

    @staticmethod
    def forward(ctx, x, W_x, W_h, b):
        s, W = side_by_side(x, W_x, W_h, b)
        T, B, H = *x.shape[:2], W_h.shape[1]
        gates, tanh_c, c = x.new_empty(T, B, 4 * H), x.new_empty(T, B, H), x.new_empty(T + 1, B, H)
        c[0] = 0
        for t in range(T):
            torch.mm(s[t], W.T, out=gates[t])
            g, i, f, o = gates[t].chunk(4, dim=1)
            g.tanh_()  # eq. 4
            gates[t, :, H:].sigmoid_()  # eqs. 5-7
            torch.mul(g, i, out=c[t + 1]).addcmul_(c[t], f)  # eq. 8
            torch.tanh(c[t + 1], out=tanh_c[t])
            h = torch.mul(tanh_c[t], o, out=s[t + 1, :, :H])  # eq. 9
        ctx.save_for_backward(W_x, W_h, s, gates, c, tanh_c)
        return h.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, dh):
        W_x, W_h, s, gates, c, tanh_c = ctx.saved_tensors
        H = W_h.shape[1]
        dz, slope = torch.empty_like(gates), torch.empty_like(gates[0])
        dh, dc, dh_o = dh.clone(), torch.zeros_like(dh), torch.empty_like(dh)
        for t in reversed(range(len(gates))):
            g, i, f, o = gates[t].chunk(4, dim=1)
            dz_g, dz_i, dz_f, dz_o = dz[t].chunk(4, dim=1)
            torch.mul(dh, o, out=dh_o)
            dc.add_(dh_o).addcmul_(dh_o.mul_(tanh_c[t]), tanh_c[t], value=-1)  # eq. 9: dh o (1 - tanh²(c))
            torch.mul(dh, tanh_c[t], out=dz_o)  # eq. 9
            torch.mul(dc, c[t], out=dz_f)  # eq. 8, and the next two
            torch.mul(dc, g, out=dz_i)
            torch.mul(dc, i, out=dz_g)
            torch.addcmul(gates[t], gates[t], gates[t], value=-1, out=slope)  # eqs. 5-7: σ' = σ - σ²
            torch.mul(g, g, out=slope[:, :H]).neg_().add_(1)  # eq. 4: tanh' = 1 - tanh²
            dz[t].mul_(slope)
            dc.mul_(f)  # eq. 8, on to step t - 1
            torch.mm(dz[t], W_h, out=dh)  # eqs. 4-7, likewise
        return gradients(ctx, dz, s, W_x)


def side_by_side(x, W_x, W_h, b):
    """s (T+1, B, H+D+1), where h(0) = 0 is filled in and the loop adds h(1) ... h(T), and W = [W_h W_x b]."""
    T, B, D = x.shape
    H = W_h.shape[1]
    s = x.new_empty(T + 1, B, H + D + 1)
    s[0, :, :H] = 0
    s[:T, :, H:-1] = x
    s[:, :, -1] = 1
    return s, torch.cat((W_h, W_x, b.unsqueeze(1)), dim=1)


def gradients(ctx, dz, s, W_x):
    """For x, W_x, W_h and b, from dz and s of all steps."""
    D, H = W_x.shape[1], s.shape[2] - W_x.shape[1] - 1
    dx = dz @ W_x if ctx.needs_input_grad[0] else None
    # sᵀ dz and then its transpose: the same sums as dzᵀ s, which is slow where its second factor is narrow.
    dW = (s[:-1].flatten(0, 1).T @ dz.flatten(0, 1)).T
    dW_h, dW_x, db = dW.split((H, D, 1), dim=1)
    return dx, dW_x, dW_h, db.squeeze(1)


def known_backward(backward):
    """The argument itself.

    Raises:
        ValueError: it is not one of BACKWARD.
    """
    if backward not in BACKWARD:
        raise ValueError(f"backward is {' or '.join(BACKWARD)}, not {backward!r}")
    return backward
