# SPDX-License-Identifier: MIT
"""What a memory looks like: hidden units over one palindrome of T = 100, before training and after it.

python part1/sweep.py --grid reach --workers 2
python part1/traces.py

Of the first seed of each kind of network that solved T = 100, it writes
* the traces h(t) of some units over one held-out palindrome;
* the share of the variance of h(t) that the first digit explains, over many palindromes, at each t: 1 means that h(t)
  is a function of the first digit, 0 that it knows nothing of it. (Chance is 9/(n-1) for n palindromes.)
* the singular values of the recurrent weights, W_hh or (LSTM) W_gh.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import json

import torch

from common import cli
from common.cells import refuse_measured
from common.cli import UserError
from common.files import refuse_another_file, replacing
from common.machine import today, versions
from part1 import train
from part1.dataset import NUM_DIGITS, PalindromeDataset, encode
from part1.sweep import RESULTS
from part1.sweep_results import network_label
from part1.transfer import load_trained, trained_runs

UNITS = 40  # whose traces are kept


@torch.no_grad()
def look(model, digits, input_dim):
    """What to draw of one network: see the top of the file. digits (n, T); the traces are of row 0."""
    h = model.states(encode(digits, input_dim))["h"]  # (n, T, H)
    recurrent = model.W_gh if hasattr(model, "W_gh") else model.W_hh
    return {
        "traces": rounded(h[0, :, :: max(1, h.shape[2] // UNITS)][:, :UNITS].T, 2),
        "explained": rounded(explained(h, digits[:, 0].long()), 4),
        "singular_values": rounded(torch.linalg.svdvals(recurrent), 4),
    }


def rounded(values, decimals):
    return values.double().round(decimals=decimals).tolist()


def explained(h, first):
    """The share of the variance of h (n, T, H) that the first digit (n,) explains, summed over the units: (T,)."""
    h = h.double() - h.double().mean(dim=0)
    between = torch.zeros(h.shape[1:], dtype=h.dtype)
    for digit in range(NUM_DIGITS):
        of_digit = h[first == digit]
        between += len(of_digit) * of_digit.mean(dim=0) ** 2 if len(of_digit) else 0
    return between.sum(dim=1) / (h**2).sum(dim=(0, 2)).clamp_min(1e-300)


def kind(config):
    """What tells networks apart in a figure's legend, whatever their learning rate: of several, the grid's first."""
    return f"{config.model_type} {network_label(vars(config)).split(', rate')[0]}"


def parser():
    p = cli.Parser(prog="traces.py", description="Hidden units, what they know of the first digit, singular values.")
    p.add_argument("--summary_path", default="./summaries/sweep", help="where sweep.py left the runs")
    p.add_argument("--trained_length", type=cli.positive_int, default=100, metavar="T", help="T of the training")
    p.add_argument("--test_size", type=cli.whole(2), default=1000, help="held-out palindromes to look at")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--to", default=RESULTS / "traces.json", help="the results")
    return p


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    refuse_measured(config.to, RESULTS / "traces.json", given & {"trained_length", "test_size"})
    refuse_another_file(config.to, "--to")
    cli.set_threads(config)
    digits, _ = PalindromeDataset(config.trained_length + 1).test_set(config.test_size)
    networks = {}
    for folder in trained_runs(config.summary_path, config.trained_length):
        after, trained, result = load_trained(folder)
        if result["solved_at"] is None or kind(trained) in networks:
            continue
        before = train.build_model(trained)
        networks[kind(trained)] = {
            "run": folder.name,
            "before": look(before, digits, trained.input_dim),
            "after": look(after, digits, trained.input_dim),
            "trained": result["date"],
        }
        print(f"{kind(trained)}: of h({config.trained_length}), the first digit explains", end=" ")
        print(
            " before and ".join(f"{networks[kind(trained)][when]['explained'][-1]:.3f}" for when in ("before", "after"))
        )
    if not networks:
        raise UserError(
            f"no network in {config.summary_path} has solved T = {config.trained_length};"
            f" train some: python part1/sweep.py --input_length {config.trained_length} --init latch --input_dim 10"
        )
    about = {"digits": digits[0].int().tolist(), "test_size": len(digits), "versions": versions(), "date": today()}
    with replacing(Path(config.to)) as f:
        json.dump({**about, "networks": networks}, f)  # on one line: nobody reads so many numbers
    print(f"see {config.to}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
