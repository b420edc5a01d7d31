# SPDX-License-Identifier: MIT
"""Transfer in length: networks trained at T = 100, tested from T = 50 to 10,000 without further training.

python part1/sweep.py --grid reach --workers 2
python part1/transfer.py

It reads the cells of the grid `reach` with T = 100 that have finished, and writes one row a network and length. Rows of
networks and lengths that are not tested now stay as they are.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from argparse import Namespace

from tqdm import tqdm

from common import cli, workers
from common.cells import refuse_another_table, refuse_measured, write_cells
from common.checkpoint import load_checkpoint
from common.cli import UserError
from common.machine import today, versions
from part1 import train
from part1.dataset import PalindromeDataset
from part1.evaluation import share_right
from part1.grids import GRIDS, LONG
from part1.sweep import MAX_MINUTES, RESULTS, cells

NETWORK = ("model_type", "init", "curriculum", "optimizer", "learning_rate", "seed", "input_length")  # as trained
COLUMNS = [*NETWORK, "test_length", "test_size", "solved_at", "trained", "accuracy", "torch", "date"]


def trained_runs(summary_path, length):
    """The folders of the grid's finished cells of that T.

    Raises:
        UserError: there is none.
    """
    names = [name for name, config in cells(GRIDS["reach"], MAX_MINUTES).items() if config.input_length == length]
    folders = [Path(summary_path) / name for name in names]
    finished = [folder for folder in folders if workers.finished(folder)]
    if not finished:
        raise UserError(
            f"no finished run of T = {length} in {summary_path}, of the lengths of the grid `reach`; train them:"
            " python part1/sweep.py --grid reach"
        )
    return finished


def load_trained(folder):
    """A finished run's model with its last weights, its configuration and its result.

    Raises:
        UserError: the checkpoint cannot be read.
    """
    try:
        checkpoint = load_checkpoint(folder / "checkpoint.pt", "part1")
    except UserError as error:
        raise UserError(f"{error}, or remove {folder}, and part1/sweep.py trains that cell anew") from None
    config = Namespace(**{**checkpoint["config"], "device": "cpu"})
    model = train.build_model(config)
    model.load_state_dict(checkpoint["model"])
    return model, config, workers.result_of(folder)


def parser():
    p = cli.Parser(prog="transfer.py", description="Test trained networks at other lengths than their own.")
    p.add_argument("--summary_path", default="./summaries/sweep", help="where sweep.py left the runs")
    p.add_argument("--trained_length", type=cli.positive_int, default=100, metavar="T", help="T of the training")
    p.add_argument("--input_length", type=cli.positive_int, nargs="+", default=LONG, metavar="T", help="T of the tests")
    p.add_argument("--test_size", type=cli.positive_int, default=1000, help="held-out palindromes a length")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--to", default=RESULTS / "transfer.csv", help="the table")
    return p


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    refuse_measured(config.to, RESULTS / "transfer.csv", given & {"trained_length", "input_length", "test_size"})
    cli.set_threads(config)
    table = Path(config.to)
    refuse_another_table(table, COLUMNS)
    table.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is found before anything is tested
    folders = trained_runs(config.summary_path, config.trained_length)
    rows = {}  # of networks and lengths, written after each length
    bar = tqdm(total=len(folders) * len(config.input_length), unit="test", disable=None)
    with bar:
        for length in config.input_length:
            digits, y = PalindromeDataset(length + 1).test_set(config.test_size)
            for folder in folders:
                model, trained, result = load_trained(folder)
                accuracy = share_right(model, digits, y, trained)
                key = (*(getattr(trained, name) for name in NETWORK), length, len(y))
                rows[key] = [[*key, result["solved_at"], result["date"], accuracy, versions()["torch"], today()]]
                tqdm.write(f"{folder.name} at T = {length}: {accuracy:.4f}")
                bar.update()
            write_cells(table, COLUMNS, rows)
    print(f"{len(rows)} tests in {table}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
