# SPDX-License-Identifier: MIT
"""Question 1.1: the gradients of the loss by hand, and the proof that they are right.

python part1/gradients.py --check                    hand-written gradients beside autograd and central differences
python part1/gradients.py --check --to check.json    and their largest errors in a file

L is the cross-entropy of eq. 3 at step T alone, y the one-hot target, ŷ = softmax(p(T)); vectors are columns.

    ∂L/∂W_ph = (ŷ - y) h(T)ᵀ                                                           (i)
    ∂L/∂W_hh = Σ_{t=1..T} diag(1 - h(t)²) [∂h(T)/∂h(t)]ᵀ W_phᵀ (ŷ - y) h(t-1)ᵀ         (ii)
    ∂L/∂W_hx = Σ_{t=1..T} diag(1 - h(t)²) [∂h(T)/∂h(t)]ᵀ W_phᵀ (ŷ - y) x(t)ᵀ           (iii)

    ∂h(T)/∂h(t) = Π_{j=T..t+1} diag(1 - h(j)²) W_hh,  j = T leftmost; at t = T it is empty, the identity

and ∂L/∂b_p, ∂L/∂b_h are (i), (iii) with 1 in the place of h(T)ᵀ, x(t)ᵀ. (i) knows step T alone; (ii) and (iii) are sums
over every step, and the term of step t holds T - t factors diag(1 - h(j)²) W_hh. With s the largest singular value of
W_hh, ||∂h(T)/∂h(t)|| <= Π_j s max(1 - h(j)²): factors below 1 lose what step t did exponentially fast (vanishing), and
only factors above 1 let its term grow exponentially (exploding). part1/gradient_flow.py measures both.

The gradient stands here in three forms that agree to rounding, none with automatic differentiation:
    product    (i) to (iii) as they are                            Chouliaras (2017), Belli (2018)
    recursive  Ω(t) = ∂h(t)/∂W_hh, carried forward from Ω(0) = 0   Gallego (2017)
    BPTT       ∂L/∂h(t) = W_hhᵀ diag(1 - h(t+1)²) ∂L/∂h(t+1), carried backward from ∂L/∂h(T) = W_phᵀ (ŷ - y)
The LSTM has BPTT alone. The loss of a batch is the mean over its examples.

B batch, T steps, D input features, H hidden units, K classes. Tensors are (T+1, B, .) and index t is time t; an example
is a row, so that a column formula A v reads v @ A.T.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch
from torch.nn.functional import cross_entropy, one_hot, pad

from common import cli
from common.files import refuse_another_file, write_json
from part1.lstm import LSTM
from part1.vanilla_rnn import VanillaRNN, time_first

# Where the reports slip is said beside our lines, but for two slips outside of question 1.1. Chouliaras's RMSProp has
# r = a Σ (∇L)² + (1 - a) ∇L: it is r <- a r + (1 - a) (∇L)², the square on both. The KTH report's eq. 8 subtracts λ W²
# from the negative log-likelihood: the prior N(W; 0, λ⁻¹) adds λ/2 ||W||², whose gradient λ W pulls W towards zero.

# (B, T, D, H, K); T = 1 and B = 1 are the borders, and B, D and H all differ, so that no axis hides as another.
SIZES = [(3, 1, 2, 5, 4), (1, 2, 10, 6, 10), (4, 5, 1, 7, 10), (2, 12, 3, 8, 5), (6, 25, 2, 4, 3)]
STEP = 1e-3  # of the central differences


@torch.no_grad()
def rnn_product(model, x, y):
    """Formulas (i) to (iii) as they are, in O(T²) products of Jacobians.

    model is a VanillaRNN, x (B, T, D) or (B, T), y (B,) the targets. Returns {name of a parameter: its gradient}.
    """
    x, h = from_zero(x), from_zero(model.states(x)["h"])
    T, (B, H) = len(h) - 1, h[0].shape
    dL_dp = error(model, h[T], y) / B
    dL_dh_T = dL_dp @ model.W_ph  # W_phᵀ (ŷ - y). Belli, and Chouliaras in (5), have (ŷ - y) W_ph: not transposed.
    slope = 1 - h**2  # tanh' at step t is 1 - h(t)². Gallego has 1 - h(t-1)²: the derivative one step too early.
    W_hx, W_hh, b_h = (torch.zeros_like(weight) for weight in (model.W_hx, model.W_hh, model.b_h))
    for t in range(1, T + 1):
        dh_T_dh_t = torch.eye(H).to(h).expand(B, H, H)
        # From j = t+1. Chouliaras starts at j = t, which is ∂h(T)/∂h(t-1): one factor too many.
        for j in range(t + 1, T + 1):
            dh_dh_before = slope[j].unsqueeze(2) * model.W_hh  # diag(1 - h(j)²) W_hh for each example, (B, H, H)
            dh_T_dh_t = dh_dh_before @ dh_T_dh_t
        dL_dz = slope[t] * torch.einsum("bi,bij->bj", dL_dh_T, dh_T_dh_t)  # z(t): the bracket of eq. 1
        # h(t-1) is transposed, an outer product: Chouliaras and Belli leave out the ᵀ. Chouliaras's (5) also leaves
        # out diag(1 - h(t)²), and Belli's sum begins at step 0, where there is no h(t-1).
        W_hh += dL_dz.T @ h[t - 1]
        W_hx += dL_dz.T @ x[t]
        b_h += dL_dz.sum(dim=0)
    return dict(W_hx=W_hx, W_hh=W_hh, b_h=b_h) | read_out_gradients(dL_dp, h[T])


@torch.no_grad()
def rnn_recursive(model, x, y):
    """The recursion forward in time: Ω(t) = diag(1 - h(t)²) [Θ(t) + W_hh Ω(t-1)], Ω(0) = 0; arguments as above.

    Ω(t) is the derivative of h(t) by [W_hh W_hx b_h], the three side by side: (B, H, H, H+D+1). Θ(t) is the part that
    sees the weights at step t alone. No past state is needed, but Ω is B H times as large as the weights.
    """
    x, h = from_zero(x), from_zero(model.states(x)["h"])
    T, (B, H) = len(h) - 1, h[0].shape
    identity, omega = torch.eye(H).to(h), h.new_zeros(B, H, H, H + x.shape[2] + 1)
    for t in range(1, T + 1):
        seen = torch.cat((h[t - 1], x[t], h.new_ones(B, 1)), dim=1)  # what the weights multiply at step t
        theta = torch.einsum("li,bj->blij", identity, seen)  # row i of the weights moves unit i alone
        carried = torch.einsum("la,baij->blij", model.W_hh, omega)
        omega = (1 - h[t] ** 2)[:, :, None, None] * (theta + carried)  # Gallego: 1 - h(t-1)², as above
    # Gallego reads vanishing off W_hh = U Λ Uᵀ, which only a symmetric matrix has. Others have a complex Λ and U Λ U⁻¹
    # at best, and their powers can grow before they decay. Singular values bound each factor, whatever W_hh is.
    dL_dp = error(model, h[T], y) / B
    joined = torch.einsum("bl,blij->ij", dL_dp @ model.W_ph, omega)
    W_hh, W_hx, b_h = joined.split((H, x.shape[2], 1), dim=1)
    return dict(W_hx=W_hx, W_hh=W_hh, b_h=b_h.squeeze(1)) | read_out_gradients(dL_dp, h[T])


@torch.no_grad()
def rnn_bptt(model, x, y):
    """Backpropagation through time, the recursion backward: arguments as above."""
    x, h = from_zero(x), from_zero(model.states(x)["h"])
    dL_dp = error(model, h[-1], y) / len(y)
    slope = 1 - h**2
    dL_dz = (slope * rnn_backward(model.W_hh, slope, dL_dp @ model.W_ph))[1:]  # t = 1 ... T
    gradients = dict(W_hx=over_steps(dL_dz, x[1:]), W_hh=over_steps(dL_dz, h[:-1]), b_h=dL_dz.sum(dim=(0, 1)))
    return gradients | read_out_gradients(dL_dp, h[-1])


def rnn_backward(W_hh, slope, dL_dh_T):
    """∂L/∂h(t) for t = T ... 1, in (T+1, B, H); slope, of that shape, is 1 - h(t)², or 1 where there is no tanh."""
    dL_dh = torch.zeros_like(slope)
    dL_dh[-1] = dL_dh_T
    for t in range(len(slope) - 2, 0, -1):
        dL_dh[t] = (slope[t + 1] * dL_dh[t + 1]) @ W_hh
    return dL_dh


@torch.no_grad()
def lstm_bptt(model, x, y):
    """The gradients of the LSTM's fourteen tensors: arguments and result as above."""
    states = {name: from_zero(value) for name, value in model.states(x).items()}
    x, h = from_zero(x), states["h"]
    dL_dp = error(model, h[-1], y) / len(y)
    back = lstm_backward(model, states, dL_dp @ model.W_ph)
    gradients = {}
    for gate in "gifo":
        dL_dz = back[gate][1:]  # t = 1 ... T
        gradients[f"W_{gate}x"] = over_steps(dL_dz, x[1:])
        gradients[f"W_{gate}h"] = over_steps(dL_dz, h[:-1])
        gradients[f"b_{gate}"] = dL_dz.sum(dim=(0, 1))
    return gradients | read_out_gradients(dL_dp, h[-1])


