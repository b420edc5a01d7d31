# SPDX-License-Identifier: MIT
"""Look inside: text coloured by what one cell of the LSTM holds, for the cells that keep count of something.

python part3/activations.py --checkpoint summaries/books/grimm_stream

Three things that a reader of characters may want to know at each of them, and that no character says by itself:

* inside quotes: 1 from an opening mark to before its closing one, else 0;
* place in the line: characters since the last line end;
* place in the word: letters since the last character that is none.

Which cell tracks which is found by correlation, not by eye: of all cells of all layers, those whose tanh(c), after the
character was read, has the largest absolute (Pearson) correlation with it over the validation part. The correlation
over the test part, which had no say in the choice, stands beside. The text that is shown is of the test part.

Written are the best cells as JSON, a picture (.png and .pdf), and a page to open in a browser (.html), which needs
nothing else and lets one choose the cell.

N characters, L layers, H hidden units.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import json

import numpy as np
import torch

from common import cli
from common.cli import UserError
from common.figure import save_both
from common.files import refuse_unwritable, replacing, write_json
from part3.activation_plots import draw_activations
from part3.markup import beginnings
from part3.outputs import refuse_folder, settle_outputs
from part3.trained import facts, load_run

TEMPLATE = Path(__file__).with_name("activations.html")
CELLS = 3  # of each feature that are kept
ROWS, WARM_UP = 50, 200  # pieces of the text that are read side by side, and characters read before each
CLOSING = {"“": "”", "‘": "’", "«": "»", '"': '"'}
COLUMNS, LINES = 72, 6  # of the picture


def inside_quotes(text):
    """(N,) of 0 and 1: from an opening mark on, up to before its closing one or the end of the paragraph.

    Marks within quotes belong to what is said. A ’ before a letter is an apostrophe.
    """
    inside, closing = np.zeros(len(text)), None
    for n, character in enumerate(text):
        if closing is None:
            closing = CLOSING.get(character)
        else:
            apostrophe = character == "’" and text[n + 1 : n + 2].isalpha()
            if (character == closing and not apostrophe) or text[n - 1 : n + 1] == "\n\n":
                closing = None
        inside[n] = closing is not None
    return inside


def place_in_line(text):
    """(N,): 0 at a line end, then 1, 2, ..."""
    return since([character == "\n" for character in text])


def place_in_word(text):
    """(N,): 0 at what is no letter, then 1, 2, ..."""
    return since([not character.isalpha() for character in text])


def since(ends):
    """(N,): how many characters ago the last end was; the text's beginning is one."""
    places = np.arange(1, len(ends) + 1)
    return (places - np.maximum.accumulate(np.where(ends, places, 0))).astype(float)


FEATURES = {"inside quotes": inside_quotes, "place in the line": place_in_line, "place in the word": place_in_word}


