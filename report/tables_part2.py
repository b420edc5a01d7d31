# SPDX-License-Identifier: MIT
"""The numbers and tables of part 2. Each function takes the folder of results and returns values and tables."""

from statistics import mean, median, stdev

from common.run import read_json
from part1.sweep_results import read_results, select
from part2.dataset import FrequencyDataset
from part2.flags import complete, parser
from part2.plots import R_ON, S, τ
from part2.result_plots import CELLS, PAPER, SAMPLINGS
from part2.time_gate import R_ON_BOUNDS
from report.latex import count, decimals, setting, table

NEAR = {"tau": 0.5, "s": 0.5, "r_on": 0.1}  # where the right values are 20, 6.3 and .3
LEARNED = 0.01  # squared error of the adding problem below which it counts as learned
NAMES = {"tau": r"$\tau$", "s": "$s$", "r_on": "$r_{on}$"}


def of_cell(rows, cell):
    """The rows of a cell of CELLS; a table has nothing where the LSTM has no variant."""
    return select(rows, model_type=cell[0], variant=cell[1] or None, init=cell[2])


def spread(values, digits):
    """Mean, standard deviation and number of seeds."""
    text = f"{mean(values):.{digits}f}"
    return (rf"{text} $\pm$ {decimals(stdev(values), digits)}" if len(values) > 1 else text) + f" ({len(values)})"


def frequency(results):
    rows = read_results(results / "part2" / "frequency.csv")
    body, values = [], {}
    for cell, (label, *_) in CELLS.items():
        if not of_cell(rows, cell):
            continue
        cells = [label]
        for sampling in SAMPLINGS:
            percent = [100 * row["test_accuracy"] for row in select(of_cell(rows, cell), sampling=sampling)]
            cells.append(spread(percent, 2) if percent else "")
            values |= {f"frequency.{sampling}.{label}": rf"{mean(percent):.1f}\,\%"} if percent else {}
            values |= until_target(sampling, label, select(of_cell(rows, cell), sampling=sampling))
        body.append(cells)
    body.append(None)
    for place, label in enumerate(("notebook: time gate", "notebook: LSTM")):
        body.append([label, *(f"{PAPER[sampling][place]:.1f}" for sampling in SAMPLINGS)])
    header = ["", *SAMPLINGS.values()]
    caption = "Frequency discrimination: held-out accuracy in per cent, mean, standard deviation and (seeds)."
    config = parser("frequency").parse_args(["--device", "cpu"])
    complete(config)
    gated = select(rows, model_type="GatedLSTM", variant="phased", sampling="standard")
    plain = select(rows, model_type="LSTM", init="forget1", sampling="standard")
    values |= {
        "frequency.ceiling": rf"{100 * FrequencyDataset('standard').ceiling():.2f}\,\%",
        "frequency.notebook.LSTM": rf"{PAPER['standard'][1]:.1f}\,\%",
        "frequency.notebook.highres.LSTM": rf"{PAPER['highres'][1]:.1f}\,\%",
        "frequency.steps": count(config.train_steps),
        "frequency.r_on": decimals(config.r_on, 2),
        "frequency.log_tau": " to ".join(setting(value) for value in config.log_tau),
        "frequency.rate": setting(config.learning_rate),
        "frequency.batch": str(config.batch_size),
        "frequency.num_hidden": str(config.num_hidden),
        "frequency.shut": shut_units(results),
        "frequency.updates": rf"{100 * mean(row['share_open'] for row in gated):.1f}\,\%",
        "frequency.needed": millions(row["share_open"] * row["multiply_adds"] for row in gated),
        "frequency.all": millions(row["multiply_adds"] for row in gated),
        "frequency.lstm": millions(row["multiply_adds"] for row in plain),
    }
    return {
        "values": values,
        "tables": {
            "frequency": table(
                "frequency",
                caption,
                "part2/experiments.py --grid frequency",
                "llll",
                header,
                body,
                size="scriptsize",
                width=0.53,
            )
        },
    }


def until_target(sampling, label, rows):
    """The accuracy in validation that ends a run, and the median of the updates until it, where all runs end so."""
    if not rows or any(row["reached_at"] is None for row in rows):
        return {}
    updates = count(round(median(row["reached_at"] for row in rows)))
    return {
        f"frequency.{sampling}.target": setting(rows[0]["target"]),
        f"frequency.{sampling}.{label}.updates": updates,
    }


def shut_units(results):
    """How many units' openings ended at the least there is, of the first seed's phased cell at standard sampling."""
    rows = read_results(results / "part2" / "frequency_rhythms.csv")
    r_on = [row["r_on"] for row in select(rows, variant="phased", sampling="standard")]
    return f"{sum(value <= R_ON_BOUNDS[0] for value in r_on)} of {len(r_on)}"


def drawing(results):
    """The values of the gate that is drawn."""
    return {"values": {"gate.tau": setting(τ), "gate.s": setting(S), "gate.r_on": setting(R_ON)}}


def millions(values):
    return decimals(mean(values) / 1e6, 2)


