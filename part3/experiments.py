# SPDX-License-Identifier: MIT
"""What the reports show of their text models, made by two commands: trainings with names, and what they show.

python assets/download.py --all
python part3/experiments.py train --html_folder /usr/share/doc/python3.11/html/tutorial
python part3/experiments.py report
python part3/text_plots.py

`train` trains what recipes.py lists, one run after the other, each in the folder of its name below --summary_path:
finished runs are skipped, one that was stopped goes on. `report` reads the finished ones and writes JSON files to
report/results/part3: training (samples and losses over the updates), books (one prompt in four styles, each model's
loss on the other books), languages (Don Quijote beside Grimm, with and without the licence), sentences (the bonus
question), memory (position.py) and markup (markup.py).

The HTML is that of a documentation package, the Python tutorial of Debian's python3.11-doc (3.11.2-6+deb12u9): the
pages of --html_folder in the order of their names, one behind the other.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

from contextlib import redirect_stdout

from common import cli
from common.cells import refuse_measured
from common.checkpoint import load_checkpoint, settle_config
from common.cli import UserError
from common.files import copy_file, replacing, write_json
from common.run import has_result, read_json
from part3 import findings, flags, markup, position, train_text
from part3.evaluation import Standing
from part3.recipes import FINISHERS, LANGUAGES, MARKED_UP, PAGES, RECIPES, REMEMBERING, STYLES
from part3.text import BOOKS, read_text
from part3.trained import facts, load_run

RESULTS = ROOT / "report" / "results" / "part3"
ITEMS = ("training", "books", "languages", "sentences", "memory", "markup")
OF_ITEM = {"books": STYLES, "languages": LANGUAGES, "sentences": FINISHERS, "memory": REMEMBERING, "markup": MARKED_UP}


# Train ----------------------------------------------------------------------------------------------------------------


def train(config):
    """Train what is missing; returns the exit status."""
    folder = Path(config.summary_path)
    names = wanted_runs(config)
    if config.dry_run:
        for name in names:
            print(
                f"{name:>17}  {RECIPES[name].train_steps:>7,} updates on {RECIPES[name].book}: {outcome(folder / name)}"
            )
        return 0
    pages = join_pages(config.html_folder) if config.html_folder is not None else None
    folder.mkdir(parents=True, exist_ok=True)
    if pages:
        with replacing(folder / PAGES) as f:
            f.write(pages)
    elif not config.only and not (folder / PAGES).exists():
        names.remove("html")
        print("html is left out; name a folder of HTML pages with --html_folder")
    books = {name: book_of(name, config.books, folder) for name in names}  # a missing one is told before the work
    failed = {}
    for name, book in books.items():
        status = 0
        try:
            status = train_run(name, book, folder / name, config)
        except UserError as error:
            failed[name] = str(error)
        print(f"{name}: {failed.get(name) or outcome(folder / name)}", flush=True)
        if status:
            print("stopped; the same command goes on from here")
            return status
    return 1 if failed else 0


def wanted_runs(config):
    return list(config.only or (name for name in RECIPES if name != "tiny"))


def join_pages(folder):
    """The HTML pages of a folder as one text, in the order of their names.

    Raises:
        UserError: there is none.
    """
    pages = sorted(Path(folder).glob("*.html"))
    if not pages:
        raise UserError(f"{folder} has no HTML page; name a folder of .html files with --html_folder")
    return "\n".join(read_text(page) for page in pages)


def book_of(name, books, folder):
    """The text of a run: a book of the folder `books`, or the pages in `folder`.

    Raises:
        UserError: it is not there.
    """
    book = Path(folder if RECIPES[name].book == PAGES else books) / RECIPES[name].book
    if not book.exists():
        remedy = "give --html_folder" if RECIPES[name].book == PAGES else "python assets/download.py --all fetches all"
        raise UserError(f"{name} needs {book}, which is not there; {remedy}")
    return book


def train_run(name, book, folder, config):
    """Train one run in its folder, as far as it is to go; returns the exit status.

    A recipe with `keep` is trained to that update first, and its weights then are kept in a file of their own: a run
    that stops and goes on is the same as one that does not.
    """
    recipe = RECIPES[name]
    last = min(recipe.train_steps, config.train_steps or recipe.train_steps)
    folder.mkdir(exist_ok=True)
    for steps in sorted({min(recipe.keep or last, last), last}):
        run, given = settings(recipe, book, steps, config)
        checkpoint = None
        if (folder / "checkpoint.pt").exists():
            checkpoint = load_checkpoint(folder, "part3")
            run = go_on(run, given, checkpoint, folder)
            if checkpoint["standing"]["step"] > steps:
                continue  # it has come further
        if not (finished(folder) and Standing(**checkpoint["standing"]).ended_by(run)):
            write_json(folder / "config.json", vars(run))
            with open(folder / "log.txt", "a", encoding="utf-8") as log, redirect_stdout(log):
                _, status = train_text.train(run, folder, checkpoint)
            if status:
                return status
        if read_json(folder / "result.json")["steps"] == recipe.keep:
            copy_file(folder / "checkpoint.pt", kept(folder, recipe))
    return 0


def settings(recipe, book, steps, config):
    """The configuration for train_text.train, and the flags that the recipe gives."""
    argv = [*recipe.flags.split(), "--txt_file", str(book), "--train_steps", str(steps)]
    argv += ["--threads", str(config.threads), "--device", config.device]
    if config.max_minutes is not None:
        argv += ["--max_minutes", str(config.max_minutes)]
    run, given = flags.parser().parse_with_given(argv)
    del run.resume
    return run, given


def go_on(run, given, checkpoint, folder):
    """The configuration that a run in the folder goes on with: its own, but for how far it goes.

    Raises:
        UserError: it was begun with other flags.
    """
    try:  # --max_minutes left out is no limit, whatever an earlier call had
        return settle_config(run, given | {"max_minutes"}, checkpoint, train_text.MAY_DIFFER)
    except UserError as error:
        raise UserError(f"{str(error).split(';')[0]}; move {folder} away to train it anew") from None


def finished(folder):
    """Whether a run has ended, be it for the time being: its result is that of its last weights."""
    if not (folder / "checkpoint.pt").exists():
        return False
    return has_result(folder, load_checkpoint(folder, "part3")["standing"]["step"])


def kept(folder, recipe):
    return folder / f"step_{recipe.keep}.pt"


def outcome(folder):
    if not finished(folder):
        return "begun" if (folder / "checkpoint.pt").exists() else "to do"
    result = read_json(folder / "result.json")
    text = f"{result['steps']} updates, {result['seconds']:.0f} s"
    if result["validation_bpc"] is None:
        return text
    return f"{text}, validation {result['validation_bpc']:.3f} bpc at {result['best_step']}"


# Report ---------------------------------------------------------------------------------------------------------------


def report(config):
    """Write what the finished runs show, a file for each item; returns the exit status."""
    cli.set_threads(config)
    refuse_measured(config.to, RESULTS, {"only"} if config.only else set())
    folder, to = Path(config.summary_path), Path(config.to)
    names = [name for name in wanted_runs(config) if finished(folder / name)]
    if not names:
        raise UserError(f"no finished run in {folder}; make some with: python part3/experiments.py train")
    refuse_some(config, names)
    books = {name: book_of(name, config.books, folder) for name in names}
    to.mkdir(parents=True, exist_ok=True)
    for item in config.items:
        wanted = OF_ITEM.get(item, RECIPES)
        there = [name for name in wanted if name in names]
        if not there:
            print(f"{item}: left out, as none of its runs is finished: {', '.join(wanted)}")
            continue
        write_json(to / f"{item}.json", {**facts(), **make(item, there, books, folder, config)})
        missing = [name for name in wanted if name not in there] if item in OF_ITEM else []
        without = f", without {', '.join(missing)}" if missing else ""
        print(f"{item}: {to / f'{item}.json'} of {', '.join(there)}{without}", flush=True)
    return 0


def refuse_some(config, names):
    """Raises UserError where what some runs show would take the place of what all of them do."""
    lacking = {name for item in config.items for name in OF_ITEM.get(item, RECIPES)} - {*names, "tiny"}
    if lacking and Path(config.to).resolve() == RESULTS:
        raise UserError(
            f"without {', '.join(sorted(lacking))} these are not the report's results; say with --to where they go"
        )


def make(item, names, books, folder, config):
    """What one file of the report has, of the runs named."""
    if item == "training":
        return {
            "runs": {
                name: findings.training(folder / name, RECIPES[name], config.device, books[name]) for name in names
            }
        }
    runs = [load_run(weights(item, name, folder), config.device, books[name], name) for name in names]
    if item == "memory":
        return position.measure_all(runs, config.device)
    if item == "markup":
        return markup.measure_all(runs)
    return {"books": findings.styles, "languages": findings.languages, "sentences": findings.sentences}[item](runs)


def weights(item, name, folder):
    """Which weights of a run an item looks at: of the folder alone, the best ones."""
    if item == "languages":  # not the best ones: without a validation part there are none
        return folder / name / "checkpoint.pt"
    if item == "sentences" and kept(folder / name, RECIPES[name]).exists():
        return kept(folder / name, RECIPES[name])
    return folder / name


def parser():
    p = cli.Parser(prog="experiments.py", description="The trainings that the report needs, and what they show.")
    commands = p.add_subparsers(dest="command", required=True, metavar="train|report")
    of_train = commands.add_parser("train", help="train what is missing", description="Train what is missing.")
    of_report = commands.add_parser("report", help="write what it shows", description="Write what finished runs show.")
    for command in (of_train, of_report):
        command.add_argument("--only", nargs="+", choices=RECIPES, metavar="NAME", help=f"of {', '.join(RECIPES)}")
        command.add_argument("--books", default=BOOKS, metavar="FOLDER", help="where the books are")
        command.add_argument("--summary_path", default="./summaries/books", help="where the runs' folders are")
        command.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
        command.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    of_train.add_argument(
        "--max_minutes", type=cli.positive, metavar="M", help="a run ends after this time of training"
    )
    of_train.add_argument("--train_steps", type=cli.positive_int, metavar="N", help="a run ends after so many updates")
    of_train.add_argument("--html_folder", metavar="FOLDER", help="a documentation package's HTML pages, for `html`")
    of_train.add_argument("--dry_run", action="store_true", help="print the runs and how each stands, train nothing")
    of_report.add_argument("--items", nargs="+", choices=ITEMS, default=ITEMS, metavar="ITEM", help="which files")
    of_report.add_argument("--to", default=RESULTS, metavar="FOLDER", help="where they go")
    return p


def main(argv=None):
    config = parser().parse_args(argv)
    return train(config) if config.command == "train" else report(config)


if __name__ == "__main__":
    cli.run_main(main)
