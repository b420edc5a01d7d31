# SPDX-License-Identifier: MIT
"""What one step of the LSTM needs, in each way that was tried, and how long it takes: a part of benchmark.py.

Sizes are those of benchmark.py: H = B = 128, one-hot digits.
"""

import statistics
import time

import torch

from part1.dataset import NUM_DIGITS
from part1.product import product

B = H = 128
CALLS = 20  # of an operation in a turn: what it reads and writes is then in the cache, as within a loop over t
ONCE = 50  # steps that share what is done once after the loop


def take_turns(forms, rounds):
    """{form: seconds of each round}, after one round that does not count; each round begins with another form."""
    names, seconds = list(forms), {name: [] for name in forms}
    for k in range(rounds + 1):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            began = time.perf_counter()
            forms[name]()
            if k:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def operations():
    """{what one step of the LSTM needs: {a way to do it: a function that does it}}; the first way is the one taken."""
    W, W_hT, dz = torch.randn(4 * H, H + NUM_DIGITS + 1), torch.randn(H, 4 * H), torch.randn(4 * H, B)
    s, z, out = torch.randn(H + NUM_DIGITS + 1, B), torch.randn(H, B), torch.empty(H, B)
    dW = torch.zeros_like(W)
    all_dz, all_s = torch.randn(ONCE * B, 4 * H), torch.randn(ONCE * B, H + NUM_DIGITS + 1)
    left, right = s[:, : B // 2].contiguous(), s[:, B // 2 :].contiguous()
    return {
        "z = W s": {
            "oneDNN": lambda: product(W, s),
            "torch.mm (MKL)": lambda: torch.mm(W, s),
            "oneDNN, batch in two halves": lambda: (product(W, left), product(W, right)),
        },
        "dh = W_hT dz": {"oneDNN": lambda: product(W_hT, dz), "torch.mm (MKL)": lambda: torch.mm(W_hT, dz)},
        "g, i, f, o = tanh(z_g), sigma(z_ifo)": {
            "within the products": lambda: (product(W[:H], s, "tanh"), product(W[H:], s, "sigmoid")),
            "after the product": lambda: (lambda z: (z[:H].tanh_(), z[H:].sigmoid_()))(product(W, s)),
        },
        "tanh(c)": {
            "torch.tanh": lambda: torch.tanh(z, out=out),
            "2 sigma(2c) - 1, which rounds small c to multiples of 1e-7": lambda: torch.sigmoid(2 * z).mul_(2).sub_(1),
            "(e^2c - 1) / (e^2c + 1)": lambda: (lambda e: e.div_(e + 2))(torch.expm1(2 * z.clamp(-40, 40))),
        },
        "dW += dz s^T": {
            "in each step": lambda: dW.add_(product(dz, s.T)),
            f"once after the loop (its {ONCE}th part)": (lambda: all_s.T @ all_dz),
            f"once after the loop, oneDNN (its {ONCE}th part)": (lambda: product(all_s.T, all_dz)),
        },
    }


def several(function):
    """CALLS calls as one."""

    def turn():
        for _ in range(CALLS):
            function()

    return turn


def measure_operations(rounds):
    """{operation: {way: microseconds a step}}, medians of turns, with one thread."""
    torch.set_num_threads(1)
    found = {}
    for operation, ways in operations().items():
        seconds = take_turns({way: several(function) for way, function in ways.items()}, rounds)
        found[operation] = {
            way: round(1e6 * statistics.median(values) / CALLS / (ONCE if way.startswith("once") else 1), 1)
            for way, values in seconds.items()
        }
        print(f"{operation}: {', '.join(f'{way} {value} µs' for way, value in found[operation].items())}")
    return found
