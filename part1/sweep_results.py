# SPDX-License-Identifier: MIT
"""What the tables of sweep.py say, report/results/part1/*.csv. A row is a cell: a dict by column name."""

import csv
from statistics import fmean, median


def read_results(path):
    """The rows of a table with numbers as numbers and empty cells as None."""
    with open(path, encoding="utf-8", newline="") as f:
        return [{name: value_of(word) for name, word in row.items()} for row in csv.DictReader(f)]


def value_of(word):
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return {"": None, "True": True, "False": False}.get(word, word)


def select(rows, **values):
    """The rows that have these values."""
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def grouped(rows, *names):
    """{value (or tuple of the values) of those columns: its rows}, in order of appearance."""
    groups = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        groups.setdefault(key if len(names) > 1 else key[0], []).append(row)
    return groups


def share_solved(rows):
    return fmean([row["solved_at"] is not None for row in rows])


def median_solved(rows):
    return median(row["solved_at"] for row in rows)


def curve(rows, x, measure):
    """(values of column x in order, the measure of each one's rows)."""
    groups = grouped(sorted(rows, key=lambda row: row[x]), x)
    return list(groups), [measure(group) for group in groups.values()]


def network_label(row):
    """An initialisation and what helps it, as a legend has them: a curriculum, Adam, a rate above the default."""
    label = f"{row['init']}" + " + curriculum" * (row["curriculum"] is not None)
    label += ", Adam" * (row["optimizer"] == "adam")
    return label + (f", rate {row['learning_rate']:g}" if row["learning_rate"] > 0.001 else "")


def best_rates(rows):
    """{(model, optimizer): rows at its best rate}: most seeds solved, then fewest updates, then highest accuracy."""

    def quality(rate_rows):
        solved = [row["solved_at"] for row in rate_rows if row["solved_at"]]
        accuracy = fmean([row["test_accuracy"] for row in rate_rows])
        return len(solved) / len(rate_rows), -median(solved) if solved else 0, accuracy

    return {
        key: max(grouped(group, "learning_rate").values(), key=quality)
        for key, group in grouped(rows, "model_type", "optimizer").items()
    }
