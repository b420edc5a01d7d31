# SPDX-License-Identifier: MIT
"""What each choice of numpy_rnn.py is worth: one epoch with each in turn, everything else at its default; and what six
epochs make of the defaults.

python part3/numpy_ablations.py --txt_file assets/grimm.txt --to ablations.json
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common import cli
from common.files import refuse_another_file, write_json
from common.run import read_json
from common.training import NotFinite
from part3 import numpy_check, numpy_rnn

# Each row: the flags that it changes. RMSprop and SGD stand at the rates that served them best of a few tried.
ROWS = [
    {},
    {"epochs": 6},
    {"initial_accumulator_value": 0.0},
    {"initial_accumulator_value": 0.0, "learning_rate": 0.05},
    {"optimizer": "rmsprop", "learning_rate": 3e-3},
    {"optimizer": "rmsprop", "learning_rate": 1e-3},
    {"optimizer": "sgd", "learning_rate": 3e-3},
    {"optimizer": "sgd", "learning_rate": 1e-3},
    {"l2": 1e-4},
    {"l2": 1e-3},
    {"l2": 1e-2},
    {"l2": 1e-1},
    {"clip": 0.0},
    {"initial_accumulator_value": 0.0, "clip": 0.0},
    {"optimizer": "rmsprop", "learning_rate": 3e-3, "clip": 0.0},
    {"optimizer": "sgd", "learning_rate": 3e-3, "clip": 0.0},
]
SETTINGS = ["epochs", "optimizer", "learning_rate", "initial_accumulator_value", "l2", "clip"]
MEASURED = ["smooth_loss", "lowest_smooth_loss", "train_bpc", "validation_bpc", "test_bpc", "seconds"]


def ablate(config, changes):
    """One run; its settings and what it reached, or `failed` with the reason.

    Raises:
        KeyboardInterrupt: a signal stopped the run.
    """
    argv = [f"--{name}={value}" for name, value in {**config, **changes}.items() if value is not None]
    settings, _ = numpy_rnn.parser().parse_with_given(argv)
    row = {name: getattr(settings, name) for name in SETTINGS}
    if settings.optimizer != "adagrad":
        row["initial_accumulator_value"] = None
    del settings.resume, settings.check
    try:
        folder, status = numpy_rnn.train(settings)
    except NotFinite as error:
        return {**row, "failed": str(error)}
    if status:
        raise KeyboardInterrupt
    result = read_json(folder / "result.json")
    return {**row, **{name: result[name] for name in MEASURED}}


def table(rows):
    """The rows in columns, as one string."""
    head = f"{'epochs':<8}{'optimizer':<10}{'rate':>7}{'memory':>8}{'λ':>8}{'clip':>6}"
    lines = [f"{head}{'smooth':>9}{'val bpc':>9}{'test bpc':>9}"]
    for row in rows:
        memory = row["initial_accumulator_value"]
        line = f"{row['epochs']:<8}{row['optimizer']:<10}{row['learning_rate']:>7g}"
        line += f"{'-' if memory is None else format(memory, 'g'):>8}"
        line += f"{row['l2']:>8g}{format(row['clip'], 'g') if row['clip'] else 'none':>6}"
        if "failed" in row:
            line += f"  {row['failed'].split(';')[0]}"
        else:
            line += f"{row['smooth_loss']:>9.4f}{row['validation_bpc'] or 0:>9.4f}{row['test_bpc'] or 0:>9.4f}"
        lines.append(line)
    return "\n".join(lines)


def parser():
    p = cli.Parser(prog="numpy_ablations.py", description="One epoch of numpy_rnn.py for each of its choices.")
    p.add_argument("--txt_file", metavar="FILE", required=True, help="the book: any text file")
    p.add_argument("--to", metavar="FILE", required=True, help="the JSON file to write")
    p.add_argument("--epochs", type=cli.positive_int, default=1, help="of each run")
    p.add_argument("--max_updates", type=cli.positive_int, help="of each run, short of the epochs")
    p.add_argument("--num_hidden", type=cli.positive_int, default=100, help="m, hidden units")
    p.add_argument("--seed", type=cli.natural, default=42, help="of the weights and samples")
    p.add_argument("--summary_path", default="./summaries/", help="each run makes a folder of its own below")
    return p


def main(argv=None):
    config = vars(parser().parse_args(argv))
    to = config.pop("to")
    refuse_another_file(to, "--to")
    kept = {**config, "txt_file": Path(config["txt_file"]).name}  # not where it lay
    del kept["summary_path"]
    rows, errors = [], numpy_check.errors(0.0)
    for changes in ROWS:
        rows.append(ablate(config, changes))
        write_json(to, {"rows": rows, "config": kept, "gradient_errors": errors})  # after each: what is done is kept
    print("\n" + table(rows))
    return 0


if __name__ == "__main__":
    cli.run_main(main)
