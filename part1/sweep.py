# SPDX-License-Identifier: MIT
"""Many runs of train.py: every combination of the values given; what is finished is not run again.

    python part1/sweep.py --grid tiny
    python part1/sweep.py --grid lengths --workers 2
    python part1/sweep.py --model_type RNN LSTM --input_length 5 10 20 --seed 42 43 44 --dry_run

Each cell of the grid is one run folder below --summary_path, named by its configuration, with its own log.txt and
result.json. A cell that was stopped halfway goes on from its checkpoint; one that failed is reported and tried again by
the next call; one whose loss is no longer finite has that as its result. Calls with --task_id 0 ... N-1 and --num_tasks
N own disjoint cells, so a job array needs no lock; two other calls on one folder at a time may meet in a cell.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import itertools

from common import cli, workers
from common.cells import refuse_another_table, refuse_measured, write_cells
from common.cli import UserError
from common.run import read_json, read_table
from common.training import NotFinite
from part1 import flags, train
from part1.grids import GRIDS, TRIAL, WITH_CURVES

RESULTS = Path(__file__).resolve().parents[1] / "report" / "results" / "part1"
VARIED = (
    "model_type", "input_length", "init", "input_dim", "num_hidden", "optimizer", "learning_rate", "batch_size",
    "max_norm", "train_steps", "no_early_stop", "curriculum", "reservoir", "seed",
)  # fmt: skip
MEASURED = ("test_accuracy", "best_accuracy", "solved_at", "ended_by", "steps", "test_size", "seconds", "date")
SETTINGS = ("eval_every", "max_minutes", "backward", "threads", "device")  # the same in all cells of a grid
VERSIONS = ("python", "torch", "numpy")
COLUMNS = [*VARIED, *MEASURED, "training_accuracy", *SETTINGS, *VERSIONS, "processor"]
CURVES = [*VARIED, "step", *train.COLUMNS]
MAX_MINUTES = 60.0
LAST = 250  # updates over whose batches the 2017 reports average the training accuracy


def cells(blocks, max_minutes, device="cpu"):
    """The cells of a grid, {name: configuration}: for each block the product of its values over train.py's defaults.

    Raises:
        SystemExit, UserError: a value that train.py refuses.
    """
    found, train_flags = {}, flags.parser()
    train_flags.prog = "sweep.py"  # the name at which an error message points
    for block in blocks:
        for values in itertools.product(*block.values()):
            argv = [word for flag, value in zip(block, values, strict=True) for word in words(flag, value)]
            config = train_flags.parse_args([*argv, "--max_minutes", str(max_minutes), "--device", device])
            config.input_length = config.input_length[0]
            flags.complete(config)
            name = cell_name(config)
            if varied(found.get(name, config)) != varied(config):
                raise UserError(f"two cells would share the folder {name}: their values are too close")
            found[name] = config
    return found


def words(flag, value):
    """A flag and its value as a command line has them: True or "true" is a bare flag; None, False or "none" is none."""
    if value is None or value is False or value in ("none", "false"):
        return []
    return [f"--{flag}"] if value is True or value == "true" else [f"--{flag}", str(value)]


def cell_name(config):
    """The run's name, and the number of updates: at most, or all of them."""
    return f"{flags.run_name(config)}_{'all' * config.no_early_stop}steps{config.train_steps}"


def run_cell(config, folder):
    """Train one cell in its folder, on from its checkpoint where there is one; returns the exit status."""
    with workers.in_folder(folder, "part1", config) as checkpoint:
        try:
            return train.train(config, folder, checkpoint)[1]
        except NotFinite as error:  # as it would be again the next time: what the cell has to tell
            print(error)
            train.finish_broken(config, folder)
            return 0


def outcome(result):
    solved = f"solved at {result['solved_at']}" if result["solved_at"] else f"not solved ({result['ended_by']})"
    return f"{solved}, accuracy {result['test_accuracy']:.4f}, {result['steps']} updates, {result['seconds']:.0f} s"


def write_table(path, folder, grid):
    """One row a cell: what was varied, what was measured, and how: the other settings, the versions."""
    rows = {varied(config): rows_of(folder / name, config) for name, config in grid.items()}
    return write_cells(path, COLUMNS, rows)


def varied(config):
    return tuple(getattr(config, flag) for flag in VARIED)


