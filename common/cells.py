# SPDX-License-Identifier: MIT
"""Tables of grids: some rows for each of many runs, of which not all need be here."""

import csv
from pathlib import Path

from common.cli import UserError
from common.files import replacing
from common.run import read_table


def write_cells(path, columns, cells):
    """Write a table of cells, each with rows that begin with what tells it from the others.

    What the table has already of a cell that is not finished here is kept: a sweep that has only begun takes nothing
    away from the results of another machine. So is what is none of the cells, at the end: a sweep that began before its
    grid grew does not know the newer ones. Where there is nothing to write yet, no table is made.

    Args:
        path: of the table; its folder is made.
        columns: names.
        cells: {values of the first columns: rows of values, or None where the cell is not finished here}, in order.

    Returns:
        How many rows are of none of the cells.

    Raises:
        UserError: see refuse_another_table.
    """
    refuse_another_table(path, columns)
    if not path.exists() and not any(cells.values()):
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    words = {tuple("" if value is None else str(value) for value in key): key for key in cells}  # as they are read
    num_keys, old = len(next(iter(words), ())), {}
    for row in read_table(path) if path.exists() else []:
        values = list(row.values())
        old.setdefault(tuple(values[:num_keys]), []).append(values)
    others = [row for key, rows in old.items() if key not in words for row in rows]
    with replacing(path) as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(columns)
        for key in words:
            rows = cells[words[key]]
            table.writerows(old.get(key, []) if rows is None else rows)
        table.writerows(others)
    return len(others)


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
