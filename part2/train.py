# SPDX-License-Identifier: MIT
"""Train the LSTM with the time gate: question 2.2 and 2.3 on a task that part 1 has measured.

python part2/train.py --task palindrome --input_length 10
python part2/train.py --task palindrome --input_length 20 --tau 2 40 --r_on 0.5 --learn tau s --variant phased
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common import cli
from common.cli import UserError
from part1.flags import add_flags
from part1.init import LSTM_INIT
from part1.train import start
from part2.gated_lstm import VARIANTS, GatedLSTM
from part2.time_gate import random_gate


def build_model(config):
    """The gated LSTM of a configuration, with its initial weights and rhythms."""
    tau_low, tau_high = (2, 2 * config.input_length) if config.tau is None else (config.tau[0], config.tau[-1])
    rhythm = (tau_low, tau_high, config.s, config.r_on, config.learn, config.leak, config.seed)
    try:
        gate = random_gate(config.num_hidden, *rhythm)
    except ValueError as error:
        raise UserError(f"{error}; see --tau, --s and --r_on") from None
    sizes = (config.input_length, config.input_dim, config.num_hidden, config.num_classes, config.batch_size)
    return GatedLSTM(*sizes, config.device, config.init, config.seed, gate, config.variant)


def parser():
    p = cli.Parser(prog="train.py", description="Train the LSTM with the time gate.")
    p.add_argument("--task", choices=["palindrome"], default="palindrome", help="what is learned")
    g = p.add_argument_group("time gate (times are t = 1 ... T)")
    g.add_argument(
        "--tau",
        type=cli.positive,
        nargs="+",
        metavar="τ",
        help="the period: one value, or two between which each unit's is drawn; by default 2 and 2T",
    )
    g.add_argument("--s", type=cli.real(), metavar="s", help="the shift; by default drawn from 0 ... τ for each unit")
    g.add_argument(
        "--r_on", type=cli.probability, default=1.0, help="the share of the period in which the gate is open"
    )
    g.add_argument("--learn", nargs="*", choices=["tau", "s", "r_on"], default=[], help="what the optimizer moves")
    g.add_argument("--leak", type=cli.fraction, default=0.0, help="α, the leak of the closed phase in training")
    g.add_argument("--variant", choices=VARIANTS, default="assignment", help="h̃ from the gated c, or from the proposal")
    add_flags(p, inits=sorted(LSTM_INIT))
    return p


def label(config):
    """The cell, its variant, and what of its gate is not the default."""
    name, defaults = f"GatedLSTM-{config.variant}", parser()
    for flag in ("tau", "s", "r_on", "leak", "learn"):
        value = getattr(config, flag)
        if value != defaults.get_default(flag):
            name += "-" + "-".join([flag, *map(str, value if isinstance(value, list) else [value])])
    return name


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    if config.tau is not None and (len(config.tau) > 2 or config.tau[0] > config.tau[-1]):
        raise UserError("--tau takes one period, or two between which to draw, the lower one first")
    config.model_type = label(config)
    return start(config, given, build_model, "part2")


if __name__ == "__main__":
    cli.run_main(main)
