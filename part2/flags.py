# SPDX-License-Identifier: MIT
"""The flags of part 2's train.py, which depend on the task, and the names of runs that follow from them.

Palindromes are trained by part 1's loop and have its flags; the timed tasks have a loop of their own, and theirs.
"""

import argparse

from common import cli
from common.checkpoint import load_checkpoint
from common.training import OPTIMIZERS
from part1.flags import add_flags
from part1.init import LSTM_INIT
from part1.manual_backward import BACKWARD
from part2.dataset import SAMPLING
from part2.gated_lstm import VARIANTS

TASKS = ("palindrome", "frequency", "adding")
LEAK = 0.001  # of the Phased LSTM, in training
RHYTHM = ("tau", "s", "r_on")
GATE_FLAGS = ("log_tau", "s", "r_on", "learn", "leak", "variant")
# What the timed tasks start from. The openings of adding are longer, 5 to 110 steps, and its forget biases larger: what
# is kept over hundreds of steps must live through all openings in between.
START = {
    "frequency": dict(log_tau=[1.0, 3.0], r_on=0.05, init="forget1", learning_rate=0.001),
    "adding": dict(log_tau=[4.0, 7.0], r_on=0.1, init="chrono", learning_rate=0.003),
}


class InOrder(argparse.Action):
    """The values in the order of the choices, each once: --learn s tau is --learn tau s."""

    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, [choice for choice in self.choices if choice in values])


def task_of(argv):
    """The task of a command line: what --task says, or the run that --resume goes on with; palindrome otherwise."""
    p = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    p.add_argument("--task")
    p.add_argument("--resume")
    try:
        given, _ = p.parse_known_args(argv)
    except argparse.ArgumentError:  # which the parser of the task, any task, then says in full
        return "palindrome"
    if given.resume is not None and given.task is None:
        return load_checkpoint(given.resume, "part2")["config"].get("task", "palindrome")
    return given.task if given.task in TASKS else "palindrome"


def parser(task="palindrome"):
    """The parser for one task; it knows which flags belong to another."""
    p = parser_of(task)
    for other in TASKS:
        if other != task:
            belongs = dict.fromkeys(parser_of(other).flags() - p.flags(), f"it belongs to --task {other}")
            p.elsewhere = belongs | p.elsewhere
    return p


def parser_of(task):
    p = cli.Parser(prog="train.py", description=f"Train the LSTM with the time gate. These are the flags for {task}.")
    p.add_argument("--task", choices=TASKS, default=task, help="what is learned; each has --help of its own")
    if task == "palindrome":
        add_palindrome_flags(p)
    else:
        add_timed_flags(p, task)
    return p


def add_palindrome_flags(p):
    g = p.add_argument_group("time gate (times are t = 1 ... T)")
    g.add_argument(
        "--tau",
        type=cli.positive,
        nargs="+",
        metavar="τ",
        help="the period: one value, or two between which each unit's is drawn; by default 2 and 2T",
    )
    add_gate_flags(g, learn=[], variant="assignment", r_on=1.0)
    add_flags(p, inits=sorted(LSTM_INIT))


def add_gate_flags(g, learn, variant, r_on=None):
    """What every task has of the gate, with the task's defaults."""
    shift = cli.real(-1e9, 1e9)
    g.add_argument("--s", type=shift, metavar="s", help="the shift; by default drawn from 0 ... τ for each unit")
    g.add_argument(
        "--r_on", type=cli.probability, default=r_on, help="the share of the period in which the gate is open"
    )
    g.add_argument("--learn", nargs="*", choices=RHYTHM, action=InOrder, default=learn, help="what the optimizer moves")
    by_variant = f"by default {LEAK} for phased and 0 for assignment"
    g.add_argument("--leak", type=cli.fraction, help=f"α, the leak of the closed phase in training; {by_variant}")
    g.add_argument("--variant", choices=VARIANTS, default=variant, help="h̃ from the gated c, or from the proposal")
    g.add_argument(
        "--backward", choices=BACKWARD, default="manual", help="manual: written by hand, same gradients, faster"
    )