def rows_of(folder, config):
    """A cell's row, or None where it has not finished.

    Raises:
        UserError: the folder is damaged, or holds another run.
    """
    if not workers.settled(folder, config):
        return None
    try:
        result = read_json(folder / "result.json")
        measured = [result[name] for name in MEASURED] + [training_accuracy(folder, result["steps"])]
        settings = [result["config"].get(name) for name in SETTINGS]
        versions = [result["versions"][name] for name in VERSIONS]
        return [[*varied(config), *measured, *settings, *versions, result.get("processor")]]
    except (OSError, KeyError, ValueError, TypeError):
        raise UserError(f"{folder} is damaged; remove it, and the next call trains that cell anew") from None


def finished_cells(folder, grid):
    return [folder / name for name in grid if workers.finished(folder / name)]


def training_accuracy(folder, steps):
    """The mean over the logged training batches of the last 250 updates. A run that has gone on has later ones."""
    rows = [row for row in read_table(folder / "metrics.csv") if row["accuracy"]]
    batches = [float(row["accuracy"]) for row in rows if steps - LAST < int(row["step"]) <= steps]
    return round(sum(batches) / len(batches), 4) if batches else None


def write_curves(path, folder, grid):
    """metrics.csv of every cell in one file, after the columns that were varied."""
    cells = {varied(config): curve_of(folder / name, config) for name, config in grid.items()}
    write_cells(path, CURVES, cells)


def curve_of(folder, config):
    """The rows of a cell's metrics.csv, or None where it has not finished."""
    if not workers.settled(folder, config):
        return None
    columns, steps = ("step", *train.COLUMNS), workers.result_of(folder)["steps"]
    rows = [row for row in read_table(folder / "metrics.csv") if int(row["step"]) <= steps]
    return [[*varied(config), *(row[name] for name in columns)] for row in rows]


def refuse_table(table, own, config):
    """Raises UserError where a measured table would have the rows of another grid, or of cells with less time."""
    if own and config.max_minutes != MAX_MINUTES:
        refuse_measured(table, own, {"max_minutes"}, "--table")
    if table.resolve().parent == RESULTS and table.resolve() != own:
        raise UserError(f"{table} is not the table of these cells; choose another --table")


def parser():
    p = cli.Parser(prog="sweep.py", description="Run train.py over a grid; what is finished is not run again.")
    p.add_argument("--grid", choices=GRIDS, help="a named grid of grids.py; else give the values yourself:")
    g = p.add_argument_group(
        "cells", "Several values of train.py's flags: none or false leaves a flag out, true is a bare flag."
    )
    for flag in VARIED:
        g.add_argument(f"--{flag}", nargs="+", metavar="VALUE", help=f"values of train.py's --{flag}")
    p.add_argument("--max_minutes", type=cli.positive, default=MAX_MINUTES, help="a cell ends after this training time")
    workers.add_flags(p)
    p.add_argument("--summary_path", default="./summaries/sweep", help="where the cells' run folders are")
    p.add_argument(
        "--table",
        help="the results; by default report/results/part1/GRID.csv, else (tiny, too) table.csv in --summary_path",
    )
    return p


def main(argv=None):
    config = parser().parse_args(argv)
    given = {flag: getattr(config, flag) for flag in VARIED if getattr(config, flag) is not None}
    if (config.grid is None) == (not given):
        raise UserError("give a named grid with --grid, or values such as --input_length 5 10 20, one of the two")
    workers.refuse_task(config)
    grid = cells(GRIDS[config.grid] if config.grid else [given], config.max_minutes, config.device)
    folder = Path(config.summary_path)
    measured = RESULTS / f"{config.grid}.csv" if config.grid not in (None, TRIAL) else None
    table = Path(config.table or measured or folder / "table.csv")
    if not config.dry_run:
        refuse_table(table, measured, config)
    curves = table.with_name(f"{table.stem}_curves.csv") if config.grid in WITH_CURVES else None
    for path, columns in ((table, COLUMNS), (curves, CURVES)):
        if path:
            refuse_another_table(path, columns)
    todo = workers.to_do(grid, folder, config)
    if config.dry_run:
        return 0
    table.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is found before anything is trained

    def write():
        others = write_table(table, folder, grid)
        if curves:
            write_curves(curves, folder, grid)
        return finished_cells(folder, grid), others

    finished, others = write()  # so is a damaged folder
    if others and table.resolve() == measured:
        print(f"{table} has {others} rows of no cell of this grid; take them out if the grid has changed")
    failed, status = workers.run_all(todo, folder, config.workers, run_cell, outcome)
    while finished != (there := write()[0]):  # other tasks of the array write it too
        finished = there
    if finished:
        print(f"{len(finished)} of {len(grid)} cells finished in {folder}; see {table}")
    return workers.exit_status(failed, status)


if __name__ == "__main__":
    cli.run_main(main)
