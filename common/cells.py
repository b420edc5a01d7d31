# SPDX-License-Identifier: MIT
"""Tables of grids: some rows for each of many runs, of which not all need be here."""

import csv
from pathlib import Path

from common.cli import UserError
from common.files import replacing
from common.run import read_table


def write_cells(path, columns, cells, keep_others=False):
    """Write a table of cells, each with rows that begin with what tells it from the others.

    What the table has already of a cell that is not finished here is kept: a sweep that has only begun takes nothing
    away from the results of another machine. What is none of the cells goes, unless keep_others. Where there is nothing
    to write yet, no table is made.

    Args:
        path: of the table; its folder is made.
        columns: names.
        cells: {values of the first columns: rows of values, or None where the cell is not finished here}, in order.

    Raises:
        UserError: see refuse_another_table.
    """
    refuse_another_table(path, columns)
    if not path.exists() and not any(cells.values()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    words = {tuple("" if value is None else str(value) for value in key): key for key in cells}  # as they are read
    num_keys, old = len(next(iter(words), ())), {}
    for row in read_table(path) if path.exists() else []:
        values = list(row.values())
        old.setdefault(tuple(values[:num_keys]), []).append(values)
    with replacing(path) as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(columns)
        for key in words:
            rows = cells[words[key]]
            table.writerows(old.get(key, []) if rows is None else rows)
        for key, rows in old.items() if keep_others else ():
            table.writerows([] if key in words else rows)


def refuse_another_table(path, columns):
    """Raises UserError where there is a file that is no table of these columns: it would be lost."""
    if not path.exists():
        return
    try:
        with open(path, encoding="utf-8", newline="") as f:
            header = next(csv.reader(f), [])
    except (UnicodeDecodeError, csv.Error, IsADirectoryError):
        header = []
    if header != list(columns):
        raise UserError(f"{path} is there and is another table; move it away or choose another path")


def refuse_measured(path, measured, settings, flag="--to"):
    """Raises UserError where results of other settings would take the place of the measured ones.

    Args:
        path: where the results go; measured: the file or folder of the report's.
        settings: the flags that make them others; none is fine.
        flag: of the command line that says where they go.
    """
    if settings and Path(path).resolve() == Path(measured).resolve():
        name = f"--{min(settings)}"
        raise UserError(f"with {name} these are not the report's results; say with {flag} where they go")
