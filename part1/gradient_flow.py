# SPDX-License-Identifier: MIT
"""Question 1.1, measured: how much of the gradient reaches step t, before training and after it.

python part1/gradient_flow.py                       under ten minutes on one core; then part1/gradient_plots.py
python part1/gradient_flow.py --train_steps 100     a quick look

Of each network, for t = 1 ... T: the norms of ∂L/∂h(t) and, for the LSTM, of ∂L/∂c(t); the share of step t in the
gradient of the recurrent weights (the term of t in formula (ii) of part1/gradients.py); for the RNN also the bound
||∂L/∂h(T)|| Π_{j>t} σ_max(W_hh) max tanh'(j). Then the other side: W_hh = gain times an orthogonal matrix.

Training has part 1's length curriculum and the hand-written backward pass. At T = 100 from the first update, most of
these networks were still at chance after 600 updates, and "trained" would say little.

Norms are taken of each palindrome's own gradient, then the median and the quartiles over the palindromes. A mean of
gradients before the norm would cancel and look as if it vanished.

B batch, T steps, D = 10 input features (one-hot), H hidden units. Tensors are (T+1, B, H), index t is time t.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

import argparse
import json
import time

import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from common import cli
from common.cells import refuse_measured
from common.files import refuse_another_file, replacing
from common.machine import today, versions
from common.training import OPTIMIZERS, clip_gradient
from part1.curriculum import Curriculum
from part1.dataset import NUM_DIGITS, PalindromeDataset, encode
from part1.evaluation import Standing, due
from part1.gradients import error, from_zero, lstm_backward, over_steps, rnn_backward
from part1.lstm import LSTM
from part1.vanilla_rnn import VanillaRNN

RESULTS = ROOT / "report" / "results" / "part1" / "gradient_flow.json"
MEASURED = 256  # held-out palindromes
# Name: model, --init, forget bias where it is not the init's, learning rate.
NETWORKS = {
    "RNN normal": (VanillaRNN, "normal", None, 1e-3),
    "RNN orthogonal": (VanillaRNN, "orthogonal", None, 3e-4),
    "RNN latch": (VanillaRNN, "latch", None, 1e-3),
    "LSTM forget bias 0": (LSTM, "xavier", None, 1e-3),
    "LSTM forget bias 1": (LSTM, "forget1", None, 1e-3),
    "LSTM forget bias 2": (LSTM, "forget1", 2.0, 1e-3),
    "LSTM chrono": (LSTM, "chrono", None, 1e-3),
}
LONGEST = 400  # T at which the linear network of the largest gain still has a gradient in double precision
GAINS = (0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)


def build(cls, init, forget_bias, config):
    sizes = (config.input_length, NUM_DIGITS, config.num_hidden, NUM_DIGITS, config.batch_size)
    model = cls(*sizes, init=init, seed=config.seed, backward="manual")
    if forget_bias is not None:
        with torch.no_grad():
            model.b_f.fill_(forget_bias)
    return model


def train(model, learning_rate, test_set, config):
    """The loop of part1/train.py without its files: until solved, or config.train_steps updates.

    Returns:
        The updates done, the length T that the curriculum came to, when T = input_length was solved, and the accuracy.
    """
    optimizer = OPTIMIZERS["rmsprop"](model.parameters(), lr=learning_rate)
    standing, curriculum = Standing(), Curriculum.begin(config)
    with tqdm(total=config.train_steps, unit="step", disable=None, leave=False) as bar:
        while not standing.ended_by(config):
            standing.step += 1
            data = PalindromeDataset(curriculum.length + 1, seed=config.seed)
            digits, y = data.batch(standing.step, config.batch_size)
            optimizer.zero_grad()
            logits = model(encode(digits, NUM_DIGITS))
            cross_entropy(logits, y).backward()
            clip_gradient(model, config.max_norm, standing.step)
            optimizer.step()
            bar.update()
            curriculum.note((logits.argmax(dim=1) == y).float().mean().item(), config)
            if due(standing.step, config):
                standing.judge(model, test_set, config)
    return {
        "updates": standing.step,
        "length": curriculum.length,
        "solved_at": standing.solved_at,
        "test_accuracy": standing.final_accuracy(model, test_set, config),
    }


@torch.no_grad()
def measure(model, x, y):
    """{"h", "c": quartiles of the norms; "share"; "bound"} of the model in float64, each a list for t = 1 ... T."""
    model = model.double()
    states = {name: from_zero(value) for name, value in model.states(x).items()}
    h = states["h"]
    dL_dh_T = error(model, h[-1], y) @ model.W_ph  # each palindrome's own loss: not divided by B
    if isinstance(model, LSTM):
        back = lstm_backward(model, states, dL_dh_T)
        dL_dz = torch.cat([back[gate] for gate in "gifo"], dim=2)
        flow = {"h": quartiles(back["h"]), "c": quartiles(back["c"])}
    else:
        slope = 1 - h**2
        dL_dh = rnn_backward(model.W_hh, slope, dL_dh_T)
        dL_dz = slope * dL_dh
        flow = {"h": quartiles(dL_dh), "bound": median(bound(model.W_hh, slope, dL_dh_T))}
    terms = dL_dz[1:].norm(dim=2) * h[:-1].norm(dim=2)  # of the outer product ∂L/∂z(t) h(t-1)ᵀ, (T, B)
    return flow | {"share": median(terms / terms.sum(dim=0))}


def bound(W_hh, slope, dL_dh_T):
    """||∂L/∂h(T)|| Π_{j=t+1..T} σ_max(W_hh) max tanh'(j), for t = 1 ... T and each palindrome: (T, B)."""
    factors = torch.linalg.matrix_norm(W_hh, 2) * slope[2:].amax(dim=2)  # j = 2 ... T
    from_T = torch.cat((dL_dh_T.norm(dim=1, keepdim=True).T, factors.flip(0))).cumprod(dim=0)
    return from_T.flip(0)


