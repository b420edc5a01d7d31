# SPDX-License-Identifier: MIT
"""The numbers and tables of what goes beyond part 1's questions: reach, transfer, capacity, clipping, reservoirs."""

from statistics import mean, median

from part1.length_plots import UNITS
from part1.sweep_results import grouped, network_label, read_results, select
from report.latex import count, decimals, paragraph, setting, table
from report.tables_part1 import in_words, solved_or_best


def reach(results):
    rows = read_results(results / "part1" / "reach.csv")
    lengths = sorted({row["input_length"] for row in rows})
    body, values = [], {}
    for cell in ("RNN", "LSTM"):
        groups = {}
        for row in select(rows, model_type=cell):
            groups.setdefault((network_label(row), row["learning_rate"]), []).append(row)
        if body and groups:
            body.append(None)
        for (label, rate), group in groups.items():
            of_length = grouped(group, "input_length")
            cells = [solved_or_best(of_length[T]) if T in of_length else "" for T in lengths]
            body.append([paragraph(f"{cell} {label.split(', rate')[0]}, {setting(rate)}", 0.262), *cells])
            name = f"reach.{cell.lower()}.{label.replace(' + ', '.').replace(', ', '.').lower()}"
            for T, of_T in of_length.items():
                values |= in_words(f"{name}.{T}", of_T)
            values[f"{name}.rate"] = setting(rate)
            solved = [T for T, of_T in of_length.items() if any(row["solved_at"] for row in of_T)]
            bests = [row["best_accuracy"] for row in group if row["solved_at"] is None]
            if bests:
                values[f"{name}.unsolved.best"] = decimals(min(bests), 3)
            if solved:
                values[f"{name}.longest"] = count(max(solved))
                values |= in_words(f"{name}.longest", of_length[max(solved)])
    header = ["$T$", *(count(T) for T in lengths)]
    caption = (
        "Reach: seeds that solve $T$, of all seeds, and the median of their updates, or, where none does, the highest"
        r" accuracy at an evaluation (Figure~\ref{fig:reach}: the last ones); blank: not run. One-hot digits, the"
        " learning rate after the initialisation, RMSprop unless it says Adam."
    )
    made = table(
        "reach", caption, "part1/sweep.py --grid reach", "l" + "l" * len(lengths), header, body, size="scriptsize"
    )
    return {"values": values, "tables": {"reach": made}}


def transfer(results):
    """How far networks that solved one length answer at the longest one without further training."""
    rows = [row for row in read_results(results / "part1" / "transfer.csv") if row["solved_at"]]
    longest = select(rows, test_length=max(row["test_length"] for row in rows))
    values = {"transfer.tested": count(rows[0]["test_size"])}
    names = {"chrono": "chrono", "chrono, rate 0.03": "chrono.higher", "chrono + curriculum": "chrono.curriculum"}
    for label, name in names.items():
        chosen = [row["accuracy"] for row in select(longest, model_type="LSTM") if network_label(row) == label]
        values[f"transfer.lstm.{name}"] = decimals(median(chosen), 3)
    at_others = [row for row in rows if row["init"] == "forget1" and row["test_length"] != row["input_length"]]
    if at_others:
        values["transfer.forget1.never"] = count(sum(row["accuracy"] == 0 for row in at_others))
        values["transfer.forget1.others"] = count(len(at_others))
    at_high_rate = [row["accuracy"] for row in longest if network_label(row) == "chrono, rate 0.1"]
    if at_high_rate:
        values["transfer.high_rate.seeds"] = count(len(at_high_rate))
        least = min(at_high_rate)
        values["transfer.high_rate.right"] = (
            "every case" if least == 1 else f"at least {decimals(least, 3)} of all cases"
        )
    return {"values": values}


def capacity_and_clipping(results):
    values = {}
    for (cell, units), rows in grouped(
        read_results(results / "part1" / "capacity.csv"), "model_type", "num_hidden"
    ).items():
        values |= in_words(f"capacity.{cell.lower()}.{units}", rows)
    clipping = grouped(read_results(results / "part1" / "clipping.csv"), "max_norm")
    solved = sorted(sum(row["solved_at"] is not None for row in rows) for rows in clipping.values())
    return {"values": values | {"clipping.least": str(solved[0]), "clipping.most": str(solved[-1])}}


def reservoirs(results):
    """What initialisations hold with the recurrent weights fixed: latch of long palindromes, orthogonal of short."""
    all_rows, values = read_results(results / "part1" / "reservoirs.csv"), {}
    for cell in ("RNN", "LSTM"):
        rows = [row for row in select(all_rows, model_type=cell, init="latch") if row["input_length"] >= 50]
        accuracies = [row["test_accuracy"] for row in rows]
        values[f"reservoir.{cell.lower()}.least"] = decimals(min(accuracies), 3)
        values[f"reservoir.{cell.lower()}.most"] = decimals(max(accuracies), 3)
        values[f"reservoir.{cell.lower()}.longest"] = count(max(row["input_length"] for row in rows))
    for init, T in (("orthogonal", 15), ("orthogonal", 20)):
        rows = select(all_rows, model_type="RNN", init=init, input_dim=10, input_length=T, num_hidden=UNITS)
        values[f"reservoir.rnn.{init}.{T}"] = decimals(mean(row["test_accuracy"] for row in rows), 3)
    values |= in_words("reservoir.rnn.256", select(all_rows, model_type="RNN", input_length=20, num_hidden=256))
    return {"values": values}


ITEMS = [reach, transfer, capacity_and_clipping, reservoirs]
