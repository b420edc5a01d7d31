# SPDX-License-Identifier: MIT
"""One run, one folder: config.json, TensorBoard events, metrics.csv, checkpoint.pt, best.pt, result.json."""

import csv
import json
import re
import warnings
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from common.checkpoint import save_checkpoint
from common.cli import UserError
from common.files import replacing, write_json
from common.machine import processor, today, versions


class Table:
    """A CSV file that grows row by row; the first column is the update.

    Args:
        path: of the file.
        columns: after `step`.
        step: updates already done; rows of later ones (of a run that was killed) are dropped.
    """

    def __init__(self, path, columns, step=0):
        self.path = path
        try:
            rows = [row for row in read_table(path) if int(row["step"]) <= step] if step and path.exists() else []
        except (KeyError, ValueError, TypeError):
            raise UserError(f"{path} is damaged; move it away, and the run goes on without its earlier rows") from None
        with replacing(path) as f:
            table = csv.DictWriter(f, ["step", *columns], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
        self.file = open(path, "a", encoding="utf-8", newline="", buffering=1)  # noqa: SIM115, closed by close()
        self.writer = csv.DictWriter(self.file, ["step", *columns], lineterminator="\n")

    def add(self, step, **values):
        """One row; columns left out stay empty."""
        try:
            self.writer.writerow({"step": step, **values})
        except OSError as error:  # a full disk
            raise UserError(
                f"cannot write {self.path}: {error.strerror}; free some space, and --resume goes on from the checkpoint"
            ) from None

    def close(self):
        self.file.close()


class Run:
    """Writes what a training script has to say into the run's folder. Used in a `with`, which closes its files.

    Args:
        folder: the run's folder, which exists.
        kind: of its checkpoints, "part1" and so on.
        columns: of metrics.csv, after `step`.
        step: updates already done; what was logged of later ones is dropped.
    """

    def __init__(self, folder, kind, columns, step=0):
        self.folder = Path(folder)
        self.kind = kind
        for left in self.folder.glob("*.tmp"):
            left.unlink()  # of a run that was killed as it wrote
        self.metrics = Table(self.folder / "metrics.csv", columns, step)
        self.writer = SummaryWriter(str(self.folder), purge_step=step + 1 if step else None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.metrics.close()
        self.writer.close()

    def log(self, step, **values):
        """One row of metrics.csv and one TensorBoard scalar a value."""
        self.metrics.add(step, **values)
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def graph(self, model, example):
        """Give TensorBoard the model's graph, traced over the example (a short one: each step is drawn)."""
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing fixes the number of steps, which is what a drawing wants
            self.writer.add_graph(model, example)

    def save(self, name, **content):
        """Write a checkpoint under that name."""
        save_checkpoint(self.folder / name, self.kind, **content)

    def finish(self, **result):
        """Write result.json, with the versions, the processor and the date that a number needs to be trusted."""
        about = {"versions": versions(), "processor": processor(), "date": today()}
        write_json(self.folder / "result.json", {**result, **about})


def make_folder(summary_path, name, config):
    """A new folder below summary_path with config.json in it; -2, -3, ... is appended to a name that exists.

    Raises:
        UserError: it cannot be made.
    """
    if not str(summary_path):
        raise UserError("--summary_path is empty; name the folder of the runs, such as ./summaries/")
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", name)[:120]  # safe on every file system
    try:
        Path(summary_path).mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            folder = Path(summary_path) / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
                break
            except FileExistsError:
                number += 1
    except OSError as error:
        raise UserError(
            f"cannot make a folder in {summary_path}: {error.strerror}; choose another --summary_path"
        ) from None
    write_json(folder / "config.json", config)
    return folder


def read_table(path):
    """The rows of a Table as dicts of strings."""
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def result_of(folder):
    """The result.json of the run in that folder, or None where it is missing or damaged: it will be written anew."""
    try:
        result = read_json(Path(folder) / "result.json")
        return result if result["config"] and {"steps", "versions", "date"} <= result.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def has_result(folder, step):
    """Whether the run in that folder has written its result.json after that update: not before it went further."""
    result = result_of(folder)
    return result is not None and result["steps"] == step
