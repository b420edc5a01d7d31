# SPDX-License-Identifier: MIT
"""The flags of train_text.py, and the name of a run that follows from them."""

from pathlib import Path

from common import cli


def parser():
    p = cli.Parser(prog="train_text.py", description="Train a stacked LSTM to predict the next character of a text.")
    g = p.add_argument_group("text")
    g.add_argument("--txt_file", metavar="FILE", help="the book: any text file")
    g.add_argument("--seq_length", type=cli.positive_int, default=30, help="T, characters of a window")
    g.add_argument("--val_fraction", type=cli.fraction, default=0.05, help="held out for validation")
    g.add_argument("--test_fraction", type=cli.fraction, default=0.05, help="held out for the test, the text's end")
    g.add_argument(
        "--strip_gutenberg", action="store_true", default=True, help="leave out Project Gutenberg's header and licence"
    )
    g.add_argument("--no_strip_gutenberg", dest="strip_gutenberg", action="store_false", help="train on them too")
    g = p.add_argument_group("model")
    g.add_argument("--lstm_num_hidden", type=cli.positive_int, default=128, help="H, hidden units of a layer")
    g.add_argument("--lstm_num_layers", type=cli.positive_int, default=2, help="L, layers")
    g = p.add_argument_group("training")
    g.add_argument("--batch_size", type=cli.positive_int, default=64, help="B, windows an update")
    g.add_argument("--learning_rate", type=cli.positive, default=2e-3, help="of RMSprop")
    g.add_argument("--learning_rate_decay", type=cli.probability, default=0.96, help="factor on the learning rate")
    g.add_argument("--learning_rate_step", type=cli.positive_int, default=5000, help="updates between two decays")
    g.add_argument("--dropout_keep_prob", type=cli.probability, default=1.0, help="probability to keep a unit")
    g.add_argument("--train_steps", type=cli.positive_int, default=1_000_000, help="updates")
    g.add_argument("--max_norm", type=cli.positive, default=5.0, help="the gradient is clipped to this length")
    g.add_argument("--seed", type=cli.natural, default=42, help="of the weights, windows and samples")
    g.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    g.add_argument("--threads", type=cli.positive_int, default=1, help="of the CPU; see the README on more than one")
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


def run_name(config):
    return (
        f"{Path(config.txt_file).stem[:40]}_T{config.seq_length}_{config.lstm_num_layers}x{config.lstm_num_hidden}"
        f"_lr{config.learning_rate:g}_keep{config.dropout_keep_prob:g}_seed{config.seed}"
    )