def lstm_backward(model, states, dL_dh_T):
    """Backward through eqs. 9 to 4, t = T ... 1; states are {"h", "c", "g", "i", "f", "o"}, each (T+1, B, H).

    Returns {"h": ∂L/∂h(t), "c": ∂L/∂c(t), and for each gate the gradient of the bracket in its equation}, shaped alike.
    From ∂L/∂c(t) to ∂L/∂c(t-1) there is the way through the factor f(t) alone, with no matrix and no tanh' on it.
    """
    h, c, g, i, f, o = (states[name] for name in "hcgifo")
    back = {name: torch.zeros_like(h) for name in "hcgifo"}
    back["h"][-1] = dL_dh_T
    for t in range(len(h) - 1, 0, -1):
        dL_dh, tanh_c = back["h"][t], torch.tanh(c[t])
        back["c"][t] += dL_dh * o[t] * (1 - tanh_c**2)  # eq. 9, added to what c(t+1) sent back
        dL_dc = back["c"][t]
        back["o"][t] = dL_dh * tanh_c * o[t] * (1 - o[t])  # eqs. 9 and 7; σ' = σ (1 - σ)
        back["f"][t] = dL_dc * c[t - 1] * f[t] * (1 - f[t])  # eqs. 8 and 6
        back["i"][t] = dL_dc * g[t] * i[t] * (1 - i[t])  # eqs. 8 and 5
        back["g"][t] = dL_dc * i[t] * (1 - g[t] ** 2)  # eqs. 8 and 4
        back["c"][t - 1] = dL_dc * f[t]  # eq. 8
        back["h"][t - 1] = sum(back[gate][t] @ getattr(model, f"W_{gate}h") for gate in "gifo")  # eqs. 4-7
    return back


