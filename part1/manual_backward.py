# SPDX-License-Identifier: MIT
"""The vanilla RNN and the LSTM with their backward pass written by hand: autograd's gradients, in less time.

They take the place of the loop over t in the models' forward(). Autograd notes every small operation of every step;
here the way back is the recursion that part1/gradients.py derives, in as few operations as it needs. States are
columns, h(t) is (H, B), as in the equations. What a step reads stands in one matrix, s(t) = [h(t-1); x(t); 1], and so
do the weights, W = [W_h W_x b]: the bracket of each equation is z(t) = W s(t).

B batch, T steps, D input features, H hidden units. The LSTM's z holds the brackets of g, i, f, o: 4H rows.
dz stands for ∂L/∂z, and so on. s[t] belongs to step t + 1, as Python counts from 0.
"""

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from part1.product import product

BACKWARD = ("autograd", "manual")  # the choices of the models and of --backward


class RNNFunction(Function):
    """h(T), (B, H), by eq. 1 from h(0) = 0: apply(x, W_hx, W_hh, b_h) with x (T, B, D) and the model's weights."""

    @staticmethod
    def forward(ctx, x, W_hx, W_hh, b_h):
        s, W = one_matrix(x, W_hx, W_hh, b_h)
        for t, h in enumerate(s[1:, : len(W_hh)]):
            h.copy_(product(W, s[t], "tanh"))  # eq. 1
        ctx.save_for_backward(W_hx, W_hh, s)
        return h.T.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx, dh):
        W_hx, W_hh, s = ctx.saved_tensors
        H, W_hhT = len(W_hh), W_hh.T.contiguous()
        dh, dz, dW, dx = dh.T.contiguous(), dh.new_empty(H, len(dh)), dh.new_zeros(H, s.shape[1]), []
        for t in reversed(range(len(s) - 1)):
            h = s[t + 1, :H]
            torch.mul(h, h, out=dz).neg_().add_(1).mul_(dh)  # eq. 1: tanh' = 1 - tanh²
            dW += product(dz, s[t].T)
            dh = product(W_hhT, dz)  # on to step t - 1
            if ctx.needs_input_grad[0]:
                dx.append((W_hx.T @ dz).T)
        return gradients(dx, dW, W_hx)


class LSTMFunction(Function):
    """h(T), (B, H), by eqs. 4-9 from h(0) = c(0) = 0: apply(x, W_x, W_h, b) with x (T, B, D) and the weights of g, i,
    f, o one above the other, (4H, D), (4H, H), (4H,)."""

    @staticmethod
    def forward(ctx, x, W_x, W_h, b):
        s, W = one_matrix(x, W_x, W_h, b)
        H = W_h.shape[1]
        c, steps = x.new_zeros(H, x.shape[1]), []
        for t, h in enumerate(s[1:, :H]):
            g = product(W[:H], s[t], "tanh")  # eq. 4
            ifo = product(W[H:], s[t], "sigmoid")  # eqs. 5-7
            i, f, o = ifo.chunk(3)
            c_before, c = c, torch.mul(g, i).addcmul_(c, f)  # eq. 8
            tanh_c = torch.tanh(c)
            torch.mul(tanh_c, o, out=h)  # eq. 9
            if any(ctx.needs_input_grad):
                steps += (g, ifo, c_before, tanh_c)
        ctx.save_for_backward(W_x, W_h, s, *steps)
        return h.T.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx, dh):
        W_x, W_h, s, *steps = ctx.saved_tensors
        H, W_hT = W_h.shape[1], W_h.T.contiguous()
        dh, dz, dW, dx = dh.T.contiguous(), dh.new_empty(4 * H, len(dh)), dh.new_zeros(4 * H, s.shape[1]), []
        dc, slope = torch.zeros_like(dh), torch.empty_like(dz)
        dz_g, dz_i, dz_f, dz_o = dz.chunk(4)
        for t in reversed(range(len(s) - 1)):
            g, ifo, c_before, tanh_c = steps[4 * t : 4 * t + 4]
            i, f, o = ifo.chunk(3)
            dh_o = dh * o
            dc.add_(dh_o).addcmul_(dh_o.mul_(tanh_c), tanh_c, value=-1)  # eq. 9: dh o (1 - tanh²(c))
            torch.mul(dh, tanh_c, out=dz_o)  # eq. 9
            torch.mul(dc, c_before, out=dz_f)  # eq. 8, and the next two
            torch.mul(dc, g, out=dz_i)
            torch.mul(dc, i, out=dz_g)
            torch.mul(g, g, out=slope[:H]).neg_().add_(1)  # eq. 4: tanh' = 1 - tanh²
            torch.addcmul(ifo, ifo, ifo, value=-1, out=slope[H:])  # eqs. 5-7: σ' = σ - σ²
            dz.mul_(slope)
            dW += product(dz, s[t].T)
            dc.mul_(f)  # eq. 8, on to step t - 1
            dh = product(W_hT, dz)  # eqs. 4-7, likewise
            if ctx.needs_input_grad[0]:
                dx.append((W_x.T @ dz).T)
        return gradients(dx, dW, W_x)


def one_matrix(x, W_x, W_h, b):
    """s (T+1, H+D+1, B), where h(0) = 0 is filled in and the loop adds h(1) ... h(T), and W = [W_h W_x b]."""
    T, B, D = x.shape
    H = W_h.shape[1]
    s = x.new_empty(T + 1, H + D + 1, B)
    s[0, :H] = 0
    s[:T, H:-1] = x.transpose(1, 2)
    s[:, -1] = 1
    return s, torch.cat((W_h, W_x, b.unsqueeze(1)), dim=1)


def gradients(dx, dW, W_x):
    """For x, W_x, W_h and b: dx is a list from the last step to the first, or empty where nobody asked for it."""
    D = W_x.shape[1]
    dW_h, dW_x, db = dW.split((dW.shape[1] - D - 1, D, 1), dim=1)
    return torch.stack(dx[::-1]) if dx else None, dW_x, dW_h, db.squeeze(1)


def known_backward(backward):
    """The argument itself.

    Raises:
        ValueError: it is not one of BACKWARD.
    """
    if backward not in BACKWARD:
        raise ValueError(f"backward is {' or '.join(BACKWARD)}, not {backward!r}")
    return backward
