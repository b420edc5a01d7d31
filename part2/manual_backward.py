# SPDX-License-Identifier: MIT
"""The gated LSTM with its backward pass written by hand: autograd's gradients, in less time, and no work for padding.

It takes the place of the loop over t in GatedLSTM.forward(), as part1/manual_backward.py does for the LSTM, whose
s(t) = [h(t-1) x(t) 1], W = [W_h W_x b] and z(t) = W s(t) it shares. New are k(t), of all steps at once and with its own
way back to τ, s and r_on, and sequences of unequal length. These all end together, the longest in the first row: at
each step the first few rows have begun and the others have not, and what is there of all steps is *packed*, one block
of rows below the other:

    rows = [1, 2, 3], N = 6 samples of B = 3 sequences:  a1 | a2 b1 | a3 b2 c1

B sequences, T steps, N samples of all of them, D input features, H hidden units. dz stands for ∂L/∂z, and so on.
Block t of c and of s holds c(t-1) and h(t-1): what the step begins with, zero in the rows that begin there.
"""

import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class GateFunction(Function):
    """k at the times t (N,), eq. 12 with the leak α, for H units at once: (N, H) in the given dtype.

    apply(t, tau, s, r_on, leak, dtype) with τ, s, r_on (H,), all in float64. The phase is found in float64, as TimeGate
    does; what it is then compared with and divided by needs no more than the dtype. On the way back times are taken
    from their mean: the product of all of them with dφ then keeps its digits, however late they are.
    """

    @staticmethod
    def forward(ctx, t, tau, s, r_on, leak, dtype):
        φ = (t.unsqueeze(1) - s).remainder_(tau).div_(tau)
        φ = φ.masked_fill_(φ >= 1, 0).to(dtype)
        r = r_on.to(dtype)
        rise = φ * (2 / r)
        k = torch.where(φ < r, torch.minimum(rise, 2 - rise), leak * φ)  # eq. 12: the two lines meet at r_on / 2
        ctx.save_for_backward(t, tau, s, r, φ)
        ctx.leak = leak
        return k

    @staticmethod
    @once_differentiable
    def backward(ctx, dk):
        t, tau, s, r, φ = ctx.saved_tensors
        up, down, shut = 2 / r, -2 / r, torch.full_like(r, ctx.leak)
        open_ = φ < r
        dφ = torch.where(φ <= r / 2, up, down).where(open_, shut).mul_(dk)  # eq. 12
        dr_on = -torch.einsum("nh,nh->h", dφ * open_, φ) / r  # k depends on φ / r_on alone, where it is open
        dφ_sum, middle = dφ.sum(dim=0, dtype=torch.float64), t.mean()
        dτ = ((s - middle) * dφ_sum - (t - middle).to(dφ) @ dφ) / tau**2  # φ = (t - s) / τ less a whole number
        return None, dτ, -dφ_sum / tau, dr_on.to(tau), None, None


