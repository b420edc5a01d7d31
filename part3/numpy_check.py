# SPDX-License-Identifier: MIT
"""The gradients of numpy_model.py beside fourth-order central differences: python part3/numpy_rnn.py --check

All entries of a small model in float64, for one chunk of 25 characters from a state that is not zero, without and with
the L2 penalty. The KTH report's (9) has the largest error of each of its tensors, likewise for 25 characters.
"""

import numpy as np

from part3.numpy_model import NAMES, Parameters, cross_entropy, forward, initial_weights, loss_and_gradients, penalty

K, m, T = 12, 10, 25
STEP = 1e-3  # h of the differences
REPORT = {"b": 1.7467e-9, "c": 3.0503e-10, "U": 2.8536e-9, "W": 1.9630e-7, "V": 8.2572e-9}  # its (9)


def example(seed=1, dtype=np.float64):
    """A small model, a chunk x, y (T,) and a state h_0 (m,)."""
    rng = np.random.default_rng((seed, 1))
    x, y = rng.integers(K, size=(2, T))
    return initial_weights(K, m, seed, dtype), x, y, rng.normal(0, 0.5, m).astype(dtype)


def loss(w, x, y, h_0, l2):
    """L of the chunk: the cross-entropy and the penalty."""
    return cross_entropy(forward(w, x, h_0)[1], y) + penalty(w, l2)


def difference_gradients(w, x, y, h_0, l2):
    """Fourth-order central differences, entry by entry: (8 [L(+h) - L(-h)] - [L(+2h) - L(-2h)]) / 12h."""
    n = Parameters(K, m, w.flat.dtype)
    for entry, value in enumerate(w.flat.copy()):
        L = {}
        for k in (-2, -1, 1, 2):
            w.flat[entry] = value + k * STEP
            L[k] = loss(w, x, y, h_0, l2)
        w.flat[entry] = value
        n.flat[entry] = (8 * (L[1] - L[-1]) - (L[2] - L[-2])) / (12 * STEP)
    return n


def errors(l2):
    """max|a - n| / max|a| of each tensor, a by hand and n by differences."""
    w, x, y, h_0 = example()
    a, n = Parameters(K, m, np.float64), difference_gradients(w, x, y, h_0, l2)
    loss_and_gradients(w, a, x, y, h_0, l2)
    return {name: float(abs(a_ - n_).max() / abs(a_).max()) for name, a_, n_ in pairs(a, n)}


def pairs(a, n):
    return [(name, getattr(a, name), getattr(n, name)) for name in NAMES]


def check(penalties=(0.0, 0.1)):
    """Print the table; the exit status is 1 where an error is not below the report's."""
    columns = {f"λ = {l2:g}": errors(l2) for l2 in penalties}
    print(f"max|a - n| / max|a|, float64, fourth-order central differences with h = {STEP:g}; K {K}, m {m}, T {T}\n")
    print(f"{'':<8}" + "".join(f"{title:>12}" for title in (*columns, "report")))
    below = []
    for name, bound in REPORT.items():
        found = [column[name] for column in columns.values()]
        below += [error < bound for error in found]
        print(f"∂L/∂{name:<4}" + "".join(f"{error:>12.1e}" for error in (*found, bound)))
    print(f"\n{sum(below)} of {len(below)} errors are below the report's")
    return 0 if all(below) else 1
