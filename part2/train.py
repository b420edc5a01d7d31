# SPDX-License-Identifier: MIT
"""Train the LSTM with the time gate: questions 2.2 and 2.3.

On palindromes, which part 1 has measured, with part 1's loop; or on the timed tasks for which such gates were made,
beside the LSTM, with the loop of part2/train_timed.py.

python part2/train.py --task palindrome --input_length 10
python part2/train.py --task palindrome --input_length 20 --tau 2 40 --r_on 0.5 --learn tau s --variant phased
python part2/train.py --task frequency --sampling async
python part2/train.py --task frequency --sampling async --model_type LSTM --init chrono
python part2/train.py --task adding --input_length 200 --max_minutes 10
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common import cli
from common.cli import UserError
from part1.train import start
from part2 import train_timed
from part2.flags import leak_of, palindrome_label, parser, task_of
from part2.gated_lstm import GatedLSTM
from part2.time_gate import random_gate


def build_model(config):
    """The gated LSTM for palindromes, with its initial weights and rhythms."""
    tau_low, tau_high = (2, 2 * config.input_length) if config.tau is None else (config.tau[0], config.tau[-1])
    rhythm = (tau_low, tau_high, config.s, config.r_on, config.learn, config.leak, config.seed)
    try:
        gate = random_gate(config.num_hidden, *rhythm)
    except ValueError as error:
        raise UserError(f"{error}; see --tau, --s and --r_on") from None
    sizes = (config.input_length, config.input_dim, config.num_hidden, config.num_classes, config.batch_size)
    return GatedLSTM(*sizes, config.device, config.init, config.seed, gate, config.variant, config.backward)


def main(argv=None):
    task = task_of(argv)
    config, given = parser(task).parse_with_given(argv)
    if task != "palindrome":
        return train_timed.start(config, given)
    if config.tau is not None and (len(config.tau) > 2 or config.tau[0] > config.tau[-1]):
        raise UserError("--tau takes one period, or two between which to draw, the lower one first")
    if config.reservoir and config.learn:
        raise UserError("under --reservoir nothing but the read-out is learned; leave out --learn")
    config.leak = leak_of(config)
    config.model_type = palindrome_label(config)
    return start(config, given, build_model, "part2")


if __name__ == "__main__":
    cli.run_main(main)