def add_timed_flags(p, task):
    if task == "frequency":
        p.add_argument("--sampling", choices=SAMPLING, default="standard", help="one sample a unit, ten, or at random")
    else:
        p.add_argument("--input_length", type=cli.whole(10), default=500, metavar="T", help="steps, to within 2 %%")
    g = p.add_argument_group("model")
    g.add_argument(
        "--model_type", choices=("LSTM", "GatedLSTM"), default="GatedLSTM", help="to the LSTM time is one more input"
    )
    g.add_argument("--num_hidden", type=cli.positive_int, default=110, help="H, hidden units")
    g.add_argument("--init", choices=sorted(set(LSTM_INIT) - {"latch"}), help="initial weights")
    g = p.add_argument_group("time gate of the GatedLSTM (times in the unit of the data)")
    g.add_argument(
        "--log_tau",
        type=cli.real(-13, 20),
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="ln τ is drawn between them for each unit",
    )
    add_gate_flags(g, learn=list(RHYTHM), variant="phased")
    g = p.add_argument_group("training")
    g.add_argument("--batch_size", type=cli.positive_int, default=32, help="sequences an update")
    g.add_argument("--learning_rate", type=cli.positive, help="of the optimizer")
    g.add_argument("--train_steps", type=cli.positive_int, default=10_938, help="updates at most: 70 × 5,000 sequences")
    g.add_argument("--max_norm", type=cli.positive, default=10.0, help="the gradient is clipped to this length")
    g.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="momentum is SGD with momentum .9")
    g.add_argument("--seed", type=cli.natural, default=42, help="of the weights, the rhythms and the sequences")
    reached = "accuracy at or above" if task == "frequency" else "mean squared error at or below"
    kind = cli.probability if task == "frequency" else cli.positive
    g.add_argument("--target", type=kind, metavar="X", help=f"end after three evaluations in a row with {reached} this")
    g.add_argument("--max_minutes", type=cli.positive, metavar="M", help="end after this time of training")
    g.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    g.add_argument("--threads", type=cli.threads, default=1, help="of the CPU; see the README on more than one")
    g = p.add_argument_group("output")
    g.add_argument("--summary_path", default="./summaries/", help="each run makes a folder of its own below")
    g.add_argument("--print_every", type=cli.positive_int, default=50, help="updates between log lines")
    g.add_argument(
        "--eval_every", type=cli.positive_int, default=156, help="updates between evaluations; 5,000 sequences"
    )
    g.add_argument("--resume", metavar="PATH", help="go on with the run of this folder or checkpoint")
    p.set_defaults(**START[task])


def complete(config, given=frozenset()):
    """Fill in the leak that belongs to the variant, and refuse what does not fit together.

    Args:
        given: the flags that stand on the command line.

    Raises:
        UserError: a flag of the gate for the LSTM, an odd batch of frequencies, or the bounds of --log_tau in the wrong
            order.
    """
    del config.resume
    if config.model_type == "LSTM" and (of_gate := given & set(GATE_FLAGS)):
        raise cli.UserError(f"the LSTM has no gate for --{min(of_gate)}; leave it out")
    if config.task == "frequency" and config.batch_size % 2:
        raise cli.UserError("--batch_size must be even: half of a batch has periods of class 1")
    config.leak = leak_of(config)
    if config.log_tau[0] > config.log_tau[1]:
        raise cli.UserError("--log_tau takes the lower bound first")


def leak_of(config):
    """The leak that is given, or the variant's own."""
    if config.leak is not None:
        return config.leak
    return LEAK if config.variant == "phased" else 0.0


def palindrome_label(config):
    """The cell, its variant, and what of its gate is not the default."""
    return f"GatedLSTM-{config.variant}" + changed(config, defaults_of(config), ("tau", "s", "r_on", "leak", "learn"))


def defaults_of(config):
    """The task's parser; its --leak defaults to the variant's own."""
    defaults = parser(config.task)
    defaults.set_defaults(leak=LEAK if config.variant == "phased" else 0.0)
    return defaults


def timed_name(config):
    """The configuration of a timed run in short: what one varies always, the rest where it is not the default."""
    setting = config.sampling if config.task == "frequency" else f"T{config.input_length}"
    defaults, gated = defaults_of(config), config.model_type == "GatedLSTM"
    name = f"{config.task}-{setting}_{config.model_type}" + f"-{config.variant}" * gated
    if gated:
        name += changed(config, defaults, ("log_tau", "s", "r_on", "leak", "learn"))
    name += f"_{config.init}_H{config.num_hidden}"
    name += changed(config, defaults, ("learning_rate", "optimizer", "batch_size", "max_norm"))
    return f"{name}_seed{config.seed}"


def changed(config, defaults, flags):
    """Those flags whose value is not the default, with their values."""
    name = ""
    for flag in flags:
        value = getattr(config, flag)
        if value != defaults.get_default(flag):
            name += "-" + "-".join([flag, *map(str, value if isinstance(value, list) else [value])])
    return name
