# SPDX-License-Identifier: MIT
"""The numbers and tables of what the text models show beyond the questions. Each function takes the folder of results
and returns values and tables."""

from math import hypot

from part1.sweep_results import read_results
from part3 import numpy_rnn
from part3.findings import SENTENCES
from part3.text_plots import title
from report.latex import breakable, count, decimals, escape, paragraph, power, setting, table
from report.tables_part3 import read

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
        f" it writes after “{escape(found['prompt'])}” at temperature .5. Characters unknown to a model are left out of"
        " what it reads."
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
    values |= {"best.steps": count(config["train_steps"]), "best.embedding": str(config["embedding"])}
    values |= {"best.seq_length": str(config["seq_length"])}
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
    rows = [(setting(row["temperature"]), row) for row in found["temperatures"]] + [("test part", found["test"])]
    body = [
        [name, f"{row['longest_run']['mean']:.0f}", str(row["longest_run"]["max"]),
         decimals(row["known_20_grams"]["mean"], 3)]
        for name, row in rows
    ]  # fmt: skip
    header = ["temperature", "mean run", "longest", "20-grams"]
    caption = (
        f"Memorised or new: of {found['num_samples']} texts of {count(found['length'])} characters at each temperature,"
        " the longest run (in characters) that stands in the training part, its mean over the texts and its maximum,"
        f" and the share of their 20-grams that do; beside them {found['test']['texts']} pieces of the test part."
    )
    own = found["test"]["known_20_grams"]
    more = [row["temperature"] for row in found["temperatures"] if clearly_above(row["known_20_grams"], own)]
    values = {"novelty.more": setting(max(more))} if more else {}
    made = table("novelty", caption, "part3/novelty.py", "llll", header, body, size="footnotesize", width=0.6)
    return {"values": values, "tables": {"novelty": made}}


def markup(results):
    """The share of what is opened that is closed, in generated LaTeX and HTML and in pieces of the training text."""
    found, body = read(results, "markup"), []
    for name, run in found["runs"].items():
        for kind in run["training_pieces"]:
            columns = [run["generated"][T][kind] for T in ("0", "0.5", "1")] + [run["training_pieces"][kind]]
            cells = [decimals(c["share_closed"], 2) if c["opened"] else "none opened" for c in columns]
            body.append([SOURCES[name], OPENED[kind], *cells])
    header = ["", "opened", "greedy", "temperature .5", "temperature 1", "training text"]
    caption = (
        f"Generated source after \\emph{{Calculus Made Easy}} and Python's tutorial, {found['num_samples']} texts of"
        f" {count(found['length'])} characters: the share of what is opened that is closed again, in the right order."
        " They end anywhere, and so do pieces of that length of the training text, of which not all is closed either."
    )
    return {
        "tables": {
            "markup": table("markup", caption, "part3/experiments.py", "llllll", header, body, size="scriptsize"),
            "source": source(results),
        }
    }


def source(results):
    """Generated LaTeX and HTML, 180 characters of each model's first text at temperature .5."""
    found, body = read(results, "markup"), []
    for name, run in found["runs"].items():
        sample = next(sample for sample in run["samples"] if sample["temperature"] == 0.5)
        text = rf"\texttt{{{breakable(sample['prompt'])}$\triangleright${breakable(sample['text'][:180])}}}"
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
        body.append([paragraph(escape(prompt), 0.22), *cells])
    both = [name for name in names if "quijote" in name]
    above = ["", rf"\multicolumn{{{len(names)}}}{{c}}{{\% name Gutenberg}}"]
    above += [rf"\multicolumn{{{len(both)}}}{{c}}{{\% Spanish}}"]
    header = ["prompt", *(paragraph(LANGUAGES[name], 0.09) for name in names + both)]
    updates = [f"{LANGUAGES[name]} {count(found['runs'][name]['step'])}" for name in names]
    caption = (
        rf"Two languages: of {found['texts']} texts of {found['length']} characters after each prompt (temperature .5),"
        " the share that name Gutenberg, and that of Spanish among the words that are of one language alone."
        f" Updates of training: {'; '.join(updates)}."
    )
    made = table(
        "languages",
        caption,
        "part3/experiments.py",
        "l" * len(header),
        header,
        body,
        size="scriptsize",
        above=above,
    )
    shares = [rows["quijote_licence"][prompt]["name_gutenberg"] for prompt in ENGLISH]
    values = {"languages.english": str(len(ENGLISH)), "languages.prompts": str(sum(share > 0 for share in shares))}
    values["languages.most"] = rf"{100 * max(shares):.0f}\,\%"
    return {"values": values, "tables": {"languages": made}}


def cells(results):
    """The correlations of the best cells with what they keep count of, on the test part."""
    values = {}
    for cell in read(results, "activations")["cells"]:
        values.setdefault(f"cells.{cell['feature'].split()[-1]}", decimals(abs(cell["test"]), 2))
    return {"values": values}


def numpy_network(results):
    found = read(results, "numpy_ablations")
    worst = max(found["gradient_errors"].values())
    best = best_adagrad(found)
    values = {"numpy.smooth": decimals(best["lowest_smooth_loss"], 3), "numpy.last": decimals(best["smooth_loss"], 3)}
    defaults = numpy_rnn.parser().parse_args([])  # with which all of its runs were made
    values |= {"numpy.units": setting(defaults.num_hidden), "numpy.chunk": setting(defaults.seq_length)}
    return {"values": values | {"numpy.check": power(worst)}}


def best_adagrad(found):
    """The NumPy network's run by AdaGrad whose smoothed loss came lowest; those that failed have none."""
    rows = [row for row in found["rows"] if row["optimizer"] == "adagrad" and "failed" not in row]
    return min(rows, key=lambda row: row["lowest_smooth_loss"])


def clearly_above(one, other):
    """Whether a mean is more than two standard errors of the difference above another."""
    return one["mean"] - other["mean"] > 2 * hypot(one["standard_error"], other["standard_error"])


ITEMS = [styles, heldout, shakespeare, novelty, markup, languages, cells, numpy_network]