def from_zero(values):
    """(B, T, n), or (B, T), to (T+1, B, n) with zeros in front: index t is time t, and h(0) = c(0) = 0."""
    return pad(time_first(values), (0, 0, 0, 0, 1, 0))


def error(model, h_T, y):
    """∂L/∂p(T) = ŷ - y, of each example's own loss: (B, K)."""
    p = h_T @ model.W_ph.T + model.b_p  # eq. 2
    return p.softmax(dim=1) - one_hot(y, p.shape[1])


def read_out_gradients(dL_dp, h_T):
    return dict(W_ph=dL_dp.T @ h_T, b_p=dL_dp.sum(dim=0))  # (i)


def over_steps(dL_dz, seen):
    return torch.einsum("tbi,tbj->ij", dL_dz, seen)  # the sum over t and the batch of ∂L/∂z(t) seen(t)ᵀ


def parameter_count(d, n, k=None):
    """Question 1.5b: 4n(d + n + 1) in an LSTM cell of n units that reads d features, whatever T and the batch size.
    With k classes, k(n + 1) more for the output layer."""
    return 4 * n * (d + n + 1) + (k * (n + 1) if k else 0)


FORMS = {
    "RNN product": (VanillaRNN, rnn_product),
    "RNN recursive": (VanillaRNN, rnn_recursive),
    "RNN BPTT": (VanillaRNN, rnn_bptt),
    "LSTM BPTT": (LSTM, lstm_bptt),
}


