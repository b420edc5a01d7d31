# SPDX-License-Identifier: MIT
"""The numbers and tables of part 3. Each function takes the folder of results and returns values and tables."""

from common.run import read_json
from part1.sweep_results import read_results
from part3.findings import SENTENCES
from part3.flags import parser
from part3.text_plots import title
from report.latex import breakable, count, decimals, escape, paragraph, power, table

CHOULIARAS_LOSS = {3600: 1.24, 7001: 1.03, 10601: 0.99, 14101: 0.97, 17401: 0.94}  # its table 1


OPENED = {
    "environment": r"\texttt{\textbackslash begin\{...\}}",
    "display": r"\texttt{\textbackslash [}",
    "dollar": r"\texttt{\$}",
    "brace": r"\texttt{\{}",
    "element": r"\texttt{\textless ...\textgreater}",
}
SOURCES = {"calculus": r"\LaTeX", "html": "HTML"}
ENGLISH = SENTENCES[4:8]  # of the prompts that both languages were given
LANGUAGES = {
    "grimm": "Grimm",
    "grimm_licence": "Grimm, licence",
    "quijote": "Quijote",
    "quijote_licence": "Quijote, licence",
}


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
        "tables": {
            "grimm": table("grimm", caption, "part3/experiments.py", "rlllll", header, body, size="footnotesize")
        }
    }


