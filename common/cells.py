# SPDX-License-Identifier: MIT
"""Tables of grids: some rows for each of many runs, of which not all need be here."""

import csv

from common.files import replacing
from common.run import read_table


def write_cells(path, columns, cells):
    """Write a table of cells, each with rows that begin with what tells it from the others.

    What the table has already of a cell that is not finished here is kept, as long as the columns are the same: a sweep
    that has only begun takes nothing away from the results of another machine.

    Args:
        path: of the table; its folder is made.
        columns: names.
        cells: {values of the first columns: rows of values, or None where the cell is not finished here}, in order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    old = {}
    for row in read_table(path) if path.exists() else []:
        if list(row) == list(columns):
            values = list(row.values())
            old.setdefault(tuple(values[: len(next(iter(cells), ()))]), []).append(values)
    with replacing(path) as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(columns)
        for key, rows in cells.items():
            words = tuple("" if value is None else str(value) for value in key)  # as they are read
            table.writerows(old.get(words, []) if rows is None else rows)
