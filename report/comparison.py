# SPDX-License-Identifier: MIT
"""The table of what five documents found, and what is found here on the same setting.

A row: the document, where it says so, what it found in its words and numbers, and a function that says what the results
here have, with the file that they stand in. T is the number of inputs everywhere: where a document counts the
palindrome's digits, one is subtracted.
"""

from pathlib import Path
from statistics import mean

from common.run import read_json
from part1.sweep_results import read_results, select
from report.latex import count, decimals, escape, paragraph, power, setting, table
from report.tables_part1 import solved_of
from report.tables_part3 import loss_near
from report.tables_text import best_adagrad


class Results:
    """The files of results, read when they are asked for."""

    def __init__(self, folder):
        self.folder = folder

    def rows(self, name, **values):
        return select(read_results(self.folder / "part1" / f"{name}.csv"), **values)

    def text(self, name):
        return read_json(self.folder / "part3" / f"{name}.json")


def longest_on_all_seeds(rows):
    """The longest T up to which every seed solves every length; 0 where not even the shortest."""
    lengths = sorted({row["input_length"] for row in rows})
    solved = [all(row["solved_at"] for row in select(rows, input_length=T)) for T in lengths]
    return lengths[-1] if all(solved) else (0, *lengths)[solved.index(False)]


def reached(results, init, rate, curriculum=None):
    settings = dict(input_length=500, model_type="LSTM", init=init, learning_rate=rate, curriculum=curriculum)
    return solved_of(results.rows("reach", **settings))


def solves(results, grid, lengths, **values):
    """T = 30: 2/3 (350); ..."""
    found = [(T, results.rows(grid, input_length=T, **values)) for T in lengths]
    return "; ".join(f"$T = {T}$: {solved_of(rows)}" for T, rows in found)


def protocol(results, cell, lengths):
    """Mean training accuracy of the last 250 of 2,500 updates, one-hot digits and xavier weights, at two rates."""
    said = []
    for rate in (0.001, 0.0025):
        settings = dict(model_type=cell, init="xavier", input_dim=10, learning_rate=rate)
        rows = [results.rows("protocols", input_length=T, **settings) for T in lengths]
        means = [decimals(mean(row["training_accuracy"] for row in of_T), 2) for of_T in rows]
        said.append(f"{', '.join(means)} (rate {setting(rate)})")
    return f"one-hot, xavier, at $T = {', '.join(map(str, lengths))}$: {'; '.join(said)}"


def all_lengths(results, cell, init, **values):
    T = longest_on_all_seeds(results.rows("lengths", model_type=cell, init=init, **values))
    return f"{init}: every seed up to $T = {T}$"


def training_losses(results, names):
    """The losses of runs at the last update that all of them had."""
    runs = results.text("training")["runs"]
    step = min(runs[name]["steps"] for name in names)
    losses = [f"{label} {decimals(loss_near(runs[name]['training_curve'], step), 2)}" for name, label in names.items()]
    return f"at update {count(step)}: {'; '.join(losses)}"


def losses_of_grimm(results):
    runs = results.text("training")["runs"]
    curves = {"windows": runs["grimm"]["training_curve"], "state carried": runs["grimm_stream"]["training_curve"]}
    return "; ".join(
        f"{name} {decimals(loss_near(curve, 3600), 2)} to {decimals(loss_near(curve, 17_401), 2)}"
        for name, curve in curves.items()
    )


def greedy_sample(results, run):
    sample = [sample for sample in results.text("training")["runs"][run]["samples"] if sample["temperature"] == 0][-1]
    return rf"at update {count(sample['step'])}, greedy: \texttt{{{escape(sample['text'][:30])}}}"


def finished(results, run, prompt, temperature):
    rows = {row["prompt"]: row["texts"] for row in results.text("sentences")["runs"][run]["rows"]}
    return rf"at {temperature.lstrip('0') or 'temperature 0'}: \texttt{{{escape(rows[prompt][temperature][:60])}}}"


def gradient_errors(results):
    errors = results.text("numpy_ablations")["gradient_errors"]
    return ", ".join(f"{name} {power(error)}" for name, error in errors.items())


def smooth_loss(results):
    best = best_adagrad(results.text("numpy_ablations"))
    lowest, last = (decimals(best[name], 3) for name in ("lowest_smooth_loss", "smooth_loss"))
    return f"{lowest} nats at its lowest, {last} at the end, Grimm"


def new_words(results):
    """The share of words that the training part does not have, at the three temperatures asked for."""
    rows = {row["temperature"]: row["misspelt"]["mean"] for row in results.text("temperature")["temperatures"]}
    return "new words: " + ", ".join(f"{decimals(rows[T], 2)} at {setting(T)}" for T in (0.5, 1.0, 2.0)) + " (Grimm)"


