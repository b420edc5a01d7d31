# SPDX-License-Identifier: MIT
"""The flags of train.py, those that part 2 shares, and the name of a run that follows from them."""

from common import cli
from common.cli import UserError
from common.training import OPTIMIZERS
from part1.dataset import NUM_DIGITS
from part1.init import LSTM_INIT, RNN_INIT
from part1.manual_backward import BACKWARD
from part1.vanilla_rnn import refuse_latched_scalars


def parser():
    p = cli.Parser(prog="train.py", description="Train an RNN or an LSTM to say the last digit of a palindrome.")
    g = p.add_argument_group("cell")
    g.add_argument("--model_type", choices=("RNN", "LSTM"), default="RNN", help="the cell")
    g.add_argument(
        "--backward", choices=BACKWARD, default="manual", help="manual: written by hand, same gradients, faster"
    )
    add_flags(p, inits=sorted({*RNN_INIT, *LSTM_INIT}))
    return p


def add_flags(p, inits):
    """The flags that part 1 and part 2 have in common."""
    g = p.add_argument_group("model")
    g.add_argument(
        "--input_length",
        type=cli.positive_int,
        nargs="+",
        default=[10],
        metavar="T",
        help="digits read; the palindrome has one more. Several lengths are trained one after another",
    )
    g.add_argument("--input_dim", type=int, choices=(1, NUM_DIGITS), default=1, help="digits as scalars or one-hot")
    g.add_argument("--num_classes", type=cli.whole(NUM_DIGITS), default=NUM_DIGITS, help="K, classes to choose from")
    g.add_argument("--num_hidden", type=cli.positive_int, default=128, help="H, hidden units")
    g.add_argument(
        "--init",
        choices=inits,
        help="initial weights; the default is orthogonal for the RNN, chrono for an LSTM",
    )
    g = p.add_argument_group("training")
    g.add_argument("--batch_size", type=cli.positive_int, default=128, help="palindromes an update")
    g.add_argument("--learning_rate", type=cli.positive, default=0.001, help="of the optimizer")
    g.add_argument("--train_steps", type=cli.positive_int, default=10_000, help="updates at most")
    g.add_argument("--max_norm", type=cli.positive, default=10.0, help="the gradient is clipped to this length")
    g.add_argument("--optimizer", choices=OPTIMIZERS, default="rmsprop", help="momentum is SGD with momentum .9")
    g.add_argument("--seed", type=cli.natural, default=42, help="of the weights and the palindromes")
    g.add_argument(
        "--curriculum",
        type=cli.real(1, 1000),
        metavar="FACTOR",
        help="start with short palindromes; T grows by this factor whenever ten batches in a row reach .98",
    )
    g.add_argument(
        "--reservoir", action="store_true", help="train the read-out W_ph, b_p alone: what the initialisation holds"
    )
    g.add_argument("--max_minutes", type=cli.positive, metavar="M", help="end after this time of training")
    g.add_argument("--no_early_stop", action="store_true", help="train on after the length is solved")
    g.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    g.add_argument("--threads", type=cli.threads, default=1, help="of the CPU; see the README on more than one")
    g = p.add_argument_group("output")
    g.add_argument("--summary_path", default="./summaries/", help="each run makes a folder of its own below")
    g.add_argument("--print_every", type=cli.positive_int, default=10, help="updates between log lines")
    g.add_argument("--eval_every", type=cli.positive_int, default=100, help="updates between evaluations")
    g.add_argument("--resume", metavar="PATH", help="go on with the run of this folder or checkpoint")


def complete(config):
    """Fill in the initialisation that belongs to the model, and refuse what does not fit together.

    Raises:
        UserError: an initialisation of the other model, or latch with digits as scalars.
    """
    del config.resume
    if config.init is None:
        config.init = "orthogonal" if config.model_type == "RNN" else "chrono"
    known = RNN_INIT if config.model_type == "RNN" else LSTM_INIT
    if config.init not in known:
        raise UserError(f"--init {config.init} is not for the {config.model_type}; it has {', '.join(known)}")
    try:
        refuse_latched_scalars(config.init, config.input_dim)
    except ValueError as error:
        raise UserError(str(error)) from None


def run_name(config):
    """The configuration in short: what one varies always, the rest where it is not the default."""
    name = (
        f"{config.model_type}_T{config.input_length}_D{config.input_dim}_H{config.num_hidden}_{config.init}"
        f"_{config.optimizer}_lr{config.learning_rate:g}_seed{config.seed}"
    )
    defaults = parser()
    for flag, short in {"batch_size": "B", "max_norm": "norm", "curriculum": "curriculum"}.items():
        if getattr(config, flag) != defaults.get_default(flag):
            name += f"_{short}{getattr(config, flag):g}"
    return name + "_reservoir" * config.reservoir
