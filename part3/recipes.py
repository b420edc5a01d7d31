# SPDX-License-Identifier: MIT
"""The named runs of experiments.py: a book, the flags of train_text.py that are not its defaults, and the updates.

Seconds are of one core at 20 ms for an update of the template's sizes (2 x 128 units, B = 64, T = 30), 35 ms at T = 50:
all of it takes about three hours.
"""

from dataclasses import dataclass

PAGES = "pages.html"  # what --html_folder is put together to
DEMOCRACY = "--seq_length 50 --sample_every 10000 --sample_length 50"
LANGUAGE = "--sample_every 3000 --sample_length 90"
WHOLE = "--no_strip_gutenberg --val_fraction 0 --test_fraction 0"


@dataclass(frozen=True)
class Recipe:
    """One run. `keep`: an update whose weights are kept beside the best and the last ones, in step_KEEP.pt. `shown`:
    the updates of whose samples the report has a table, with the last ones; where it is empty, all that were made.
    `letters`: what sentences as long as the samples begin with."""

    book: str
    train_steps: int
    flags: str = ""
    keep: int | None = None
    shown: tuple = ()
    letters: tuple = ()


RECIPES = {
    # To try the script: seconds, on the tales that come with the repository.
    "tiny": Recipe("grimm.txt", 30, "--lstm_num_hidden 8 --batch_size 4 --sample_every 10 --eval_every 10", keep=20),
    # The template's flags: 350 s. The report of 2017 shows a sample every 3,500 updates.
    "grimm": Recipe("grimms_fairy_tales.txt", 17_500, "--sample_every 3500", keep=9000),
    # The same with the state carried on: 350 s. It fits the training part better, and then the held-out one worse.
    "grimm_stream": Recipe("grimms_fairy_tales.txt", 17_500, "--batching stream --sample_every 3500"),
    # The updates of the report of 2018: 2,000 s.
    "anna_karenina": Recipe(
        "anna_karenina.txt", 100_000, "--sample_every 100", shown=(100, 200, 1000, 10_000, 100_000)
    ),
    # T = 50, half of the 120,000 updates of the report of 2017, where its loss was level: 2,100 s each.
    "democracy": Recipe("democracy_in_america.txt", 60_000, DEMOCRACY, keep=9000, letters=("I", "P")),
    "democracy_dropout": Recipe(
        "democracy_in_america.txt", 60_000, f"{DEMOCRACY} --dropout_keep_prob 0.5", letters=("I", "P")
    ),
    # The other report of 2017, a sample every 3,000 updates, in Spanish: 300 s.
    "quijote": Recipe("don_quijote.txt", 15_000, LANGUAGE, keep=9000),
    # Both with Project Gutenberg's licence, 300 s each. It stands behind the book, where the held-out parts are: only a
    # run that holds nothing out trains on it.
    "grimm_licence": Recipe("grimms_fairy_tales.txt", 15_000, f"{LANGUAGE} {WHOLE}"),
    "quijote_licence": Recipe("don_quijote.txt", 15_000, f"{LANGUAGE} {WHOLE}"),
    # Further styles, 300 s each: verse, LaTeX, HTML.
    "shakespeare": Recipe("shakespeare.txt", 15_000, "--sample_every 5000"),
    "calculus": Recipe("calculus_made_easy.tex", 15_000, "--sample_every 5000 --sample_length 90"),
    "html": Recipe(PAGES, 15_000, "--sample_every 5000 --sample_length 90"),
}
STYLES = ("anna_karenina", "shakespeare", "grimm", "democracy")  # whose losses on one another's books are compared
LANGUAGES = ("grimm", "quijote", "grimm_licence", "quijote_licence")
FINISHERS = ("grimm", "quijote", "democracy")  # of the sentences
REMEMBERING = ("grimm", "grimm_stream")
MARKED_UP = ("calculus", "html")