def best_at_home(results):
    """Of how many books the test part is best under their own model."""
    runs = results.text("books")["runs"]
    home = [min(runs, key=lambda model: runs[model]["test_parts"][book]["bpc"]) == book for book in runs]
    return f"the test part of {sum(home)} of {len(home)} books has its lowest loss under its own model"


def closed(results):
    """The share of what is opened that is closed, greedily."""
    runs = results.text("markup")["runs"]
    dollars, tags = runs["calculus"]["generated"]["0"]["dollar"], runs["html"]["generated"]["0"]["element"]
    shares = [decimals(found["share_closed"], 2) for found in (dollars, tags)]
    return rf"greedily: \texttt{{\$}} {shares[0]}, tags {shares[1]} closed"


# (document, where, what it found, what is found here, where that stands in this report, why we differ, file)
ROWS = [
    ("Assignment", "sanity check", "RNN near-perfect at $T = 5$",
     lambda r: solves(r, "lengths", [5], model_type="RNN", init="orthogonal", input_dim=1), "tab:lengths_rnn", "",
     "part1/lengths.csv"),
    ("", "sanity check", "LSTM near-perfect at $T = 5$",
     lambda r: solves(r, "lengths", [5], model_type="LSTM", init="chrono", input_dim=1), "tab:lengths_lstm", "",
     "part1/lengths.csv"),
    ("", "section 1.3", r"RNN: more than $\sim 10$ steps are difficult",
     lambda r: f"{all_lengths(r, 'RNN', 'normal', input_dim=1)}; {all_lengths(r, 'RNN', 'orthogonal', input_dim=1)}",
     "fig:lengths", "true of normal weights", "part1/lengths.csv"),
    ("Chouliaras", "figure 2", "RNN, one-hot, a higher rate: 1.0 to $T = 8$, .6 at 9 and 10, .4 at 11 to 14",
     lambda r: protocol(r, "RNN", [8, 10, 14]), "", "partly the rate: .0025 in 2017's template",
     "part1/protocols.csv"),
    ("", "figure 3", "the same at rate .001 converges at $T = 14$",
     lambda r: "xavier, one-hot, " + solves(r, "lengths", [14], model_type="RNN", init="xavier", input_dim=10),
     "", "", "part1/lengths.csv"),
    ("", "figure 4", "LSTM, one-hot: 1.0 to $T = 12$",
     lambda r: protocol(r, "LSTM", [8, 12, 14]), "", "not known", "part1/protocols.csv"),
    ("", "figure 5", "LSTM at $T = 19$, rate .0007, 130 units: 1.0 after 3,000 updates",
     lambda r: "one-hot, "
     + "; ".join(f"{init}, {solves(r, 'curves', [20], init=init)}" for init in ("xavier", "chrono")),
     "fig:single", "one run each", "part1/curves.csv"),
    ("", "table 1", "Grimm: 1.24 nats at update 3,600, .94 at 17,401", losses_of_grimm, "tab:grimm",
     "not known; ours lie on both sides", "part3/training.json"),
    ("", "figure 7", "Democracy: 1.2 after 60,000 updates; 1.5 with dropout",
     lambda r: training_losses(r, {"democracy": "without dropout", "democracy_dropout": "with"}),
     "tab:democracy", "not known", "part3/training.json"),
    ("", "table 2", "the same after 115,000: “President of the United States is the same persons”",
     lambda r: greedy_sample(r, "democracy"), "", "", "part3/training.json"),
    ("", "table 3", "“The prince went to the king, and said: ‘I have”",
     lambda r: finished(r, "grimm", "The prince went to", "0"), "tab:sentences", "", "part3/sentences.json"),
    ("Gallego", "figure 1", "RNN, read off: $T = 29$ after 895 updates; best .95 at 49, .86 at 99",
     lambda r: r"orthogonal, one-hot (Figure~\ref{fig:rates}), "
     + solves(r, "learning_rates", [30], model_type="RNN", learning_rate=0.0001)
     + "; with curriculum and Adam, "
     + solves(r, "reach", [50, 100, 200], model_type="RNN", optimizer="adam"),
     "tab:reach", "smaller rates ($T = 30$: .0001), and short palindromes first", "part1/reach.csv"),
    ("", "figure 2", "LSTM, read off: $T = 499$, first perfect batch at update 175",
     lambda r: f"chrono, one-hot, $T = 500$: {reached(r, 'chrono', 0.001)}, with curriculum"
     f" {reached(r, 'chrono', 0.001, 1.1)}, at rate .03 {reached(r, 'chrono', 0.03)}", "tab:reach",
     "his rates are higher still (read off: .1 to .25, Adam); one batch is no test", "part1/reach.csv"),
    ("", "figure 3", "Quijote's training loss above Grimm's",
     lambda r: training_losses(r, {"grimm": "Grimm", "quijote": "Quijote"}), "fig:textcurves", "",
     "part3/training.json"),
    ("", "tables 1, 2", "noise at first, words from update 750 on, locally correct",
     lambda r: greedy_sample(r, "quijote"), "", "", "part3/training.json"),
    ("", "table 3", "a Spanish prompt goes on in English after Grimm",
     lambda r: finished(r, "grimm", "Mas vale pajaro en mano que ver un ciento v", "0.5"), "tab:sentences", "",
     "part3/sentences.json"),
    ("", "table 4", "and in Spanish after Quijote",
     lambda r: finished(r, "quijote", "Mas vale pajaro en mano que ver un ciento v", "0.5"), "tab:sentences", "",
     "part3/sentences.json"),
    ("Belli", "figure 1", "RNN, 10,000 updates: accuracy 1.0 to 9, then near chance",
     lambda r: f"{all_lengths(r, 'RNN', 'normal', input_dim=1)}; one-hot to"
     f" {longest_on_all_seeds(r.rows('lengths', model_type='RNN', init='normal', input_dim=10))}",
     "fig:lengths", "a mean over seeds there, every seed here", "part1/lengths.csv"),
    ("", "figure 2", "orthogonal $\\mathbf W_{hh}$ converges faster, to 20",
     lambda r: "one-hot, " + solves(r, "lengths", [10, 20], model_type="RNN", init="orthogonal", input_dim=10),
     "tab:lengths_rnn", "", "part1/lengths.csv"),
    ("", "figure 3", "LSTM: 1.0 to 15",
     lambda r: "; ".join(f"{init}, {solves(r, 'lengths', [15], model_type='LSTM', init=init, input_dim=1)}"
                         for init in ("normal", "chrono")), "tab:lengths_lstm",
     "how weights and biases start", "part1/lengths.csv"),
    ("", "figure 4", r"the gate as $\tau$, $s$ and $r_{on}$ change", lambda r: "drawn again",
     "fig:gateparameters", "", ""),
    ("", "3.1 b", "Anna Karenina after 100,000 updates: sentences; little change since 10,000",
     lambda r: greedy_sample(r, "anna_karenina"), "", "", "part3/training.json"),
    ("", "3.1 c", "varied at temperature .5, mistakes at 1, no words at 2", new_words, "fig:temperature", "",
     "part3/temperature.json"),
    ("", "3.2.1", "four books, four styles, by eye", best_at_home, "tab:styles", "", "part3/books.json"),
    ("", "3.2.2", r"\LaTeX{} and HTML, greedily: tags are closed", closed, "tab:markup", "", "part3/markup.json"),
    ("Assarsson", "(9)", r"gradient errors (its symbols): $3 \cdot 10^{-10}$ (c) to $2 \cdot 10^{-7}$ (W)",
     gradient_errors, "", "double precision", "part3/numpy_ablations.json"),
    ("", "figures 1 to 3", "smooth loss 39 to 42 a chunk (1.56 to 1.68 nats)",
     smooth_loss, "", "another book", "part3/numpy_ablations.json"),
]  # fmt: skip


def comparison(results):
    found = Results(results)
    body = [
        [document, where, paragraph(theirs, 0.22), paragraph(ours(found), 0.28), paragraph(why, 0.135),
         paragraph(here(place, file), 0.12)]
        for document, where, theirs, ours, place, why, file in ROWS
    ]  # fmt: skip
    header = ["document", "where", "found", "here", "why we differ", "see"]
    caption = (
        "Row by row. Shares are seeds that solve a length, with the median of their updates. The last column has our"
        r" table or figure and the file in \code{report/results/part1} or \code{part3}."
    )
    return {
        "tables": {
            "comparison": table("comparison", caption, "report/make.py", "llllll", header, body, size="scriptsize")
        }
    }


def here(place, file):
    """Our table or figure, and the file of its results."""
    kind = {"tab": "Table", "fig": "Figure"}.get(place[:3])
    words = [rf"{kind}~\ref{{{place}}}" if kind else "", escape(Path(file).stem).replace(r"\_", r"\_\allowbreak{}")]
    return ", ".join(word for word in words if word)


ITEMS = [comparison]