def quartiles(gradient):
    """Norms of (T+1, B, H) over the units, then quartiles over the palindromes, for t = 1 ... T."""
    norms = gradient[1:].norm(dim=2)  # (T, B)
    return {"low": quantile(norms, 0.25), "median": median(norms), "high": quantile(norms, 0.75)}


def median(values):
    return quantile(values, 0.5)


def quantile(values, share):
    """A quantile over the palindromes, (T, B) to a list of T numbers of four digits."""
    return [float(f"{value:.3e}") for value in values.quantile(share, dim=1).tolist()]


@torch.no_grad()
def explode(gain, activation, x, y, config):
    """Gradient norms of an untrained RNN whose W_hh is `gain` times orthogonal, before and after clipping."""
    model = build(VanillaRNN, "orthogonal", None, config).double()
    model.W_hh.mul_(gain)
    x = from_zero(x)
    h = [x.new_zeros(x.shape[1], config.num_hidden)]
    for x_t in x[1:]:
        z = x_t @ model.W_hx.T + h[-1] @ model.W_hh.T + model.b_h
        h.append(torch.tanh(z) if activation == "tanh" else z)
    h = torch.stack(h)
    slope = 1 - h**2 if activation == "tanh" else torch.ones_like(h)
    dL_dp = error(model, h[-1], y)
    dL_dh = rnn_backward(model.W_hh, slope, dL_dp @ model.W_ph)
    dL_dz, B = (slope * dL_dh)[1:], len(y)
    model.W_hx.grad, model.W_hh.grad = over_steps(dL_dz, x[1:]) / B, over_steps(dL_dz, h[:-1]) / B
    model.b_h.grad = dL_dz.sum(dim=(0, 1)) / B
    model.W_ph.grad, model.b_p.grad = dL_dp.T @ h[-1] / B, dL_dp.mean(dim=0)
    W_ph_norm = model.W_ph.grad.norm().item()
    norm = clip_gradient(model, config.max_norm, 0).item()
    clipped = torch.stack([weight.grad.norm() for weight in model.parameters()]).norm().item()
    return {
        "gain": gain,
        "activation": activation,
        "h": median(dL_dh[1:].norm(dim=2)),
        "bound": median(bound(model.W_hh, slope, dL_dp @ model.W_ph)),
        "norm": norm,
        "clipped_norm": clipped,
        "W_ph_norm": W_ph_norm,
        "clipped_W_ph_norm": model.W_ph.grad.norm().item(),
    }


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    refuse_measured(config.to, RESULTS, given - {"to", "threads"})
    refuse_another_file(config.to, "--to")
    cli.set_threads(config)
    path = Path(config.to)
    # What part 1's loop pieces ask of a configuration.
    fixed = dict(batch_size=128, input_dim=NUM_DIGITS, max_norm=10.0, curriculum=1.1, eval_every=100, device="cpu")
    fixed |= dict(no_early_stop=False, max_minutes=None)
    config = argparse.Namespace(**vars(config), **fixed)
    test_set = PalindromeDataset(config.input_length + 1).test_set()
    x, y = encode(test_set[0][:MEASURED].double(), NUM_DIGITS), test_set[1][:MEASURED]

    results = {"T": config.input_length, "H": config.num_hidden, "seed": config.seed, "palindromes": MEASURED}
    results |= {"curriculum": config.curriculum, "max_norm": config.max_norm, "versions": versions(), "date": today()}
    results |= {"networks": [], "explosion": []}
    for activation in ("linear", "tanh"):
        results["explosion"] += [explode(gain, activation, x, y, config) for gain in GAINS]
    for name, (cls, init, forget_bias, learning_rate) in NETWORKS.items():
        began = time.perf_counter()
        model = build(cls, init, forget_bias, config)
        untrained = measure(build(cls, init, forget_bias, config), x, y)
        row = {"name": name, "learning_rate": learning_rate} | train(model, learning_rate, test_set, config)
        row |= {"untrained": untrained, "trained": measure(model, x, y)}
        results["networks"].append(row)
        print_row(row, time.perf_counter() - began)
    with replacing(path) as f:
        json.dump(results, f)  # on one line: nobody reads ten thousand numbers
    print(f"see {path}; to draw it: python part1/gradient_plots.py --results {path}")
    return 0


def print_row(row, seconds):
    ends = [row[state]["h"]["median"] for state in ("untrained", "trained")]
    print(
        f"{row['name']:<18} lr {row['learning_rate']:g}, {row['updates']:>4} updates, up to T = {row['length']}:"
        f" {'solved at ' + str(row['solved_at']) if row['solved_at'] else 'not solved'}"
        f" ({row['test_accuracy']:.4f} right); ||dL/dh(1)|| / ||dL/dh(T)|| untrained {ends[0][0] / ends[0][-1]:.1e},"
        f" trained {ends[1][0] / ends[1][-1]:.1e} ({seconds:.0f} s)",
        flush=True,
    )


def parser():
    p = cli.Parser(prog="gradient_flow.py", description="Measure how much of the gradient reaches each step.")
    p.add_argument("--to", default=str(RESULTS), metavar="PATH", help="the JSON file of results")
    p.add_argument("--input_length", type=cli.whole(2, LONGEST), default=100, metavar="T", help="digits read")
    p.add_argument("--num_hidden", type=cli.positive_int, default=128, help="H, hidden units")
    p.add_argument("--train_steps", type=cli.positive_int, default=3_000, help="updates at most, for each network")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--seed", type=cli.natural, default=42, help="of the weights and the palindromes")
    return p


if __name__ == "__main__":
    cli.run_main(main)