def samples(results):
    """Samples over training, with the loss then."""
    runs = read(results, "training")["runs"]
    body = []
    for name in [name for name in ("grimm", "anna_karenina", "quijote") if name in runs]:
        for sample in runs[name]["samples"]:
            if sample["temperature"] not in (0.5, 1.0) or (sample["temperature"] == 1.0 and sample["step"] > 0):
                continue  # before training there is one at temperature 1 alone
            losses = [sample[name] for name in ("training_loss", "training_bpc", "validation_bpc")]
            body.append([
                title(name), count(sample["step"]), *("--" if loss is None else decimals(loss, 2) for loss in losses),
                rf"\texttt{{{escape(sample['text'][:50])}}}",
            ])  # fmt: skip
        body.append(None)
    header = ["", "update", "nats", "bpc", "held out", "sample after a random first character"]
    caption = (
        "Samples over the course of training, with the mean training loss then, in nats and in bits per character, and"
        " the last loss of the validation part by then, in bits. Drawn at temperature .5, before the first update at 1;"
        " cut at 50 characters."
    )
    return {
        "tables": {
            "samples": table("samples", caption, "part3/experiments.py", "lrllll", header, body[:-1], size="scriptsize")
        }
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
    header = ["", "nats", "bits", "held out, bits", "lowest (update)", "sample"]
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
        body.append([f"{sample['temperature']:g}", *numbers, paragraph(text, 0.62)])
    numbers = [decimals(found["test"][name]["mean"], 2) for name in ("entropy", "repetition", "misspelt")]
    body += [None, ["test part", *numbers, ""]]
    header = ["temperature", "entropy", "repeated", "new words", "text"]
    caption = (
        "Temperature, at the same first character. The model's entropy along its text, or along the test part, in nats"
        " per character; the share of 8-grams that have stood in the text before; the share of words that are not in"
        f" the training part. Means over {found['num_samples']} texts of {count(found['length'])} characters."
    )
    made = table("temperature", caption, "part3/temperature.py", "lllll", header, body, size="footnotesize")
    entropy = decimals(found["test"]["entropy"]["mean"], 2)
    values = {"temperature.entropy": entropy, "temperature.loss": decimals(read(results, "test_static")["loss"], 2)}
    return {"values": values, "tables": {"temperature": made}}


def sentences(results):
    found = read(results, "sentences")
    runs = {name: {row["prompt"]: row["texts"] for row in run["rows"]} for name, run in found["runs"].items()}
    prompts = list(next(iter(runs.values())))
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


def styles(results):
    """The four books' texts after one prompt, and each model's loss on the other books' test parts."""
    found = read(results, "books")
    names = list(found["runs"])
    body = []
    for name, run in found["runs"].items():
        losses = [decimals(run["test_parts"][other]["bpc"], 2) for other in names]
        text = rf"\texttt{{{escape(run['texts']['0.5'])}}}"
        body.append([title(name), *losses, paragraph(text, 0.5)])
    caption = (
        "Style as a number: bits per character of each model (rows) on the test part of each book (columns), and what"
        f" it writes after “{escape(found['prompt'])}” at temperature .5."
    )
    header = ["", *(title(name) for name in names), "text"]
    return {
        "tables": {
            "styles": table(
                "styles", caption, "part3/experiments.py", "l" * len(header), header, body, size="scriptsize"
            )
        }
    }


def heldout(results):
    """Bits per character of Grimm's held-out parts beside compressors."""
    body = [
        [escape(name), *(decimals(parts[part], 3) for part in ("validation", "test"))]
        for name, parts in read(results, "compressors")["bits_per_character"].items()
    ]
    body.append(None)
    for kind in ("static", "dynamic"):
        found = [read(results, f"{part}_{kind}")["bpc"] for part in ("validation", "test")]
        body.append([f"best run, {kind}", *(decimals(value, 3) for value in found)])
    caption = r"\emph{Grimm's Fairy Tales}, bits per character."
    tried = [row["bpc"] for row in read_results(results / "part3" / "dynamic_tuning.csv")]
    values = {"dynamic.tried": str(len(tried)), "dynamic.lowest": decimals(min(tried), 3)}
    values |= {"dynamic.highest": decimals(max(tried), 3)}
    config = read(results, "activations")["config"]  # of the best run
    values |= {"best.layers": str(config["lstm_num_layers"]), "best.units": str(config["lstm_num_hidden"])}
    values |= {"best.steps": count(config["train_steps"])}
    made = table(
        "heldout",
        caption,
        "part3/compressors.py and part3/evaluate.py",
        "lll",
        ["", "validation", "test"],
        body,
        size="footnotesize",
        width=0.36,
    )
    return {"values": values, "tables": {"heldout": made}}


def shakespeare(results):
    """The loss on nanoGPT's split of Shakespeare, 90 / 10."""
    return {"values": {"shakespeare.nats": decimals(read(results, "shakespeare_validation")["loss"], 3)}}


def novelty(results):
    found = read(results, "novelty")
    rows = [(f"{row['temperature']:g}", row) for row in found["temperatures"]] + [("test part", found["test"])]
    body = [
        [name, f"{row['longest_run']['mean']:.0f}", str(row["longest_run"]["max"]),
         decimals(row["known_20_grams"]["mean"], 3)]
        for name, row in rows
    ]  # fmt: skip
    header = ["temperature", "longest run, mean", "at most", "20-grams"]
    caption = (
        f"Memorised or new: of {found['num_samples']} texts of {count(found['length'])} characters at each temperature,"
        " the longest run of characters that stands in the training part, and the share of their 20-grams that do."
    )
    own = found["test"]["known_20_grams"]["mean"]
    more = max(row["temperature"] for row in found["temperatures"] if row["known_20_grams"]["mean"] > own)
    values = {"novelty.more": decimals(more, 2)}
    made = table("novelty", caption, "part3/novelty.py", "llll", header, body, size="footnotesize", width=0.6)
    return {"values": values, "tables": {"novelty": made}}


def markup(results):
    """The share of what is opened that is closed, in generated LaTeX and HTML and in pieces of the training text."""
    body = []
    for name, run in read(results, "markup")["runs"].items():
        for kind in run["training_pieces"]:
            columns = [run["generated"][T][kind] for T in ("0", "0.5", "1")] + [run["training_pieces"][kind]]
            cells = [decimals(c["share_closed"], 2) if c["opened"] else "none opened" for c in columns]
            body.append([SOURCES[name], OPENED[kind], *cells])
    header = ["", "opened", "greedy", "temperature .5", "1", "training text in such pieces"]
    caption = (
        "Generated source: the share of what is opened that is closed again, in the right order. Texts end anywhere, so"
        " that of the training text's own pieces of that length not all is closed either."
    )
    return {
        "tables": {
            "markup": table("markup", caption, "part3/experiments.py", "llllll", header, body),
            "source": source(results),
        }
    }


def source(results):
    """Generated LaTeX and HTML, 250 characters of each model's first text at temperature .5."""
    body = []
    for name, run in read(results, "markup")["runs"].items():
        sample = next(sample for sample in run["samples"] if sample["temperature"] == 0.5)
        text = rf"\texttt{{{breakable(sample['prompt'])}$\triangleright${breakable(sample['text'][:250])}}}"
        body.append([SOURCES[name], paragraph(text, 0.85)])
    caption = "Generated source at temperature .5, after the beginning that it was given, up to $\\triangleright$."
    return table("source", caption, "part3/experiments.py", "ll", ["", ""], body, size="scriptsize")


def languages(results):
    """English and Spanish prompts to models of either language, with and without the licence."""
    found = read(results, "languages")
    names = [name for name in LANGUAGES if name in found["runs"]]
    rows = {
        name: {row["prompt"]: row for row in run["rows"] if row["temperature"] == 0.5}
        for name, run in found["runs"].items()
    }
    body = []
    for prompt in rows[names[0]]:
        cells = [f"{100 * rows[name][prompt]['name_gutenberg']:.0f}" for name in names]
        cells += [f"{100 * rows[name][prompt]['spanish_words']:.0f}" for name in names if "quijote" in name]
        body.append([paragraph(escape(prompt), 0.25), *cells])
    header = [LANGUAGES[name] for name in names]
    header += [f"{LANGUAGES[name]}: Spanish" for name in names if "quijote" in name]
    header = ["prompt", *(paragraph(words, 0.1) for words in header)]
    updates = [f"{LANGUAGES[name]} {count(found['runs'][name]['step'])}" for name in names]
    caption = (
        rf"Two languages: of {found['texts']} texts of {found['length']} characters after each prompt (temperature .5),"
        " the percentage that name Gutenberg, and that of Spanish among the words that are of one language alone."
        f" Updates of training: {'; '.join(updates)}."
    )
    made = table(
        "languages", caption, "part3/experiments.py", "l" * len(header), header, body, size="scriptsize", width=0.6
    )
    shares = [rows["quijote_licence"][prompt]["name_gutenberg"] for prompt in ENGLISH]
    values = {"languages.english": str(len(ENGLISH)), "languages.prompts": str(sum(share > 0 for share in shares))}
    values["languages.most"] = rf"{100 * max(shares):.0f}\,\%"
    return {"values": values, "tables": {"languages": made}}


def memory(results):
    """What the characters before the last T are worth."""
    gains = {name: run["gain"] for name, run in read(results, "memory")["runs"].items()}
    return {
        "values": {
            f"memory.{name}": rf"{decimals(gain['mean'], 4)} $\pm$ {decimals(gain['standard_error'], 4)}"
            for name, gain in gains.items()
        }
    }


def cells(results):
    """The correlations of the best cells with what they keep count of, on the test part."""
    values = {}
    for cell in read(results, "activations")["cells"]:
        values.setdefault(f"cells.{cell['feature'].split()[-1]}", decimals(abs(cell["test"]), 2))
    return {"values": values}


def numpy_network(results):
    found = read(results, "numpy_ablations")
    worst = max(found["gradient_errors"].values())
    return {"values": {"numpy.smooth": decimals(lowest_smooth_loss(found), 3), "numpy.check": power(worst)}}


def lowest_smooth_loss(found):
    """Of the AdaGrad runs of the NumPy network; those that failed have none."""
    rows = [row for row in found["rows"] if row["optimizer"] == "adagrad" and "failed" not in row]
    return min(row["lowest_smooth_loss"] for row in rows)


ITEMS = [
    settings, grimm, samples, democracy, temperature, sentences, styles, heldout, shakespeare, novelty, markup,
    languages, memory, cells, numpy_network,
]  # fmt: skip
