# SPDX-License-Identifier: MIT
"""The measured tables of part 2: the gated LSTM beside the LSTM on the timed tasks; what is finished is not run again.

    python part2/experiments.py --grid frequency --dry_run
    python part2/experiments.py --grid frequency --sampling standard async --workers 2
    python part2/experiments.py --grid adding

A cell is one run of part2/train.py in a folder of its own below --summary_path, as in part1/sweep.py: it goes on from
its checkpoint after a stop, a call skips it once it has its result.json, and --task_id of --num_tasks shares the cells
out. Every finished cell is a row of report/results/part2/GRID.csv, its validation curve in GRID_curves.csv and what
became of its τ, s and r_on, for the first seed alone, in GRID_rhythms.csv. First comes one seed of everything, then the
next.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import functools

from common import cli, workers
from common.cells import refuse_another_table, refuse_measured, write_cells
from common.cli import UserError
from common.run import read_table
from part2.dataset import SAMPLING
from part2.flags import complete, parser, timed_name
from part2.train_timed import train

RESULTS = Path(__file__).resolve().parents[1] / "report" / "results" / "part2"
SEEDS = [42, 43, 44, 45, 46]
MAX_MINUTES = 180.0
CELLS = {
    "phased": ["--variant", "phased", "--init", "forget1"],
    "assignment": ["--variant", "assignment", "--init", "forget1"],
    "phased-chrono": ["--variant", "phased", "--init", "chrono"],
    "LSTM": ["--model_type", "LSTM", "--init", "forget1"],
    "LSTM-chrono": ["--model_type", "LSTM", "--init", "chrono"],
}
# A target ends the runs of highres and adding, which else take an hour or two; there some cells have three seeds, the
# others one. The other samplings are cheap enough to train to the end. (flags, {cell: seeds})
FOUR = ("phased", "assignment", "LSTM", "LSTM-chrono")
GRIDS = {
    "frequency": [
        (["--sampling", "standard"], dict.fromkeys(FOUR, SEEDS)),
        (["--sampling", "async"], dict.fromkeys(FOUR, SEEDS)),
        (["--sampling", "highres", "--target", "0.992"], {**dict.fromkeys(FOUR, SEEDS[:1]), "phased": SEEDS[:3]}),
    ],
    "adding": [
        (
            ["--target", "0.001", "--train_steps", "5000"],
            {"phased-chrono": SEEDS[:3], "LSTM-chrono": SEEDS[:3], "phased": SEEDS[:1], "LSTM": SEEDS[:1]},
        )
    ],
}
PASSED = ("train_steps", "num_hidden", "batch_size", "input_length", "eval_every")  # flags of train.py for all cells
ABOUT = ("sampling", "input_length", "model_type", "variant", "init", "seed")
MEASURED = (
    "test_accuracy", "test_loss", "test_mse", "validation", "best_step", "ended_by", "reached_at", "steps", "seconds",
    "share_open", "multiply_adds", "ceiling", "baseline", "test_size", "date",
)  # fmt: skip
SETTINGS = (
    "num_hidden", "batch_size", "optimizer", "learning_rate", "train_steps", "eval_every", "log_tau", "r_on", "learn",
    "leak", "target", "max_minutes", "threads", "device",
)  # fmt: skip
VERSIONS = ("python", "torch", "numpy")
COLUMNS = [*ABOUT, *MEASURED, *SETTINGS, *VERSIONS, "processor"]
CURVES = [*ABOUT, "step", "validation_accuracy", "validation_loss"]
RHYTHMS = [*ABOUT, "unit", "tau", "s", "r_on"]


def cells(config):
    """The cells asked for, {name: configuration}, one seed after the other.

    Raises:
        SystemExit, UserError: a value that train.py refuses.
    """
    found = {}
    for seed in config.seed or SEEDS:
        for setting, seeds in GRIDS[config.grid]:
            for cell in [cell for cell in seeds if cell in (config.cell or seeds)]:
                if seed not in seeds[cell] and not config.seed:
                    continue
                words = [*CELLS[cell], *setting, *passed(config), "--seed", str(seed), "--device", config.device]
                run = parser(config.grid).parse_args([*words, "--max_minutes", str(config.max_minutes)])
                if config.sampling and run.sampling not in config.sampling:
                    continue
                complete(run)
                found[cell_name(run)] = run
    return found


def cell_name(run):
    """The run's name, the number of updates at most, and how often it is evaluated where that is not the default."""
    often = "" if run.eval_every == parser(run.task).get_default("eval_every") else f"_eval{run.eval_every}"
    return f"{timed_name(run)}_steps{run.train_steps}{often}"