class GatedLSTMFunction(Function):
    """h(T), (B, H), by eqs. 4-7 and 13-16 from h(0) = c(0) = 0.

    apply(x, k, W_x, W_h, b, rows, variant): the samples (N, D), their k (N, H), the weights of g, i, f, o one above the
    other, (4H, D), (4H, H), (4H,), how many rows have begun at each of the T steps, and where h̃ comes from.
    """

    @staticmethod
    def forward(ctx, x, k, W_x, W_h, b, rows, variant):
        (N, D), H, B = x.shape, W_h.shape[1], rows[-1]
        W_T = torch.cat((W_h, W_x, b.unsqueeze(1)), dim=1).T
        s, c = x.new_zeros(N + B, H + D + 1), x.new_zeros(N + B, H)
        s[:N, H:-1], s[:, -1] = x, 1
        gates, c_tilde, tanh_c = x.new_empty(N, 4 * H), x.new_empty(N, H), x.new_empty(N, H)
        proposed = variant == "phased"
        blocks = split(rows, gates, gates[:, H:], *gates.chunk(4, dim=1), k, c_tilde, tanh_c)
        states = split([*rows, B], s, s[:, :H], c)
        for t, n in enumerate(rows):
            z, z_ifo, g, i, f, o, k_t, c_tilde_t, tanh_c_t = blocks[t]
            s_t, h, c_t = states[t]
            _, h_new, c_new = (block[:n] for block in states[t + 1])
            torch.mm(s_t, W_T, out=z)
            g.tanh_()  # eq. 4
            z_ifo.sigmoid_()  # eqs. 5-7
            torch.mul(g, i, out=c_tilde_t).addcmul_(c_t, f)  # eq. 13
            torch.lerp(c_t, c_tilde_t, k_t, out=c_new)  # eq. 14
            torch.tanh(c_tilde_t if proposed else c_new, out=tanh_c_t)
            torch.lerp(h, tanh_c_t * o, k_t, out=h_new)  # eqs. 15, 16
        ctx.save_for_backward(W_x, W_h, s, c, gates, k, c_tilde, tanh_c)
        ctx.rows, ctx.proposed = rows, proposed
        return s[N:, :H].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, dh):
        W_x, W_h, s, c, gates, k, c_tilde, tanh_c = ctx.saved_tensors
        (N, D), H, rows = (len(gates), W_x.shape[1]), W_h.shape[1], ctx.rows
        dz, slope, one = torch.empty_like(gates), torch.empty_like(gates[: len(dh)]), gates.new_ones(())
        dk = torch.empty_like(k) if ctx.needs_input_grad[1] else None
        dh, dc = dh.clone(), torch.zeros_like(dh)
        dh_tilde, dc_tilde, dtanh = (torch.empty_like(dh) for _ in range(3))
        saved = split(rows, gates, *gates.chunk(4, dim=1), k, s[:N, :H], c[:N], c_tilde, tanh_c)
        found = split(rows, dz, *dz.chunk(4, dim=1), *([] if dk is None else [dk]))
        of_step = (dh, dc, dh_tilde, dc_tilde, dtanh, slope, slope[:, :H])
        for t in reversed(range(len(rows))):
            z, g, i, f, o, k_t, h, c_t, c_tilde_t, tanh_c_t = saved[t]
            dz_t, dz_g, dz_i, dz_f, dz_o, *dk_t = found[t]
            dh_t, dc_t, dh_tilde_t, dc_tilde_t, dtanh_t, slope_t, slope_g = (x[: rows[t]] for x in of_step)

            torch.mul(dh_t, k_t, out=dh_tilde_t)  # eq. 16
            torch.mul(dh_tilde_t, tanh_c_t, out=dz_o)  # eq. 15
            torch.mul(dh_tilde_t, o, out=dtanh_t)  # eq. 15, and through tanh' = 1 - tanh²
            dtanh_t.addcmul_(dtanh_t * tanh_c_t, tanh_c_t, value=-1)
            if ctx.proposed:
                torch.addcmul(dtanh_t, dc_t, k_t, out=dc_tilde_t)  # eqs. 14, 15
            else:
                torch.mul(dc_t.add_(dtanh_t), k_t, out=dc_tilde_t)  # eqs. 15, 14
            for gradient in dk_t:  # eqs. 16, 14
                torch.mul(tanh_c_t, o, out=gradient).sub_(h).mul_(dh_t).addcmul_(c_tilde_t - c_t, dc_t)

            torch.mul(dc_tilde_t, i, out=dz_g)  # eq. 13, and the next two
            torch.mul(dc_tilde_t, g, out=dz_i)
            torch.mul(dc_tilde_t, c_t, out=dz_f)
            torch.addcmul(z, z, z, value=-1, out=slope_t)  # eqs. 5-7: σ' = σ - σ²
            torch.addcmul(one, g, g, value=-1, out=slope_g)  # eq. 4: tanh' = 1 - tanh²
            dz_t.mul_(slope_t)

            dc_t.addcmul_(dc_t, k_t, value=-1).addcmul_(dc_tilde_t, f)  # eqs. 14, 13, on to step t - 1
            dh_t.sub_(dh_tilde_t).addmm_(dz_t, W_h)  # eqs. 16, 4-7, likewise
        dx = dz @ W_x if ctx.needs_input_grad[0] else None
        dW = (s[:N].T @ dz).T  # all steps in one product
        dW_h, dW_x, db = dW.split((H, D, 1), dim=1)
        return dx, dk, dW_x, dW_h, db.squeeze(1), None, None


def split(rows, *buffers):
    """Buffers (N, ...) as their blocks: one tuple a step."""
    return list(zip(*(buffer.split(rows) for buffer in buffers), strict=True))
