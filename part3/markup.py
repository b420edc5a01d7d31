# SPDX-License-Identifier: MIT
r"""Generated LaTeX and HTML: the share of what it opens that it closes properly, against the training text's own.

python part3/markup.py --checkpoint summaries/books/calculus summaries/books/html

Counted are, in LaTeX (a book that ends in .tex), \begin{…} … \end{…}, \[ … \], $ … $ and { … }; in HTML (.html),
elements <name …> … </name>. What is opened goes on a stack. It is closed properly where its own end comes while it is
in the stack; what was opened in it and stands above it then has not been closed, and never is. So crossing counts
against what crosses:

    \begin{align*} { x \end{align*} }     the environment is closed, the brace is not, the last } is a stray one

A $ ends a formula only where this one is the last that was opened (in $x_{\text{for $y$}}$ there are two); a formula
ends with its paragraph, closed or not, as in TeX. Comments, \{ \} \$ \\ in LaTeX, and in HTML comments, void
elements such as <br> and what stands in <script> and <style> do not count. A \begin without its {name}, or a < that
begins a tag and has no end, is opened and never closed.

A model goes on from held-out text: PROMPT characters from the beginning of a paragraph, then LENGTH of its own. Counted
is what is opened in the latter. What is open in the end is not closed: the text may have been cut there. Pieces of
the training text are measured in the same way, so that they say what the cutting costs; beside them stands the whole.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import re

import numpy as np

from common import cli
from common.cli import UserError
from common.files import write_json
from part3.outputs import settle_outputs
from part3.trained import facts, finish_prompts, load_runs

TEMPERATURES = (0, 0.5, 1.0)
PROMPT = 100  # characters
TEXTS, LENGTH = 20, 5000  # at each temperature, at most; characters of each after its prompt
LATEX = re.compile(
    r"""%[^\n]*                                         # a comment
      | \\begin(?![A-Za-z])(?:\{(?P<begin>[^{}\n]*)\})?
      | \\end(?![A-Za-z])(?:\{(?P<end>[^{}\n]*)\})?
      | \\(?P<display>[\[\]])
      | \\.                                             # \{ \} \$ \% \\ and the first letter of any other command
      | (?P<dollar>\$\$?)
      | (?P<brace>[{}])
      | (?P<paragraph>\n[ \t]*\n)
    """,
    re.X | re.S,
)
HTML = re.compile(
    r"""<!--.*?(?:-->|\Z)
      | <![^<>]*>
      | (?P<raw><(script|style)\b[^<>]*>.*?</\2\s*>)
      | <(?P<slash>/?)(?P<name>[A-Za-z][A-Za-z0-9-]*)(?:[^<>"']|"[^"<]*"|'[^'<]*')*>
      | (?P<broken><[A-Za-z])
    """,
    re.X | re.S,
)
VOID = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
}  # fmt: skip
KINDS = {"latex": ("environment", "display", "dollar", "brace"), "html": ("element",)}
LANGUAGES = {".tex": "latex", ".html": "html"}
SAMPLE_PROMPTS = {"latex": ("\\begin{", "The last term is\n"), "html": ("<div class=", "<p>The structure of ")}
SAMPLE_LENGTH = 300


def latex_events(text):
    """Yield (place, what, kind, name): what is "open", "close", "toggle", "never" (opened badly) or "paragraph"."""
    for match in LATEX.finditer(text):
        place, token = match.start(), match.group()
        if token.startswith("\\begin"):
            yield place, "open" if match["begin"] is not None else "never", "environment", match["begin"]
        elif token.startswith("\\end") and match["end"] is not None:
            yield place, "close", "environment", match["end"]
        elif match["display"]:
            yield place, "open" if token == "\\[" else "close", "display", None
        elif match["dollar"]:
            yield place, "toggle", "dollar", token
        elif match["brace"]:
            yield place, "open" if token == "{" else "close", "brace", None
        elif match["paragraph"]:
            yield place, "paragraph", "dollar", None


def html_events(text):
    """The same for HTML."""
    for match in HTML.finditer(text):
        place, token = match.start(), match.group()
        if match["raw"]:  # an element with its end, and nothing to be looked at between
            yield place, "open", "element", "raw"
            yield place, "close", "element", "raw"
        elif match["broken"]:
            yield place, "never", "element", None
        elif match["name"] and match["slash"]:
            yield place, "close", "element", match["name"].lower()
        elif match["name"] and match["name"].lower() not in VOID and not token.endswith("/>"):
            yield place, "open", "element", match["name"].lower()


EVENTS = {"latex": latex_events, "html": html_events}


def count(text, language, start=0):
    """What is opened from place `start` on, and how much of it is closed properly: {kind: {opened, closed, open_at_end,
    stray}}; `stray` ends without a beginning. See the top of the file."""
    counts = {kind: dict(opened=0, closed=0, open_at_end=0, stray=0) for kind in KINDS[language]}
    stack = []  # of (kind, name, whether it counts)
    for place, what, kind, name in EVENTS[language](text):
        counted = place >= start
        within = [entry[:2] for entry in stack]
        if what == "paragraph":
            places = [n for n, (inner, _) in enumerate(within) if inner == kind]
            del stack[places[0] if places else len(stack) :]
        elif what == "close" or (what == "toggle" and within[-1:] == [(kind, name)]):
            if (kind, name) in within:
                top = len(within) - 1 - within[::-1].index((kind, name))
                counts[kind]["closed"] += stack[top][2]
                del stack[top:]
            else:
                counts[kind]["stray"] += counted
        else:
            counts[kind]["opened"] += counted
            if what != "never":
                stack.append((kind, name, counted))
    for kind, _, counted in stack:
        counts[kind]["open_at_end"] += counted
    return counts


def summary(texts, language, start=0):
    """Over texts: for each kind the counts, the share closed of what is opened, and openings in 1,000 characters."""
    characters = sum(len(text) - start for text in texts)
    counts = [count(text, language, start) for text in texts]
    rows = {}
    for kind in KINDS[language]:
        sums = {name: sum(one[kind][name] for one in counts) for name in counts[0][kind]}
        opened, closed = sums["opened"], sums["closed"]
        rows[kind] = {
            **sums,
            "share_closed": round(closed / opened, 4) if opened else None,
            "opened_per_1000": round(1000 * opened / characters, 3),
        }
    return rows


def beginnings(text, length, number):
    """Places after a blank line, `number` at most, at least `length` characters apart and that far from the end."""
    found, free = [], 0
    for match in re.finditer(r"\n[ \t]*\n\s*", text):
        if match.end() >= free and match.end() + length <= len(text):
            found.append(match.end())
            free = match.end() + length
    return [found[n] for n in np.linspace(0, len(found) - 1, min(number, len(found))).round().astype(int)]


def measure(run, language, num_samples, length):
    """One run: its texts at each temperature, and its training text."""
    train, test = (run.data.convert_to_string(part) for part in (run.data.train, run.data.test))
    places = beginnings(test, PROMPT, num_samples)
    whole = PROMPT + length
    pieces = [train[place : place + whole] for place in beginnings(train, whole, len(train))]
    if not places or not pieces:
        raise UserError(f"{run.book} has too few paragraphs (blank lines) for texts of {whole}; lower --length")
    prompts = [test[place : place + PROMPT] for place in places]
    generated = {}
    for temperature in TEMPERATURES:
        texts = finish_prompts(run, prompts, length, temperature)
        both = [prompt + text for prompt, (text,) in zip(prompts, texts, strict=True)]
        generated[f"{temperature:g}"] = summary(both, language, PROMPT)
    samples = [
        {
            "prompt": prompt,
            "temperature": temperature,
            "text": finish_prompts(run, [prompt], SAMPLE_LENGTH, temperature)[0][0],
        }
        for temperature in TEMPERATURES[:2]
        for prompt in SAMPLE_PROMPTS[language]
    ]
    return {
        "language": language,
        "texts": len(prompts),
        "pieces": len(pieces),
        "generated": generated,
        "training_pieces": summary(pieces, language, PROMPT),
        "training_text": summary([train], language),
        "samples": samples,
    }


def table(result):
    """A line for each text and kind."""
    texts = {f"temperature {name}": rows for name, rows in result["generated"].items()}
    texts |= {"training text, in pieces": result["training_pieces"], "training text": result["training_text"]}
    for name, rows in texts.items():
        told = [
            f"{kind} {'-' if row['share_closed'] is None else format(row['share_closed'], '.3f')} of {row['opened']}"
            f" ({row['opened_per_1000']:.1f} in 1,000 characters)"
            for kind, row in rows.items()
        ]
        yield f"{name:>26}: closed {', '.join(told)}"


def parser():
    p = cli.Parser(prog="markup.py", description="The share of LaTeX's and HTML's brackets that a model closes.")
    p.add_argument(
        "--checkpoint",
        required=True,
        nargs="+",
        metavar="PATH",
        help="checkpoints, or runs' folders, trained on .tex or .html",
    )
    p.add_argument("--txt_file", metavar="FILE", help="the text they were trained on, where it has moved since")
    p.add_argument("--num_samples", type=cli.positive_int, default=TEXTS, help="texts at each temperature, at most")
    p.add_argument("--length", type=cli.positive_int, default=LENGTH, help="characters of a text, after its prompt")
    p.add_argument("--output", metavar="FILE", help="of the numbers; by default markup.json in the first run's folder")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def measure_all(runs, num_samples=TEXTS, length=LENGTH):
    """All of it for each run, with its table printed.

    Raises:
        UserError: a run's text is neither LaTeX nor HTML, or too short.
    """
    measured = {}
    for run in runs:
        language = LANGUAGES.get(Path(run.book).suffix)
        if language is None:
            raise UserError(f"{run.book} is neither .tex nor .html; give a run that was trained on one of these")
        result = measure(run, language, num_samples, length)
        measured[run.name] = {**run.about, **result}
        print(f"{run.name}:", *table(result), sep="\n")
    return {"prompt": PROMPT, "length": length, "num_samples": num_samples, "runs": measured}


def main(argv=None):
    config = parser().parse_args(argv)
    cli.set_threads(config)
    settle_outputs(config, "markup")
    runs = load_runs(config.checkpoint, config.device, config.txt_file)
    results = measure_all(runs, config.num_samples, config.length)
    write_json(config.output, {**facts(), **results})
    print(f"see {config.output}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