def passed(config):
    """The words of train.py's command line that stand on this one."""
    return [word for flag in PASSED if (value := getattr(config, flag)) is not None for word in (f"--{flag}", value)]


def run_cell(config, folder):
    """Train one cell in its folder, on from its checkpoint where there is one; returns the exit status."""
    with workers.in_folder(folder, "part2", config) as checkpoint:
        return train(config, folder, checkpoint)[1]


def outcome(result):
    figure = f"accuracy {result['test_accuracy']:.4f}" if "test_loss" in result else f"error {result['test_mse']:.4f}"
    return f"{figure}, {result['steps']} updates, {result['seconds']:.0f} s, ended by {result['ended_by']}"


def write_results(folder, cells, table, curves, rhythms):
    """The three tables: a row for each finished cell, for each of its evaluations, and for each of its units. Rows of
    other cells stay. Returns how many of these cells are finished.

    Raises:
        UserError: a cell's folder is damaged, or holds another run.
    """
    folders = {about(vars(config)): folder / name for name, config in cells.items()}
    settled = {about(vars(config)): workers.settled(folder / name, config) for name, config in cells.items()}
    found = {key: workers.result_of(folders[key]) if settled[key] else None for key in folders}
    try:
        of_cells = {key: found[key] and [row_of(key, found[key])] for key in found}
        points = {key: found[key] and curve_of(folders[key], found[key]["steps"]) for key in found}
        units = {key: found[key] and rhythm_of(found[key]) for key in found}
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"a cell in {folder} is damaged ({error}); remove its folder, and it is trained anew") from None
    write_cells(table, COLUMNS, of_cells)
    write_cells(curves, CURVES, with_key(points))
    write_cells(rhythms, RHYTHMS, with_key(units))
    return sum(settled.values())


def refuse_other_settings(table, cells):
    """Raises UserError where the table has one of the cells with other settings: its row would be lost."""
    rows = {tuple(row[name] for name in ABOUT): row for row in (read_table(table) if table.exists() else [])}
    for config in cells.values():
        row = rows.get(tuple(map(str, about(vars(config)))))
        for flag in PASSED if row else ():
            if row[flag] not in ("", str(there := getattr(config, flag, ""))):
                raise UserError(f"{table} has this cell with --{flag} {row[flag]}, not {there}; choose another --to")


def about(config):
    """What tells a cell from the others; the LSTM has no variant."""
    config = {**config, **({"variant": ""} if config["model_type"] == "LSTM" else {})}
    return tuple(config.get(name, "") for name in ABOUT)


def row_of(key, result):
    measured = [result.get(name, "") for name in MEASURED]
    return [*key, *measured, *(as_word(result["config"].get(name)) for name in SETTINGS),
            *(result["versions"][name] for name in VERSIONS), result.get("processor")]  # fmt: skip


