# SPDX-License-Identifier: MIT
"""Question 2.3 measured: which of τ, s and r_on can be learned from data? For a task whose rhythm is known.

python part2/learnability.py                 # twenty minutes on one core
python part2/learnability.py --quick         # to see it work; writes nothing into report/

A signal in noise, informative only in phase: x(t) = y k*(t) + σ ε(t), t = 1 ... T, y = ±1, ε ~ N(0, 1), where k* is
the time gate with the right values τ*, s*, r_on*. The sum of x weighted by k* is the best classifier; the plain sum
collects noise from the closed phases. s* is not a whole number, so no sample falls on a corner of the gate. A few gated
units share one rhythm, so that its three parameters are three
numbers, and their paths three lines. They start off the right values, one at a time or all together.

Then the gradient: a network that was trained with the right, fixed rhythm is given wrong ones, and dL/dτ, dL/ds and
dL/dr_on are measured over many batches, with and without the leak: the mean, which tells the parameter where to go, and
the standard deviation between batches.

B sequences, T steps, H hidden units. Times in steps.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

import math
import time

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from common import cli
from common.cells import refuse_measured
from common.files import refuse_another_file, write_json
from common.machine import today, versions
from common.training import NotFinite, check_weights, clip_gradient
from part2.flags import LEAK
from part2.gated_lstm import VARIANTS, GatedLSTM
from part2.time_gate import TimeGate

RESULTS = ROOT / "report" / "results" / "part2" / "learnability.json"
RIGHT = {"tau": 20.0, "s": 6.3, "r_on": 0.3}
T, NOISE = 120, 1.5  # steps: six periods; σ
STORED = {"tau": "log_tau", "s": "s", "r_on": "raw_r_on"}  # what the gate keeps of each
# Where training starts, what is learned; what is not named starts right.
STARTS = (
    ({"tau": 18.0}, ["tau"]),
    ({"tau": 22.5}, ["tau"]),
    ({"s": 3.0}, ["s"]),
    ({"s": 9.0}, ["s"]),
    ({"r_on": 0.1}, ["r_on"]),
    ({"r_on": 0.9}, ["r_on"]),
    ({"tau": 18.0, "s": 9.0, "r_on": 0.6}, ["tau", "s", "r_on"]),
    ({"tau": 22.5, "s": 3.0, "r_on": 0.6}, ["tau", "s", "r_on"]),
)
# Wrong values at which the gradient is measured, the other two right.
SCAN = {
    "tau": np.linspace(14, 28, 29),
    "s": np.linspace(-3.7, 16.3, 41),  # a whole period around s*
    "r_on": np.linspace(0.05, 1, 20),
}


def signal(rng, B):
    """x (B, T, 1) and the classes y (B,), 0 for -1 and 1 for 1."""
    y = torch.randint(2, (B,), generator=rng)
    k = TimeGate(**RIGHT)(torch.arange(1, T + 1)).float()
    x = (2 * y - 1).unsqueeze(1) * k + NOISE * torch.randn(B, T, generator=rng)
    return x.unsqueeze(-1), y


def best_accuracy():
    """Of the sum of x weighted by k*: Φ(|k*| / σ)."""
    k = TimeGate(**RIGHT)(torch.arange(1, T + 1))
    return 0.5 * (1 + math.erf(k.norm().item() / NOISE / math.sqrt(2)))


def build(variant, start, learn, leak, seed, config):
    gate = TimeGate(**{**RIGHT, **start}, learn=learn, leak=leak)
    sizes = (T, 1, config.num_hidden, 2, config.batch_size)
    return GatedLSTM(*sizes, init="forget1", seed=seed, gate=gate, variant=variant, backward="manual")


def train(model, seed, config):
    """Train the model; returns the path {"steps", "tau", "s", "r_on"} of its rhythm, start and end included."""
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    path = {"steps": [], "tau": [], "s": [], "r_on": []}
    note(path, 0, model.gate)
    for step in range(1, config.train_steps + 1):
        x, y = signal(torch.Generator().manual_seed((1_000_003 * seed + step) % 2**63), config.batch_size)
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        clip_gradient(model, 1.0, step)
        optimizer.step()
        if step % config.every == 0 or step == config.train_steps:
            check_weights(model, step)
            note(path, step, model.gate)
    return path


def note(path, step, gate):
    path["steps"].append(step)
    for name in RIGHT:
        path[name].append(round(getattr(gate, name).item(), 5))


@torch.no_grad()
def accuracy(model):
    """On 4,000 held-out signals, without the leak."""
    x, y = signal(torch.Generator().manual_seed(20180917), 4_000)
    model.eval()
    right = (model(x).argmax(dim=1) == y).float().mean().item()
    model.train()
    return round(right, 4)


def paths(seeds, starts, config):
    """One dict a training run: where it started, what it learned, the path and the accuracy at its end."""
    found = []
    cells = [(variant, *start, seed) for start in starts for variant in VARIANTS for seed in seeds]
    for variant, start, learn, seed in tqdm(cells, unit="run", disable=None, leave=False):
        leak = LEAK if variant == "phased" else 0.0
        model = build(variant, start, learn, leak, seed, config)
        path = train(model, seed, config)
        row = {"variant": variant, "leak": leak, "start": start, "learn": learn, "seed": seed}
        found.append({**row, "accuracy": accuracy(model), **path})
        end = ", ".join(f"{name} {path[name][0]:g} -> {path[name][-1]:.2f} (right {RIGHT[name]:g})" for name in learn)
        tqdm.write(f"{variant:<10} seed {seed}: {end}; accuracy {found[-1]['accuracy']:.4f}")
    return found


def gradients(seeds, config):
    """One dict for each variant, leak, parameter and seed: the mean and the standard deviation of the gradient over
    batches, at each wrong value. Of τ, s and r_on themselves, whatever the gate keeps of them."""
    found = []
    for variant in VARIANTS:
        for seed in seeds:
            trained = build(variant, {}, [], 0.0, seed, config)
            train(trained, seed, config)
            weights = {name: value for name, value in trained.state_dict().items() if not name.startswith("gate")}
            for leak in (0.0, LEAK):
                for name, values in SCAN.items():
                    rows = [at(name, value, variant, leak, weights, seed, config) for value in values[:: config.thin]]
                    mean, std = zip(*rows, strict=True)
                    row = {"variant": variant, "leak": leak, "parameter": name, "seed": seed}
                    found.append({**row, "values": values[:: config.thin].tolist(), "mean": mean, "std": std})
        print(f"{variant:<10} gradients measured", flush=True)
    return found


def at(name, value, variant, leak, weights, seed, config):
    """(mean, standard deviation) over batches of dL/d(the parameter) where it has this value.

    Raises:
        NotFinite: the gradient is not.
    """
    model = build(variant, {name: float(value)}, [name], leak, seed, config)
    model.load_state_dict({**model.state_dict(), **weights})
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    stored = getattr(model.gate, STORED[name]).requires_grad_(True)
    found = []
    for batch in range(config.batches):
        x, y = signal(torch.Generator().manual_seed(7_000_003 + batch), 4 * config.batch_size)
        (gradient,) = torch.autograd.grad(cross_entropy(model(x), y), stored)
        if not gradient.isfinite():
            raise NotFinite(f"the gradient at {name} = {value:g} is not finite; lower --learning_rate")
        found.append(gradient.item() / (value if name == "tau" else 1))  # dL/dτ = dL/d(log τ) / τ
    return float(np.mean(found)), float(np.std(found, ddof=1))


def parser():
    p = cli.Parser(prog="learnability.py", description="Measure which of τ, s and r_on can be learned.")
    p.add_argument("--to", default=str(RESULTS), metavar="PATH", help="the JSON file of results")
    p.add_argument("--num_hidden", type=cli.positive_int, default=8, help="H, hidden units, all with one rhythm")
    p.add_argument("--batch_size", type=cli.positive_int, default=64, help="signals an update")
    p.add_argument("--learning_rate", type=cli.positive, default=0.01, help="of Adam, for the weights and the rhythm")
    p.add_argument("--train_steps", type=cli.positive_int, default=1000, help="updates of each run")
    p.add_argument(
        "--batches", type=cli.whole(2), default=4, help="of four times --batch_size, averaged for a gradient"
    )
    p.add_argument("--seeds", type=cli.natural, nargs="+", default=[42, 43, 44], help="of weights and signals")
    p.add_argument("--quick", action="store_true", help="two short runs a variant, every tenth gradient; needs --to")
    return p


def refuse_contradictions(config, given):
    """Raises UserError where other results would take the measured ones' place, or a flag would have no effect."""
    if config.quick and (settled := given & {"train_steps", "batches", "seeds"}):
        raise cli.UserError(f"--quick settles --{min(settled)}; leave one of the two out")
    refuse_measured(config.to, RESULTS, given - {"to"})
    refuse_another_file(config.to, "--to")


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    refuse_contradictions(config, given)
    torch.set_num_threads(1)
    config.every, config.thin, starts = max(config.train_steps // 100, 1), 1, STARTS
    if config.quick:
        config.train_steps, config.batches, config.thin, config.seeds = 20, 2, 10, config.seeds[:1]
        config.every, starts = 5, (STARTS[0], STARTS[-1])
    began = time.perf_counter()
    results = {"paths": paths(config.seeds, starts, config), "gradients": gradients(config.seeds, config)}
    seconds = time.perf_counter() - began
    task = {"right": RIGHT, "T": T, "noise": NOISE, "best_accuracy": best_accuracy()}
    kept = {name: value for name, value in vars(config).items() if name != "to"}  # not where it lay
    about = {"task": task, "config": kept, "seconds": round(seconds, 1), "versions": versions(), "date": today()}
    write_json(config.to, {**about, **results})
    print(f"the best that can be done here: {task['best_accuracy']:.4f}; {seconds:.0f} s; see {config.to}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
