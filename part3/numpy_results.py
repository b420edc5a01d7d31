# SPDX-License-Identifier: MIT
"""What a run of numpy_rnn.py leaves behind: its checkpoint read again, its sample texts, result.json, its picture."""

import io

import numpy as np

from common.cli import UserError
from common.figure import new_figure, save_figure
from common.run import read_table
from part3 import numpy_model
from part3.evaluation import bpc

FINAL_SAMPLE = 1_000  # characters
CURVES = 6  # epochs drawn over the place in the book: the last ones


def load(path):
    """(facts, w, s, h) of a checkpoint of numpy_rnn.py, as numpy_model.load gives them.

    Raises:
        UserError: it is missing, damaged or of another kind.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror}; is it the right path?") from None
    try:
        return numpy_model.load(io.BytesIO(raw))
    except Exception:  # which one it is depends on where the file is damaged
        other = "checkpoint.npz" if path.name == "best.npz" else "best.npz"
        raise UserError(f"{path} is damaged or no checkpoint of numpy_rnn.py; use another, such as {other}") from None


def write_text(w, vocabulary, length, step, config):
    """`length` characters after a random first one; the seed and the step decide every choice."""
    rng = np.random.default_rng((config.seed, step, 1))
    first = int(rng.integers(len(vocabulary)))
    return vocabulary.decode([first, *numpy_model.sample(w, first, length, config.temperature, rng)])


def finish(run, config, data, standing):
    """The losses and a text of the best weights into result.json, the picture of the run, and the last lines."""
    _, w, _, _ = load(run.folder / ("best.npz" if standing.best_step else "checkpoint.npz"))
    result = {"steps": standing.step, "best_step": standing.best_step or standing.step}
    result |= {name: getattr(standing, name) for name in ("smooth_loss", "lowest_smooth_loss", "lowest_step")}
    for name, part in (
        ("train", data.train[-max(len(data.val), 10_000) :]),
        ("validation", data.val),
        ("test", data.test),
    ):
        loss = numpy_model.text_loss(w, part) if len(part) else None
        result[f"{name}_loss"], result[f"{name}_bpc"] = loss, loss and bpc(loss)
        if loss:
            print(f"{name:>10}: {loss:.4f} nats = {bpc(loss):.4f} bits per character ({len(part)} characters)")
    result["sample"] = write_text(w, data.vocabulary, FINAL_SAMPLE, standing.step, config)
    run.finish(**result, seconds=round(standing.seconds, 2), config=vars(config))
    draw_run(run.folder)
    print(
        f"\n{result['sample']}\n\n{standing.step} updates in {standing.seconds:.0f} s, the best at"
        f" {result['best_step']}; smooth loss {standing.smooth_loss:.4f} at the end,"
        f" {standing.lowest_smooth_loss:.4f} nats per character = {standing.lowest_smooth_loss * config.seq_length:.2f}"
        f" per chunk at its lowest; see {run.folder}"
    )


def draw_run(folder):
    """curves.png: the smooth loss against the update, and against the place in the book, epoch by epoch."""
    rows = read_table(folder / "metrics.csv")
    figure, (left, right) = new_figure(5.6, 2.6, ncols=2)
    left.plot(*points(rows, "smooth_loss"), label="smooth loss, training")
    left.plot(*points(rows, "validation_loss"), label="validation part", marker="o")
    left.set(xlabel="update", ylabel="loss (nats per character)")
    epochs = sorted({int(row["epoch"]) for row in rows})
    for epoch in epochs[-CURVES:]:
        of_epoch = [row for row in rows if int(row["epoch"]) == epoch]
        right.plot(*points(of_epoch, "smooth_loss", "position"), label=f"epoch {epoch}")
    right.set(xlabel="place in the book (characters)", ylabel="smooth loss (nats per character)")
    settled = [float(row["smooth_loss"]) for row in rows if row["smooth_loss"] and int(row["epoch"]) > 1]
    if settled:  # epoch 1 comes in from far above, and would flatten the others
        low, high = min(settled), max(settled)
        right.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    left.legend()
    if epochs:
        right.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    save_figure(figure, folder / "curves.png")


def points(rows, column, against="step"):
    """The column's values and what they stand against, where it has any."""
    found = [(int(row[against]), float(row[column])) for row in rows if row[column]]
    return tuple(zip(*found, strict=True)) or ((), ())