def adding(results):
    rows = read_results(results / "part2" / "adding.csv")
    curves = read_results(results / "part2" / "adding_curves.csv")
    body, values = [], {}
    seeds = sorted({row["seed"] for row in rows})
    for cell, (label, *_) in CELLS.items():
        group = of_cell(rows, cell)
        learned = [learned_at(select(of_cell(curves, cell), seed=row["seed"])) for row in group]
        learned = [step for step in learned if step]
        if group:
            said = f"{count(round(median(learned)))} ({len(learned)}/{len(group)})" if learned else f"0/{len(group)}"
            errors = {row["seed"]: decimals(row["test_mse"], 4) for row in group}
            body.append([label, *(errors.get(seed, "") for seed in seeds), said])
            values[f"adding.{label}"] = f"{len(learned)} of {len(group)}"
            values |= {f"adding.{label}.updates": count(round(median(learned)))} if learned else {}
    target, steps = setting(rows[0]["target"]), count(rows[0]["train_steps"])
    caption = (
        f"The adding problem over $T = {rows[0]['input_length']}$: squared error on {count(rows[0]['test_size'])}"
        f" held-out sequences for each seed (always answering 1 costs {decimals(rows[0]['baseline'], 4)}), and the"
        f" median of the updates (seeds) after which it is first below {setting(LEARNED)} in validation; at most"
        f" {steps} updates, or until three evaluations in a row are below {target}."
    )
    header = ["", *(f"seed {seed}" for seed in seeds), f"below {setting(LEARNED)}"]
    made = table(
        "adding",
        caption,
        "part2/experiments.py --grid adding",
        "l" * (len(seeds) + 2),
        header,
        body,
        size="scriptsize",
        width=0.45,
    )
    gated = select(rows, model_type="GatedLSTM")[0]
    low, high = str(gated["log_tau"]).split()
    values |= {
        "adding.learned": setting(LEARNED),
        "adding.steps": steps,
        "adding.T": count(rows[0]["input_length"]),
        "adding.rate": setting(rows[0]["learning_rate"]),
        "adding.log_tau": f"{setting(float(low))} to {setting(float(high))}",
        "adding.r_on": setting(gated["r_on"]),
    }
    return {"values": values, "tables": {"adding": made}}


def learned_at(curve):
    """The update of the first evaluation with an error below LEARNED, or None."""
    steps = [row["step"] for row in curve if row["validation_loss"] < LEARNED]
    return min(steps, default=None)


def learnability(results):
    found = read_json(results / "part2" / "learnability.json")
    right, groups = found["task"]["right"], {}
    for row in found["paths"]:
        groups.setdefault((tuple(row["learn"]), tuple(row["start"].items())), []).append(row)
    body = []
    for (learn, start), rows in groups.items():
        start = dict(start)
        cells = [", ".join(rf"{NAMES[name]} from {setting(start[name])} ({setting(right[name])})" for name in learn)]
        for variant in ("assignment", "phased"):
            of_variant = select(rows, variant=variant)
            ends = [median(row[name][-1] for row in of_variant) for name in learn]
            cells.append(", ".join(decimals(end, 2) for end in ends))
            right_ones = sum(all(near(name, row, right) for name in learn) for row in of_variant)
            cells.append(f"{right_ones}/{len(of_variant)}")
            cells.append(decimals(mean(row["accuracy"] for row in of_variant), 3))
        body.append(cells)
    values = {
        f"learn.{name}": ends_right([row for row in found["paths"] if row["learn"] == [name]], right) for name in right
    }
    together = [row for row in found["paths"] if len(row["learn"]) > 1]
    lost = [row["accuracy"] for row in together if not near("tau", row, right)]
    values |= {"learn.together": f"{len(together) - len(lost)} of {len(together)}"}
    values["learn.together.r_on"] = f"{sum(near('r_on', row, right) for row in together)} of {len(together)}"
    all_three = sum(all(near(name, row, right) for name in NEAR) for row in together)
    values["learn.together.all"] = f"{all_three} of {len(together)}"
    values |= {f"learn.near.{name}": decimals(NEAR[name], 1) for name in NEAR}
    if lost:
        values |= {"learn.lost": f"{decimals(min(lost), 2)} to {decimals(max(lost), 2)}"}
    values |= {"learn.best": decimals(found["task"]["best_accuracy"], 3)}
    values |= {f"learn.right.{name}": setting(value) for name, value in right.items()}
    values |= {
        "learn.seeds": count(len(found["config"]["seeds"])),
        "learn.steps": count(found["config"]["train_steps"]),
    }
    values |= {f"learn.{name}": setting(found["task"][name]) for name in ("T", "noise")}
    values |= {"learn.num_hidden": str(found["config"]["num_hidden"])}
    of_each = ["ends at", "right", "accuracy"]
    header = ["learned, from (right)", "assignment: " + of_each[0], *of_each[1:], "phased: " + of_each[0], *of_each[1:]]
    caption = (
        f"Question 2.3 measured: where each parameter ends after {count(found['config']['train_steps'])} updates"
        f" (median of {len(found['config']['seeds'])} seeds), how many seeds end with every value near the right one,"
        " and the mean accuracy (the best possible:"
        f" {decimals(found['task']['best_accuracy'], 3)}). The phased cell's gate leaks, the assignment's does not."
    )
    made = table("learnability", caption, "part2/learnability.py", "lllllll", header, body, size="footnotesize")
    return {"values": values, "tables": {"learnability": made}}


def near(name, row, right):
    """Whether a path ends near the right value."""
    return abs(row[name][-1] - right[name]) < NEAR[name]


def ends_right(rows, right):
    return f"{sum(near(row['learn'][0], row, right) for row in rows)} of {len(rows)}"


ITEMS = [drawing, frequency, adding, learnability]
