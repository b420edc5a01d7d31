# SPDX-License-Identifier: MIT
"""The flags of train_text.py, what does not go together, and the name of a run that follows from them."""

import argparse
from pathlib import Path

from common import cli
from common.cli import UserError


def parser():
    p = cli.Parser(prog="train_text.py", description="Train a stacked LSTM to predict the next character of a text.")
    g = p.add_argument_group("text")
    g.add_argument("--txt_file", metavar="FILE", help="the book: any text file")
    g.add_argument("--seq_length", type=cli.positive_int, default=30, help="T, characters of a window")
    g.add_argument("--val_fraction", type=cli.fraction, default=0.05, help="held out for validation")
    g.add_argument("--test_fraction", type=cli.fraction, default=0.05, help="held out for the test, the text's end")
    g.add_argument(
        "--no_strip_gutenberg",
        dest="strip_gutenberg",
        action="store_false",
        help="train on Project Gutenberg's header and licence too",
    )
    g.add_argument(
        "--batching",
        choices=("random", "stream"),
        default="random",
        help="random windows from a zero state, or windows in the text's order with the state carried on",
    )
    g = p.add_argument_group("model")
    g.add_argument("--lstm_num_hidden", type=cli.positive_int, default=128, help="H, hidden units of a layer")
    g.add_argument("--lstm_num_layers", type=cli.positive_int, default=2, help="L, layers")
    g.add_argument("--embedding", type=cli.natural, default=0, help="E, size of a character's vector; 0 is one-hot")
    g.add_argument(
        "--dropout_keep_prob",
        type=cli.probability,
        default=1.0,
        help="probability to keep a unit between the layers and before the output, the same for a whole window",
    )
    g.add_argument(
        "--input_keep_prob", type=cli.probability, default=1.0, help="likewise for the features of the input"
    )
    g.add_argument(
        "--recurrent_keep_prob", type=cli.probability, default=1.0, help="likewise for each entry of each W_hh"
    )
    g = p.add_argument_group("training")
    g.add_argument("--batch_size", type=cli.positive_int, default=64, help="B, windows an update")
    g.add_argument("--optimizer", choices=("rmsprop", "adam", "adamw"), default="rmsprop", help="takes the steps")
    g.add_argument("--learning_rate", type=cli.positive, default=2e-3, help="of the optimizer")
    g.add_argument(
        "--weight_decay",
        type=cli.real(0),
        default=0.0,
        help="adamw shrinks the weights by this times the learning rate; the others add it times them to the gradient",
    )
    g.add_argument(
        "--schedule",
        choices=("step", "cosine"),
        default="step",
        help="cosine falls to 2 %% of the rate at the last update",
    )
    g.add_argument("--learning_rate_decay", type=cli.probability, default=0.96, help="factor on the learning rate")
    g.add_argument("--learning_rate_step", type=cli.positive_int, default=5000, help="updates between two decays")
    g.add_argument("--train_steps", type=cli.positive_int, default=1_000_000, help="updates")
    g.add_argument("--max_minutes", type=cli.positive, metavar="M", help="end after this time of training")
    g.add_argument(
        "--patience", type=cli.positive_int, metavar="N", help="end after N validations in a row without a new best"
    )
    g.add_argument("--max_norm", type=cli.positive, default=5.0, help="the gradient is clipped to this length")
    g.add_argument("--seed", type=cli.natural, default=42, help="of the weights, windows, dropout and samples")
    g.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    g.add_argument("--threads", type=cli.threads, default=1, help="of the CPU; see the README on more than one")
    g = p.add_argument_group("output")
    g.add_argument("--summary_path", default="./summaries/", help="each run makes a folder of its own below")
    g.add_argument("--print_every", type=cli.positive_int, default=5, help="updates between log lines")
    g.add_argument("--sample_every", type=cli.positive_int, default=100, help="updates between samples")
    g.add_argument("--sample_length", type=cli.positive_int, default=30, help="characters of a sample")
    g.add_argument(
        "--temperature",
        type=cli.real(0),
        nargs="+",
        default=[0.0, 0.5, 1.0, 2.0],
        help="of the samples: the logits are divided by it; 0 is greedy",
    )
    g.add_argument("--eval_every", type=cli.positive_int, default=1000, help="updates between validations")
    g.add_argument("--checkpoint_every", type=cli.positive_int, default=1000, help="updates between checkpoints")
    g.add_argument("--resume", metavar="PATH", help="go on with the run of this folder or checkpoint")
    return p


def with_defaults(config):
    """The configuration of a checkpoint, which names a device, with the defaults of flags that are younger than it."""
    return argparse.Namespace(**{**vars(parser().parse_args(["--device", "cpu"])), **vars(config)})


def refuse_contradictions(config, given):
    """Flags that would have no effect beside others are an error, not a surprise.

    Args:
        config: the configuration. given: the flags that stand on the command line.

    Raises:
        UserError: two of them do not go together.
    """
    idle = sorted({"learning_rate_decay", "learning_rate_step"} & given)
    if config.schedule == "cosine" and idle:
        raise UserError(f"--{idle[0]} belongs to --schedule step; leave it out, or leave out --schedule cosine")
    if config.patience is not None and config.val_fraction == 0:
        raise UserError("--patience needs a validation part to watch; give --val_fraction, or leave out --patience")


def refuse_another_end(config, checkpoint):
    """A cosine bends towards the last update from the first on, so a run that resumes keeps its end.

    Raises:
        UserError: --train_steps differs from the saved one.
    """
    saved = checkpoint["config"].get("train_steps")
    if config.schedule == "cosine" and config.train_steps != saved:
        raise UserError(
            f"with --schedule cosine a run goes to the {saved} updates it was made for; leave out --train_steps"
        )


def run_name(config):
    """The configuration in short: what one varies always, the rest where it is not the default."""
    name = (
        f"{Path(config.txt_file).stem[:40]}_T{config.seq_length}_{config.lstm_num_layers}x{config.lstm_num_hidden}"
        f"_lr{config.learning_rate:g}_keep{config.dropout_keep_prob:g}_seed{config.seed}"
    )
    defaults = parser()
    for flag, short in {
        "batching": "", "optimizer": "", "schedule": "", "batch_size": "B", "embedding": "E",
        "input_keep_prob": "input", "recurrent_keep_prob": "recurrent", "weight_decay": "decay",
    }.items():  # fmt: skip
        if getattr(config, flag) != defaults.get_default(flag):
            name += f"_{short}{getattr(config, flag)}"
    return name
