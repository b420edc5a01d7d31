# SPDX-License-Identifier: MIT
"""Grids of runs, {name: configuration}, each in a folder of its own: what is to do of them, and processes that do it.

What is finished, its result.json there, is not run again; what was stopped halfway goes on from its checkpoint.
"""

import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch
from tqdm import tqdm

from common import cli
from common.checkpoint import load_checkpoint
from common.cli import UserError
from common.memory import keep_memory
from common.run import read_json, result_of
from common.signals import StopRequest

SPAWN = multiprocessing.get_context("spawn")
HOW = {"max_minutes", "device", "threads", "print_every", "summary_path"}  # flags in which a result may differ


def add_flags(p):
    """The flags that say which part of a grid is done, and how."""
    p.add_argument("--workers", type=cli.positive_int, default=1, help="cells at once, each with one thread")
    p.add_argument("--device", type=cli.device, default=cli.default_device(), help="of all: cpu, cuda, cuda:1, ...")
    p.add_argument("--task_id", type=cli.natural, default=0, help="of a job array: this call's share ...")
    p.add_argument("--num_tasks", type=cli.positive_int, default=1, help="... of so many, 0 ... NUM_TASKS - 1")
    p.add_argument("--dry_run", action="store_true", help="print the cells and how each stands, run nothing")


def refuse_task(config):
    """Raises UserError where --task_id is none of the array's."""
    if config.task_id >= config.num_tasks:
        raise UserError(f"--task_id {config.task_id} is not one of 0 ... {config.num_tasks - 1} (--num_tasks)")


def to_do(grid, folder, config):
    """The cells of this call's share that have not finished. Says how many; with --dry_run, how each one stands.

    Raises:
        UserError: see settled.
    """
    mine = dict(list(grid.items())[config.task_id :: config.num_tasks])
    todo = {name: cell for name, cell in mine.items() if not settled(folder / name, cell)}
    print(f"{len(mine)} cells of {len(grid)}, {len(mine) - len(todo)} finished, {len(todo)} to do")
    if config.dry_run:
        for name in mine:
            begun = "begun" if (folder / name / "checkpoint.pt").exists() else "to do"
            print(f"{begun if name in todo else 'finished':>8}  {name}")
    return todo


def finished(folder):
    """Whether a cell has a result that can be read; else it goes on from its checkpoint."""
    return result_of(folder) is not None


def settled(folder, cell):
    """Whether a cell is finished for this call too: what a shorter --max_minutes ended goes on.

    Raises:
        UserError: the folder holds a run with another configuration.
    """
    result = result_of(folder)
    if result is None:
        return False
    refuse_another_run(folder, result["config"], cell)
    return result.get("ended_by") != "max_minutes" or result["config"]["max_minutes"] >= cell.max_minutes


def refuse_another_run(folder, saved, cell):
    """Raises UserError where the configuration saved in a cell's folder is not the cell's: their names are the same."""
    for flag, value in vars(cell).items():
        if flag not in HOW and saved.get(flag, value) != value:
            raise UserError(
                f"{folder} holds a run with --{flag} {saved[flag]}, not {value}; choose another --summary_path"
            )


@contextmanager
def in_folder(folder, kind, cell):
    """What a cell prints goes to log.txt in its folder; gives its checkpoint, or None where it begins.

    Raises:
        UserError: the checkpoint is damaged, or of another configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        try:
            checkpoint = load_checkpoint(folder, kind) if (folder / "checkpoint.pt").exists() else None
        except UserError as error:
            raise UserError(f"{error}; or remove {folder}, and the next call begins it anew") from None
        if checkpoint:
            refuse_another_run(folder, checkpoint["config"], cell)
        yield checkpoint


def run_all(todo, folder, workers, run_cell, outcome, after_each=lambda: None):
    """Run the cells {name: configuration}, `workers` at once.

    Args:
        run_cell: run_cell(config, folder) trains one and returns an exit status.
        outcome: outcome(result) gives the words for a finished cell's result.json.
        after_each: called when one has finished.

    Returns:
        ({name of a cell that failed: why}, exit status of the signal that stopped them, or 0).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}; choose another --summary_path") from None
    failed, groups = {}, [todo]
    event = SPAWN.Event()
    bar = tqdm(total=len(todo), unit="cell", disable=None)

    def say(name, status, error=None):
        if error or (status and not stop):
            failed[name] = error or f"ended with status {status}"
        if name in failed or status == 0:
            tqdm.write(f"{name}: {failed.get(name) or outcome(read_json(folder / name / 'result.json'))}")
            bar.update()
            after_each()

    with StopAll(event) as stop, bar:
        while groups and not stop:
            group = groups.pop(0)
            left = list(run_group(group, folder, workers, run_cell, event, say))
            if left and len(group) == 1 and not stop:  # which ends a process as it begins
                say(left[0], None, "its process was killed; perhaps it needs more memory than there is")
            elif left:  # one at a time those that may have been the cause, then the others
                groups += [{name: group[name]} for name in left[: workers + 1]]
                groups += [{name: group[name] for name in left[workers + 1 :]}]
    return failed, stop.status


def run_group(todo, folder, workers, run_cell, event, say):
    """Run cells in a pool of processes; say(name, status, error) of each that ends. Returns the names of the others,
    in order: the system has killed a process, as it does where memory is short, and the pool with it."""
    left = dict.fromkeys(todo)
    workers = min(workers, max(len(todo), 1))
    with ProcessPoolExecutor(workers, mp_context=SPAWN, initializer=begin_worker, initargs=(event,)) as pool:
        futures = {pool.submit(unless_stopping, run_cell, config, folder / name): name for name, config in todo.items()}
        for future in as_completed(futures):
            name, error = futures[future], future.exception()
            if not isinstance(error, BrokenProcessPool):
                del left[name]
                say(name, None if error else future.result(), error and (str(error) or type(error).__name__))
    return left


def begin_worker(event):
    """In each worker: one thread, the event that says to stop, and no death by a signal between two cells."""
    global stopping
    stopping = event
    keep_memory()
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, StopRequest.remember)  # while a cell trains, its StopRequest listens


def unless_stopping(run_cell, config, folder):
    """In a worker: run a cell, unless a signal has come."""
    return 128 + signal.SIGTERM if stopping.is_set() else run_cell(config, folder)


class StopAll(StopRequest):
    """A StopRequest that passes the signal on to the workers, so that each saves its cell."""

    def __init__(self, event):
        super().__init__()
        self.event = event

    def note(self, number, frame):
        super().note(number, frame)
        self.event.set()
        for worker in multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGTERM)


def exit_status(failed, status):
    """Name the cells that failed on stderr, and say how a stopped grid goes on; the exit status of the whole."""
    for name, why in failed.items():
        print(f"failed: {name}: {why}", file=sys.stderr)
    if status:
        print(f"stopped; to go on: the same call of {os.path.basename(sys.argv[0])}", file=sys.stderr)
    return status or (1 if failed else 0)
