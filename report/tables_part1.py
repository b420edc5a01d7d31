# SPDX-License-Identifier: MIT
"""The numbers and tables of questions 1.1 to 1.6. Each function takes the folder of results and returns values and
tables."""

from statistics import mean, median

from common.run import read_json
from part1.dataset import PalindromeDataset, num_palindromes
from part1.evaluation import SOLVED
from part1.flags import parser
from part1.gradients import parameter_count
from part1.grids import LONGER, SEEDS, THREE
from part1.sweep import VARIED
from part1.sweep_results import best_rates, grouped, read_results, select, share_solved
from report.latex import count, decimals, power, setting, table

TEST_SIZE = len(PalindromeDataset(20).test_set()[1])
SHOWN = (5, 8, 10, 12, 15, 20, 30, 40, 50)  # T in the tables; the figures and the results have all
LARGER = (10, 15)  # T shown of the larger batches
SAME = [name for name in VARIED if name not in ("train_steps", "no_early_stop")]  # what makes two runs one
NEARLY = 0.99  # an accuracy that is nearly a solved one
NAMES = {"sgd": "SGD", "momentum": "momentum .9", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam"}


def settings(results):
    """What runs unless a flag says otherwise, and what counts as solved."""
    defaults = parser().parse_args(["--device", "cpu"])
    names = ("learning_rate", "batch_size", "num_hidden", "max_norm")
    values = {f"default.{name}": setting(getattr(defaults, name)) for name in names}
    return {"values": values | {"solved": decimals(SOLVED, 3), "test_size": count(TEST_SIZE)}}


def gradients(results):
    found = read_json(results / "part1" / "gradient_check.json")
    values = {"check.count": count(found["errors"])}
    values |= {"check.autograd": power(found["largest"]["autograd"])}
    values |= {"check.differences": power(found["largest"]["fourth-order central differences"])}
    return {"values": values}


def gradient_flow(results):
    found = read_json(results / "part1" / "gradient_flow.json")
    networks = {row["name"]: row for row in found["networks"]}

    def share(name, when):
        """Of the gradient at step T, what comes back to step 1."""
        norms = networks[name][when]["h"]["median"]
        return power(norms[0] / norms[-1])

    values = {"flow.T": count(found["T"]), "flow.palindromes": count(found["palindromes"])}
    values |= {"flow.steps": count(max(row["updates"] for row in found["networks"]))}
    values |= {f"flow.forget0.{when}": share("LSTM forget bias 0", when) for when in ("untrained", "trained")}
    values |= {"flow.latch": share("RNN latch", "trained")}
    orthogonal = networks["RNN orthogonal"]
    values |= {"flow.orthogonal.length": count(orthogonal["length"])}
    values |= {"flow.orthogonal.rate": setting(orthogonal["learning_rate"])}
    return {"values": values | {"flow.orthogonal.accuracy": decimals(orthogonal["test_accuracy"], 2)}}


def parameters(results):
    n, k = 128, 10
    counts = [
        rf"{count(parameter_count(d, n))} at $d = {d}$ ({count(parameter_count(d, n, k))} with the read-out)"
        for d in (1, k)
    ]
    return {"tables": {"parameters": rf"For $n = {n}$ the code counts {' and '.join(counts)}." + "\n"}}


def solved_of(rows):
    """3/5 (1,700): seeds that solved, of all, and the median of their updates."""
    solved = [row["solved_at"] for row in rows if row["solved_at"] is not None]
    share = f"{len(solved)}/{len(rows)}"
    return f"{share} ({count(round(median(solved)))})" if solved else share


def in_words(name, rows):
    """The same as two values for the text: 3 of 5, and 1,700 if any solved."""
    solved = [row["solved_at"] for row in rows if row["solved_at"] is not None]
    updates = {f"{name}.updates": count(round(median(solved)))} if solved else {}
    return {f"{name}.seeds": f"{len(solved)} of {len(rows)}", **updates}


def solved_or_best(rows):
    """The same; where no seed solved, the best accuracy that one had at an evaluation: 0/3, .45 or .9973."""
    said, best = solved_of(rows), max(row["best_accuracy"] for row in rows)
    return said if said[0] != "0" else f"{said}, {decimals(best, 4 if NEARLY < best < 1 else 2)}"


def lengths(results):
    """Share solved against T for each cell, digits and initialisation."""
    rows = read_results(results / "part1" / "lengths.csv")
    unsolved = [row for row in select(rows, model_type="RNN") if row["solved_at"] is None]
    tables, values = {}, {"lengths.steps": count(rows[0]["train_steps"]), "lengths.longer": count(LONGER[0])}
    values |= {"lengths.seeds": count(len(SEEDS)), "lengths.fewer": count(len(THREE))}
    if unsolved:
        values["lengths.unsolved_highest"] = decimals(max(row["test_accuracy"] for row in unsolved), 2)
    values["lengths.unsolved_best"] = decimals(NEARLY, 2)
    values["lengths.unsolved_near"] = count(sum(row["best_accuracy"] > NEARLY for row in unsolved))
    values |= {f"palindromes.{T}": count(num_palindromes(T + 1)) for T in (5, 11)}
    for cell, kinds in (
        ("RNN", [(10, "orthogonal"), (10, "xavier"), (10, "normal"), (1, "orthogonal"), (1, "normal")]),
        ("LSTM", [(10, "chrono"), (10, "xavier"), (10, "normal"), (1, "chrono"), (1, "normal")]),
    ):
        of_cell = select(rows, model_type=cell)
        body = []
        for T in SHOWN:
            groups = [select(of_cell, input_length=T, input_dim=D, init=init) for D, init in kinds]
            body.append([str(T), *(solved_or_best(group) if group else "" for group in groups)])
            for (D, init), group in zip(kinds, groups, strict=True):
                values |= in_words(f"lengths.{cell.lower()}.{D}.{init}.{T}", group) if group else {}
        above = ["", r"\multicolumn{3}{c}{one-hot}", r"\multicolumn{2}{c}{scalars}"]
        header = ["$T$", *(init for _, init in kinds)]
        chance = " (a little above .1 is chance, at its best of many)" if cell == "LSTM" else ""
        caption = (
            f"{cell}: seeds that solve $T$, of all seeds, and the median of the updates that they took; where none"
            f" does, the highest held-out accuracy at any evaluation of any seed{chance}."
        )
        name = f"lengths_{cell.lower()}"
        columns = "r" + "l" * len(kinds)
        tables[name] = table(
            name,
            caption,
            "part1/sweep.py --grid lengths",
            columns,
            header,
            body,
            size="scriptsize",
            above=above,
            width=0.49,
        )
        sanity = select(of_cell, input_length=5, input_dim=1)
        own = select(sanity, init="orthogonal" if cell == "RNN" else "chrono")
        if own:
            values[f"sanity.{cell.lower()}"] = decimals(mean(row["test_accuracy"] for row in own), 4)
            values["sanity.seeds"] = str(len(own))
    return {"values": values, "tables": tables}


def optimizers(results):
    rows = read_results(results / "part1" / "optimizers.csv")
    best, body = best_rates(rows), []
    for optimizer, name in NAMES.items():
        groups = [best.get((cell, optimizer)) for cell in ("RNN", "LSTM")]
        cells = [[setting(group[0]["learning_rate"]), solved_of(group)] if group else ["", ""] for group in groups]
        body.append([name, *cells[0], *cells[1]])
    above = ["", r"\multicolumn{2}{c}{RNN}", r"\multicolumn{2}{c}{LSTM}"]
    header = ["", "rate", "seeds (updates)", "rate", "seeds (updates)"]
    steps = count(rows[0]["train_steps"])
    caption = (
        rf"Question 1.4 measured, $T = 10$, digits as scalars: each optimizer at its best rate, within {steps} updates."
    )
    made = table(
        "optimizers",
        caption,
        "part1/sweep.py --grid optimizers",
        "lllll",
        header,
        body,
        size="footnotesize",
        above=above,
        width=0.46,
    )
    least = min(
        (group for group in best.values()), key=lambda group: sum(row["solved_at"] is not None for row in group)
    )
    return {
        "values": {
            "optimizers.least": "all seeds" if all(row["solved_at"] for row in least) else in_words("", least)[".seeds"]
        },
        "tables": {"optimizers": made},
    }


def learning_rates(results):
    """The rates at which each cell solves every seed of every length of the heat map."""
    rows = read_results(results / "part1" / "learning_rates.csv")
    values = {"rates.steps": count(rows[0]["train_steps"])}
    for cell, of_cell in grouped(rows, "model_type").items():
        rates = sorted(rate for rate, group in grouped(of_cell, "learning_rate").items() if share_solved(group) == 1)
        values[f"rates.{cell.lower()}"] = " to ".join(map(setting, dict.fromkeys(rates[:1] + rates[-1:])))
    return {"values": values}


def curves(results):
    """The settings of the LSTMs whose single runs are drawn."""
    lstm = select(read_results(results / "part1" / "curves.csv"), model_type="LSTM")[0]
    return {"values": {f"curves.{name}": setting(lstm[name]) for name in ("num_hidden", "learning_rate")}}


def protocols(results):
    rows = read_results(results / "part1" / "protocols.csv")
    kinds = [("RNN", "normal"), ("RNN", "orthogonal"), ("LSTM", "normal"), ("LSTM", "chrono")]
    body = []
    for B in (128, 256, 512):
        of_batch = select(rows, batch_size=B)
        for T in [T for T in (SHOWN if B == 128 else LARGER) if select(of_batch, input_length=T)]:
            groups = [select(of_batch, input_length=T, model_type=cell, init=init) for cell, init in kinds]
            cells = [decimals(mean(row["training_accuracy"] for row in group), 2) if group else "" for group in groups]
            body.append([str(B), str(T), *cells])
        body.append(None)
    steps = count(rows[0]["train_steps"])
    caption = (
        f"As Chouliaras measured (Question 1.6): mean training accuracy of the last 250 of {steps} updates; digits as"
        " scalars."
    )
    above = ["", "", r"\multicolumn{2}{c}{RNN}", r"\multicolumn{2}{c}{LSTM}"]
    header = ["batch", "$T$", *(init for _, init in kinds)]
    made = table(
        "protocols",
        caption,
        "part1/sweep.py --grid protocols",
        "rrllll",
        header,
        body[:-1],
        size="footnotesize",
        above=above,
        width=0.5,
    )
    return {"values": {"protocols.steps": steps}, "tables": {"protocols": made}}


def agreement(results):
    """Configurations that were trained more than once, for several tables: how many of them agree. One training that
    stands in two tables, which has one date, counts once."""
    runs = {}
    for path in sorted((results / "part1").glob("*.csv")):
        for row in read_results(path):
            if "training_accuracy" in row and not row["reservoir"]:
                runs.setdefault(tuple(row[name] for name in SAME), {})[row["date"]] = row
    several = [list(trainings.values()) for trainings in runs.values() if len(trainings) > 1]
    updates = [{solved_by(row, min(row["train_steps"] for row in group)) for row in group} for group in several]
    return {
        "values": {
            "agreement.runs": count(len(several)),
            "agreement.same": count(sum(len(found) == 1 for found in updates)),
            "agreement.opposed": count(sum(len(found) > 1 and None in found for found in updates)),
        }
    }


def solved_by(row, steps):
    """The update at which a run had solved its length, None if it had not after as many updates as this."""
    return row["solved_at"] if row["solved_at"] is not None and row["solved_at"] <= steps else None


def speed(results):
    found = read_json(results / "part1" / "speed.json")
    rows = found["rows"]
    values = {f"machine.{name}": str(value) for name, value in found["machine"].items()}
    values["machine.torch"] = values["machine.torch"].split("+")[0]
    for form, kinds in (("by hand", {"fresh": "lstm", "kept": "kept"}), ("readable", {"fresh": "readable"})):
        for row in select(rows, cell="LSTM", form=form):
            if row["memory"] in kinds:
                name = f"speed.{kinds[row['memory']]}.{row['threads']}.{row['T']}"
                values[name] = decimals(row["speed_to_torch_nn"], 2)
    return {"values": values}


ITEMS = [
    settings,
    gradients,
    gradient_flow,
    parameters,
    lengths,
    optimizers,
    learning_rates,
    curves,
    protocols,
    agreement,
    speed,
]