def as_word(value):
    """A setting as a table has it; a list's values side by side."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def curve_of(folder, steps):
    """(step, accuracy, loss) of each evaluation of a finished cell."""
    rows = [row for row in read_table(folder / "metrics.csv") if row["validation_loss"] and int(row["step"]) <= steps]
    names = ("validation_accuracy", "validation_loss")
    return [[row["step"], *(f"{float(row[name]):.4g}" for name in names)] for row in rows]


def rhythm_of(result):
    """(unit, τ, s, r_on) of each unit, of the first seed alone."""
    if not result["rhythm"] or result["config"]["seed"] != SEEDS[0]:
        return []
    values = zip(*(result["rhythm"][name] for name in ("tau", "s", "r_on")), strict=True)
    return [[unit, *row] for unit, row in enumerate(values)]


def with_key(cells):
    return {key: rows and [[*key, *row] for row in rows] for key, rows in cells.items()}


def arguments():
    p = cli.Parser(prog="experiments.py", description="Run the measured tables; what is finished is not run again.")
    p.add_argument("--grid", choices=GRIDS, default="frequency", help="the task")
    p.add_argument("--cell", choices=CELLS, nargs="+", help="which of the grid's cells; by default all")
    p.add_argument("--sampling", choices=SAMPLING, nargs="+", help="which samplings of frequency; by default all")
    p.add_argument(
        "--seed", type=cli.natural, nargs="+", help="which seeds; by default five, for highres and adding three or one"
    )
    for flag in PASSED:
        p.add_argument(f"--{flag}", metavar="VALUE", help=f"train.py's --{flag}, for all cells; then give --to, too")
    p.add_argument("--max_minutes", type=cli.positive, default=MAX_MINUTES, help="a cell ends after this training time")
    workers.add_flags(p)
    p.add_argument("--summary_path", default="./summaries/timed", help="where the cells' run folders are")
    p.add_argument("--to", default=str(RESULTS), metavar="DIR", help="where the tables go")
    return p


def main(argv=None):
    config = arguments().parse_args(argv)
    workers.refuse_task(config)
    if config.sampling and config.grid != "frequency":
        raise UserError("--sampling is of --grid frequency; leave it out")
    if config.input_length is not None and config.grid != "adding":
        raise UserError("--input_length is of --grid adding; leave it out")
    of_grid = set().union(*(seeds for _, seeds in GRIDS[config.grid]))
    if missing := set(config.cell or []) - of_grid:
        has = ", ".join(cell for cell in CELLS if cell in of_grid)
        raise UserError(f"--grid {config.grid} has no cell {min(missing)}; it has {has}")
    other = {flag for flag in PASSED if getattr(config, flag) is not None}
    other |= {"max_minutes"} if config.max_minutes != MAX_MINUTES else set()
    other |= {"seed"} if not set(config.seed or []) <= set(SEEDS) else set()
    if not config.dry_run:
        refuse_measured(config.to, RESULTS, other)
    if Path(config.to).is_file():
        raise UserError(f"{config.to} is a file; --to takes the folder of the tables")
    grid, folder = cells(config), Path(config.summary_path)
    todo = workers.to_do(grid, folder, config)
    if config.dry_run:
        return 0
    tables = [Path(config.to) / f"{config.grid}{ending}.csv" for ending in ("", "_curves", "_rhythms")]
    for path, columns in zip(tables, (COLUMNS, CURVES, RHYTHMS), strict=True):
        refuse_another_table(path, columns)
        path.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is found before anything is trained

    # The table has all of the grid, whatever part of it was asked for now.
    listed = grid if passed(config) else cells(arguments().parse_args(["--grid", config.grid])) | grid
    refuse_other_settings(tables[0], grid)
    write = functools.partial(write_results, folder, listed, *tables)
    write()  # a damaged folder is found before anything is trained, too
    failed, status = workers.run_all(todo, folder, config.workers, run_cell, outcome, write)
    count = write()
    while count != (again := write()):  # other tasks of the array write it too, and end in any order
        count = again
    print(f"{count} of {len(listed)} cells finished in {folder}; see {tables[0]}")
    return workers.exit_status(failed, status)


if __name__ == "__main__":
    cli.run_main(main)
