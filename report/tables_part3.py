# SPDX-License-Identifier: MIT
"""The numbers and tables of part 3's questions. Each function takes the folder of results and returns both."""

from common.run import read_json
from part3.flags import parser
from part3.text_plots import title
from report.latex import count, decimals, escape, paragraph, setting, table

LEFT_OUT = ("The princess said:", "The forest was", "The night was dark")  # stand in sentences.json
CHOULIARAS_LOSS = {3600: 1.24, 7001: 1.03, 10601: 0.99, 14101: 0.97, 17401: 0.94}  # its table 1


def read(results, name):
    return read_json(results / "part3" / f"{name}.json")


def settings(results):
    defaults = parser().parse_args(["--txt_file", "x"])
    held_out = (1 - defaults.val_fraction - defaults.test_fraction, defaults.val_fraction, defaults.test_fraction)
    split = " / ".join(f"{100 * share:.0f}" for share in held_out) + r"\,\%"
    values = {"text.seq_length": str(defaults.seq_length), "text.split": split, "text.batch": str(defaults.batch_size)}
    values |= {"text.layers": str(defaults.lstm_num_layers), "text.units": str(defaults.lstm_num_hidden)}
    return {"values": values | {"text.rate": decimals(defaults.learning_rate, 3)}}


def loss_near(curve, step, within=100):
    """The mean of a run's loss curve over the updates near one, or its nearest point where they stand farther apart."""
    within = max(within, min(abs(at - step) for at in curve["step"]))
    near = [loss for at, loss in zip(curve["step"], curve["loss"], strict=True) if abs(at - step) <= within]
    return sum(near) / len(near)


def last_before(curve, step):
    return next(loss for at, loss in zip(curve["step"][::-1], curve["loss"][::-1], strict=True) if at <= step)


def worse_from(run, other):
    """The update from which on a run's validation loss is above another's, at the same updates."""
    run, other = run["validation_curve"], other["validation_curve"]
    better = [at for at, loss in zip(run["step"], run["loss"], strict=True) if loss <= last_before(other, at)]
    return int(min(at for at in run["step"] if at > max(better)))


def grimm(results):
    """Training and validation loss of Grimm with and without the state carried, where a report has its own."""
    runs = read(results, "training")["runs"]
    body = []
    for step, theirs in CHOULIARAS_LOSS.items():
        cells = [count(step), decimals(theirs, 2)]
        for run in (runs["grimm"], runs["grimm_stream"]):
            cells += [decimals(loss_near(run["training_curve"], step), 2)]
            cells += [decimals(last_before(run["validation_curve"], step), 2)]
        body.append(cells)
    header = ["update", "Chouliaras", "windows: training", "validation", "state carried: training", "validation"]
    caption = (
        "Grimm at the template's flags, nats per character: the mean training loss near an update, and the last"
        " validation loss before it. Chouliaras's loss is that of a batch."
    )
    return {
        "values": {"text.worse": count(worse_from(runs["grimm_stream"], runs["grimm"]))},
        "tables": {
            "grimm": table("grimm", caption, "part3/experiments.py", "rlllll", header, body, size="footnotesize")
        },
    }


def samples(results):
    """Samples over training, with the loss then."""
    runs = read(results, "training")["runs"]
    body = []
    for name in [name for name in ("grimm", "anna_karenina") if name in runs]:
        for sample in runs[name]["samples"]:
            if sample["temperature"] not in (0.5, 1.0) or (sample["temperature"] == 1.0 and sample["step"] > 0):
                continue  # before training there is one at temperature 1 alone
            losses = [sample[name] for name in ("training_loss", "training_bpc", "validation_bpc")]
            body.append([
                title(name), count(sample["step"]), *("--" if loss is None else decimals(loss, 2) for loss in losses),
                rf"\texttt{{{escape(sample['text'][:50])}}}",
            ])  # fmt: skip
        body.append(None)
    header = ["", "update", "nats", "bpc", "validation", "sample (its first character random)"]
    caption = (
        "Samples over the course of training, with the mean training loss then, in nats and in bits per character, and"
        " the validation loss, in bits (-- where it was not evaluated). Drawn at temperature .5, see (c), as greedy"
        r" text loops (at 1 before the first update); $\hookleftarrow$ is the end of a line."
    )
    values = {"text.quijote.steps": count(runs["quijote"]["steps"])} if "quijote" in runs else {}
    return {
        "values": values,
        "tables": {
            "samples": table("samples", caption, "part3/experiments.py", "lrllll", header, body[:-1], size="scriptsize")
        },
    }


