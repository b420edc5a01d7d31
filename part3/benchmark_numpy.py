# SPDX-License-Identifier: MIT
"""Updates per second of the NumPy RNN and of the same model with the same optimizer in PyTorch, on one core.

python part3/benchmark_numpy.py

Three contenders take turns, so that whatever else the machine does falls on all: numpy_model.py; its equations under
autograd; and nn.RNN with nn.Linear. Same weights, same chunks, float32, AdaGrad, clipping. JSON is printed: medians and
quartiles over the rounds, and of NumPy's ratio to each of the two within a round.
"""

import os
import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy and PyTorch are first imported

import json
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from common import cli
from common.machine import machine
from part3 import numpy_rnn
from part3.numpy_model import Parameters, adagrad, clip, initial_weights, loss_and_gradients

DEFAULTS = numpy_rnn.parser()
LEARNING_RATE, MEMORY, LIMIT = map(DEFAULTS.get_default, ("learning_rate", "initial_accumulator_value", "clip"))


class NumPy:
    """numpy_model.py as numpy_rnn.py uses it."""

    def __init__(self, w):
        self.w, self.dL = w, Parameters(len(w.c), len(w.b), w.flat.dtype)
        self.s, self.h = np.full_like(w.flat, MEMORY), np.zeros_like(w.b)

    def update(self, x, y):
        """One update on the chunk x, y (T,); returns its cross-entropy."""
        loss, _, self.h = loss_and_gradients(self.w, self.dL, x, y, self.h)
        clip(self.dL.flat, LIMIT)
        adagrad(self.w.flat, self.dL.flat, self.s, LEARNING_RATE)
        return loss


class Torch(nn.Module):
    """The update in PyTorch; forward(x, h) is left to the two that follow."""

    def train_with_adagrad(self, w):
        parameters = [p for p in self.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adagrad(parameters, lr=LEARNING_RATE, initial_accumulator_value=MEMORY)
        self.h = torch.zeros(len(w.b), dtype=torch.from_numpy(w.b).dtype)

    def update(self, x, y):
        self.optimizer.zero_grad()
        logits, h = self(torch.from_numpy(x), self.h)
        loss = cross_entropy(logits, torch.from_numpy(y), reduction="sum")
        loss.backward()
        nn.utils.clip_grad_value_(self.parameters(), LIMIT)
        self.optimizer.step()
        self.h = h.detach()
        return loss.item()


class Equations(Torch):
    """The equations of numpy_model.py, line by line."""

    def __init__(self, w):
        super().__init__()
        for name in "UWVbc":
            self.register_parameter(name, nn.Parameter(torch.tensor(getattr(w, name))))
        self.train_with_adagrad(w)

    def forward(self, x, h):
        states = []
        for Ux_b in self.U.T[x] + self.b:
            h = torch.tanh(self.W @ h + Ux_b)
            states.append(h)
        return torch.stack(states) @ self.V.T + self.c, h


class BuiltIn(Torch):
    """nn.RNN over one-hot characters, its second bias fixed at zero, and nn.Linear."""

    def __init__(self, w):
        super().__init__()
        m, K = w.U.shape
        self.rnn, self.linear = nn.RNN(K, m), nn.Linear(m, K)
        self.to(torch.from_numpy(w.b).dtype)
        self.rnn.bias_hh_l0.requires_grad_(False)
        names = ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "linear.weight", "rnn.bias_ih_l0", "linear.bias")
        weights = {name: torch.tensor(getattr(w, ours)) for name, ours in zip(names, "UWVbc", strict=True)}
        self.load_state_dict({**weights, "rnn.bias_hh_l0": torch.zeros(m)})
        self.train_with_adagrad(w)

    def forward(self, x, h):
        states, h = self.rnn(one_hot(x, self.rnn.input_size).to(h.dtype), h[None])
        return self.linear(states), h[0]


CONTENDERS = {"numpy": NumPy, "torch equations": Equations, "torch nn.RNN": BuiltIn}


def measure(K, m, T, rounds, updates):
    """{contender: updates per second in each round}."""
    numbers = np.random.default_rng(1).integers(K, size=updates * T + 1)
    contenders = {name: make(initial_weights(K, m, seed=1)) for name, make in CONTENDERS.items()}
    speeds = {name: [] for name in contenders}
    for round_number in range(rounds + 1):
        for name, contender in contenders.items():
            began = time.perf_counter()
            for start in range(0, updates * T, T):
                contender.update(numbers[start : start + T], numbers[start + 1 : start + T + 1])
            if round_number > 0:  # the first warms up
                speeds[name].append(updates / (time.perf_counter() - began))
    return speeds


def summary(values):
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    return {"median": round(median, 3), "q1": round(q1, 3), "q3": round(q3, 3)}


def main(argv=None):
    p = cli.Parser(prog="benchmark_numpy.py", description="The NumPy RNN and the same in PyTorch, side by side.")
    p.add_argument("--vocabulary", type=cli.positive_int, default=80, help="K, characters")
    p.add_argument("--num_hidden", type=cli.positive_int, default=100, help="m, hidden units")
    p.add_argument("--seq_length", type=cli.positive_int, default=25, help="T, characters of a chunk")
    p.add_argument("--rounds", type=cli.positive_int, default=20, help="turns of each")
    p.add_argument("--updates", type=cli.positive_int, default=200, help="updates a turn")
    config = p.parse_args(argv)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    speeds = measure(config.vocabulary, config.num_hidden, config.seq_length, config.rounds, config.updates)
    torch.set_num_threads(threads)
    ratios = {name: np.divide(speeds["numpy"], speeds[name]) for name in speeds if name != "numpy"}
    report = {
        "updates_per_second": {name: summary(values) for name, values in speeds.items()},
        "numpy_over": {name: summary(values) for name, values in ratios.items()},
        "config": vars(config),
        "machine": machine(),
    }
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    cli.run_main(main)