def example(cls, size, seed=1):
    """A float64 model with weights N(0, 1/inputs) and biases N(0, 1/4), where no gradient vanishes; x (B, T, D), y."""
    B, T, D, H, K = size
    rng = torch.Generator().manual_seed(seed)
    model = cls(T, D, H, K, B).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, weight.shape[1] ** -0.5 if weight.dim() == 2 else 0.5, generator=rng)
    return model, torch.randn(B, T, D, dtype=torch.float64, generator=rng), torch.randint(K, (B,), generator=rng)


def autograd_gradients(model, x, y):
    names, weights = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(cross_entropy(model(x), y), weights), strict=True))


@torch.no_grad()
def difference_gradients(model, x, y):
    """Fourth-order central differences, entry by entry: (8 [L(+h) - L(-h)] - [L(+2h) - L(-2h)]) / 12h."""
    gradients = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    for name, weight in model.named_parameters():
        for entry, gradient in zip(weight.view(-1), gradients[name].view(-1), strict=True):
            value, loss = entry.item(), {}
            for k in (-2, -1, 1, 2):
                entry.fill_(value + k * STEP)
                loss[k] = cross_entropy(model(x), y).item()
            entry.fill_(value)
            gradient.fill_((8 * (loss[1] - loss[-1]) - (loss[2] - loss[-2])) / (12 * STEP))
    return gradients


def relative_error(a, n):
    """max|a - n| / max|a| over the entries of a tensor. At T = 1 some gradients are exactly 0 (W_hh multiplies
    h(0) = 0, f(1) multiplies c(0) = 0): there n = 0, exactly, is an error of 0 and anything else is one of inf."""
    scale, gap = a.abs().max().item(), (a - n).abs().max().item()
    return gap / scale if scale else 0.0 if gap == 0 else float("inf")


def check(to=None):
    """Print the two tables, and write the largest error of each to a file; the exit status is 1 where an error is above
    its bound."""
    errors_are_small, largest = [], {}
    differences = f"fourth-order central differences, h = {STEP:g}"
    for title, reference, bound in (("autograd", autograd_gradients, 1e-10), (differences, difference_gradients, 1e-9)):
        print(f"\nagainst {title}: max|a - n| / max|a| in float64, at most {bound:g}")
        print(f"{'B,T,D,H,K':>22}" + "".join(f"{','.join(map(str, size)):>14}" for size in SIZES))
        examples = {cls: [example(cls, size) for size in SIZES] for cls in (VanillaRNN, LSTM)}
        references = {cls: [reference(*arguments) for arguments in examples[cls]] for cls in examples}
        for form, (cls, by_hand) in FORMS.items():
            ours = [by_hand(*arguments) for arguments in examples[cls]]
            for name in references[cls][0]:
                errors = [relative_error(a[name], n[name]) for a, n in zip(ours, references[cls], strict=True)]
                cells = [f"{e:.1e}" if a[name].any() or e else "0 = 0" for a, e in zip(ours, errors, strict=True)]
                print(f"{form:<16}{name:>6}" + "".join(f"{cell:>14}" for cell in cells))
                errors_are_small += [e <= bound for e in errors]
                kind = title.split(",")[0]
                largest[kind] = max(*errors, largest.get(kind, 0))
    print("\n0 = 0: the gradient is exactly zero at T = 1, by hand and in the reference alike")
    print(f"{sum(errors_are_small)} of {len(errors_are_small)} errors within their bound")
    if to is not None:
        write_json(Path(to), dict(errors=len(errors_are_small), within=sum(errors_are_small), largest=largest))
    return 0 if all(errors_are_small) else 1


def main(argv=None):
    parser = cli.Parser(prog="gradients.py", description="The gradients of question 1.1 by hand, and their proof.")
    parser.add_argument("--check", action="store_true", required=True, help="against autograd and central differences")
    parser.add_argument("--to", metavar="FILE", help="a file for the largest errors, .json")
    config = parser.parse_args(argv)
    if config.to is not None:
        refuse_another_file(config.to, "--to")
    return check(config.to)


if __name__ == "__main__":
    cli.run_main(main)