def democracy(results):
    """Democracy in America with and without dropout: the losses at the end, and sentences of 50 characters."""
    runs = read(results, "training")["runs"]
    body = []
    for name in ("democracy", "democracy_dropout"):
        losses = [runs[name]["samples"][-1][loss] for loss in ("training_loss", "training_bpc", "validation_bpc")]
        best = f"{decimals(runs[name]['validation_bpc'], 3)} ({count(runs[name]['best_step'])})"
        cells = [title(name), *(decimals(loss, 2) for loss in losses), best]
        for sentence in runs[name]["sentences"]:
            if sentence["temperature"] == 0.5:
                body.append([*cells, rf"\texttt{{{escape(sentence['text'])}}}"])
                cells = [""] * len(cells)
    steps, config = runs["democracy"]["steps"], runs["democracy"]["config"]
    caption = (
        rf"\emph{{Democracy in America}}, $T = {config['seq_length']}$, after {count(steps)} updates with and without"
        " dropout: the training loss in nats and in bits, the validation loss in bits and its lowest value, and two"
        " samples that begin with I and P (temperature .5)."
    )
    header = ["", "training: nats", "bits", "validation: bits", "lowest (update)", "sample"]
    return {
        "values": {"democracy.best_step": count(runs["democracy"]["best_step"])},
        "tables": {
            "democracy": table("democracy", caption, "part3/experiments.py", "llllll", header, body, size="scriptsize")
        },
    }


def temperature(results):
    found = read(results, "temperature")
    rows = {row["temperature"]: row for row in found["temperatures"]}
    body = []
    for sample in found["samples"]:
        row = rows[sample["temperature"]]
        numbers = [decimals(row[name]["mean"], 2) for name in ("entropy", "repetition", "misspelt")]
        text = rf"\texttt{{{escape(sample['text'][:130])}}}"
        body.append([setting(sample["temperature"]), *numbers, paragraph(text, 0.62)])
    numbers = [decimals(found["test"][name]["mean"], 2) for name in ("entropy", "repetition", "misspelt")]
    body += [None, ["test part", *numbers, ""]]
    header = ["temperature", "entropy", "repeated", "new words", "text"]
    first = found["samples"][0]["text"][0]
    caption = (
        f"Temperature, after the same first character, {first}. The model's entropy along its text, or along the test"
        " part, in nats per character; the share of 8-grams that have stood in the text before; the share of words that"
        f" are not in the training part. Means over {found['num_samples']} texts of {count(found['length'])}"
        " characters."
    )
    made = table("temperature", caption, "part3/temperature.py", "lllll", header, body, size="footnotesize")
    entropy = decimals(found["test"]["entropy"]["mean"], 2)
    values = {"temperature.entropy": entropy, "temperature.loss": decimals(read(results, "test_static")["loss"], 2)}
    return {"values": values, "tables": {"temperature": made}}


def sentences(results):
    found = read(results, "sentences")
    runs = {name: {row["prompt"]: row["texts"] for row in run["rows"]} for name, run in found["runs"].items()}
    prompts = [prompt for prompt in next(iter(runs.values())) if prompt not in LEFT_OUT]
    body = [
        [paragraph(rf"\textbf{{{escape(prompt)}}}", 0.17)]
        + [paragraph(escape(texts[prompt][temperature]), 0.26) for texts in runs.values()]
        for temperature, some in (("0", prompts[:1]), ("0.5", prompts))
        for prompt in some
    ]
    body.insert(1, None)
    steps = count(next(iter(found["runs"].values()))["step"])
    caption = (
        f"Sentences finished with {found['length']} characters by models at the template's flags (Democracy: $T = 50$)"
        f" after {steps} updates: the first greedily, then all at temperature .5."
    )
    header = ["", *(title(name) for name in runs)]
    made = table("sentences", caption, "part3/experiments.py", "l" * len(header), header, body, size="scriptsize")
    return {"tables": {"sentences": made}}


def memory(results):
    """What the characters before the last T are worth."""
    runs = read(results, "memory")["runs"]
    gains = {
        f"memory.{name}": rf"{decimals(run['gain']['mean'], 4)} $\pm$ {decimals(run['gain']['standard_error'], 4)}"
        for name, run in runs.items()
    }
    far = {f"memory.far.{name}": decimals(run["far"]["mean"], 3) for name, run in runs.items()}
    return {"values": gains | far | {f"memory.step.{name}": count(run["step"]) for name, run in runs.items()}}


ITEMS = [settings, grimm, samples, democracy, temperature, sentences, memory]