@torch.no_grad()
def cell_states(model, numbers, device):
    """tanh(c) of all cells after each character of `numbers` (N,), as float32 (N, L H), the first layer's first.

    The text is cut into ROWS pieces that are read side by side, each after the WARM_UP characters before it.
    """
    rows = min(ROWS, len(numbers))
    length = -(-len(numbers) // rows)
    places = np.arange(rows)[:, None] * length + np.arange(-WARM_UP, length)  # (rows, WARM_UP + length)
    x = torch.from_numpy(numbers[places.clip(0, len(numbers) - 1)].astype(np.int64)).to(device)
    state, kept = None, []
    for t in range(x.shape[1]):
        _, state = model(x[:, t : t + 1], state)
        if t < WARM_UP:
            before = torch.from_numpy(places[:, t] < 0).to(device)  # the text has not begun: the state stays zero
            state = tuple(part.masked_fill(before[:, None], 0) for part in state)
        else:
            kept.append(state[1].tanh().permute(1, 0, 2).flatten(1).cpu())  # (rows, L H)
    return torch.stack(kept, dim=1).flatten(0, 1)[: len(numbers)].numpy()


def correlations(cells, feature):
    """Pearson's correlation of each column of cells (N, C) with the feature (N,); 0 where either does not vary."""
    cells = cells.astype(np.float64) - cells.mean(axis=0, dtype=np.float64)
    feature = feature - feature.mean()
    size = np.sqrt((cells**2).sum(axis=0) * (feature**2).sum())
    return np.divide(feature @ cells, size, out=np.zeros_like(size), where=size > 1e-9)


def find_cells(run, device):
    """The best cells of each feature: [{feature, layer, unit, validation, test}], and tanh(c) over the test part.

    Raises:
        UserError: nothing is held out.
    """
    if len(run.data.val) < 2 or len(run.data.test) < 2:
        raise UserError(f"{run.name} holds nothing out to look at; train it with --val_fraction and --test_fraction")
    parts = {"validation": run.data.val, "test": run.data.test}
    cells = {name: cell_states(run.model, part, device) for name, part in parts.items()}
    texts = {name: run.data.convert_to_string(part) for name, part in parts.items()}
    H, found = run.config["lstm_num_hidden"], []
    for feature, values in FEATURES.items():
        r = {name: correlations(cells[name], values(texts[name])) for name in parts}
        for cell in np.argsort(-np.abs(r["validation"]), kind="stable")[:CELLS]:
            if r["validation"][cell] != 0:  # it is, of all cells, where the book has no quotes
                numbers = {name: round(float(r[name][cell]), 4) for name in parts}
                found.append({"feature": feature, "layer": int(cell // H) + 1, "unit": int(cell % H) + 1, **numbers})
    return found, cells["test"], texts["test"]


def passage(text, length):
    """Where the text to show begins: a paragraph from which on quotes take as near as can be to half of it."""
    places = beginnings(text, min(length, len(text)), len(text)) or [0]
    inside = inside_quotes(text)
    return min(places, key=lambda place: abs(inside[place : place + length].mean() - 0.5))


def column(cell, H):
    """Where a cell of find_cells stands in tanh(c) (N, L H)."""
    return (cell["layer"] - 1) * H + cell["unit"] - 1


def with_values(found, activations, H):
    """The cells found, each with its tanh(c) of the characters shown, in hundredths."""
    return [{**cell, "values": np.rint(100 * activations[:, column(cell, H)]).astype(int).tolist()} for cell in found]


def page(run, cells, text):
    """The page: the template with the text and the cells' values as data.

    The data stand in a <script>, where "<" could end it: it is written as \\u003c. The page puts the text in as text.
    """
    about = f"{run.about['book']}, {run.config['lstm_num_layers']} × {run.config['lstm_num_hidden']} units"
    data = {"about": f"{about}, update {run.about['step']:,}", "text": text, "cells": cells}
    data = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/", data.replace("<", "\\u003c"))


def lines_of(text, columns, lines):
    """The first lines of a text as places [(start, end)], broken after `columns` characters where there is no end."""
    found, start = [], 0
    while start < len(text) and len(found) < lines:
        end = text.find("\n", start, start + columns + 1)
        end = min(start + columns, len(text)) if end < 0 else end
        if end > start:
            found.append((start, end))
        start = end + (text[end : end + 1] == "\n")
    return found


def telling(lines, inside):
    """LINES of these lines one after the other: the first that are as near as can be to half within quotes."""
    shares = [inside[start:end].mean() for start, end in lines]
    distance = [abs(np.mean(shares[first : first + LINES]) - 0.5) for first in range(max(len(lines) - LINES, 0) + 1)]
    first = int(np.argmin(distance))
    return lines[first : first + LINES]


def pictured(cells, text):
    """What the picture shows: some lines, and of each feature's best cell its values there.

    Args:
        cells: [{feature, layer, unit, validation, test, values}] as of with_values.
    """
    lines = telling(lines_of(text, COLUMNS, len(text)), inside_quotes(text))
    best = {}
    for cell in cells:  # of a feature the best one comes first
        best.setdefault(cell["feature"], cell)
    shown = [{**cell, "values": [cell["values"][start:end] for start, end in lines]} for cell in best.values()]
    return {"lines": [text[start:end] for start, end in lines], "cells": shown}


def parser():
    p = cli.Parser(prog="activations.py", description="Text coloured by a cell's activation.")
    p.add_argument("--checkpoint", required=True, metavar="PATH", help="a checkpoint, or a run's folder (its best.pt)")
    p.add_argument("--txt_file", metavar="FILE", help="the book it was trained on, where it has moved since")
    p.add_argument("--length", type=cli.positive_int, default=2000, help="characters of the test part that are shown")
    p.add_argument("--output", metavar="FILE", help="the best cells; by default activations.json in the run's folder")
    p.add_argument("--figures", metavar="FOLDER", help="of the picture; by default that of --output")
    p.add_argument("--page", metavar="FILE", help="the page; by default activations.html in the folder of the picture")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def main(argv=None):
    config = parser().parse_args(argv)
    cli.set_threads(config)
    settle_outputs(config, "activations")
    config.page = Path(config.page or config.figures / "activations.html")
    refuse_folder(config.page, "--page")
    refuse_unwritable(config.page, "--page")
    if config.page.is_file() and not config.page.read_bytes().lstrip().lower().startswith(b"<!doctype html"):
        raise UserError(f"{config.page} is there and is no page; move it away or choose another --page")
    run = load_run(config.checkpoint, config.device, config.txt_file)
    found, activations, text = find_cells(run, config.device)
    for cell in found:
        print(
            f"{cell['feature']:>18}: layer {cell['layer']}, cell {cell['unit']:>3}: r = {cell['validation']:+.3f}"
            f" (validation), {cell['test']:+.3f} (test)"
        )
    start = passage(text, config.length)
    shown = slice(start, start + config.length)
    cells = with_values(found, activations[shown], run.config["lstm_num_hidden"])
    results = {"shown_from": start, "cells": found, "picture": pictured(cells, text[shown])}
    write_json(config.output, {**facts(), "run": run.name, **run.about, **results})
    with replacing(config.page) as f:
        f.write(page(run, cells, text[shown]))
    figure = config.figures / "activations.png"
    save_both(draw_activations(results), figure)
    print(f"see {config.page}, {figure} and {config.output}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
