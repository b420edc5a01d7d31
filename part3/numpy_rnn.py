# SPDX-License-Identifier: MIT
"""Train the character RNN of numpy_model.py on a book: the KTH report's experiment, in NumPy with no gradient but ours.

python part3/numpy_rnn.py --txt_file assets/grimm.txt --epochs 6
python part3/numpy_rnn.py --resume summaries/numpy_grimm_...
python part3/numpy_rnn.py --check                             the gradients beside central differences

The book is read from front to back, T characters an update; the state goes on from chunk to chunk and is zero again at
the start of each epoch. A loss is in nats per character; the smooth loss is .999 of the one before and .001 of the
chunk's. The optimizer sees the sum over the chunk, as in the report (whose 39 for 25 characters is 1.56 nats for one).

AdaGrad's first step is the learning rate times the sign of the gradient, however small that is: at a rate of .1 it
drives most units to ±1, where they stay. Its memory therefore begins at 25 = 5², as if each weight had seen one
gradient of the length of the clip; --initial_accumulator_value 0 is plain AdaGrad. numpy_ablations.py compares the two.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import os
import time
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
from tqdm import tqdm

from common import cli
from common.checkpoint import settle_config
from common.cli import UserError
from common.files import replacing, write_json
from common.run import Run, Table, has_result, make_folder
from common.signals import StopRequest
from common.training import NotFinite
from part3 import numpy_check, numpy_model
from part3.dataset import TextDataset
from part3.evaluation import bpc
from part3.numpy_model import OPTIMIZERS, Parameters, clip, initial_weights, loss_and_gradients, text_loss
from part3.numpy_results import finish, load, write_text
from part3.text import check_text, fingerprint

MAY_DIFFER = {"epochs", "max_updates", "print_every", "sample_every", "checkpoint_every", "txt_file"}  # on --resume
COLUMNS = ["epoch", "position", "loss", "smooth_loss", "penalty", "validation_loss", "validation_bpc"]


@dataclass
class Standing:
    """How far a run has come. Plain values: a part of its checkpoint. Losses in nats per character."""

    step: int = 0  # updates done
    seconds: float = 0.0  # spent on them
    smooth_loss: float | None = None
    lowest_smooth_loss: float | None = None
    lowest_step: int | None = None
    best_step: int | None = None
    best_loss: float | None = None  # on the validation part, at the end of an epoch

    def note(self, loss):
        self.smooth_loss = loss if self.smooth_loss is None else 0.999 * self.smooth_loss + 0.001 * loss
        if self.lowest_smooth_loss is None or self.smooth_loss < self.lowest_smooth_loss:
            self.lowest_smooth_loss, self.lowest_step = self.smooth_loss, self.step


def train(config, folder=None, checkpoint=None):
    """One run over one book, in a folder of its own, or on from `checkpoint` in `folder`.

    Returns:
        (the run's folder, 0), or (the folder, the exit status) where a signal stopped it: checkpoint.npz is written
        then and `--resume` goes on from there.

    Raises:
        UserError: the text does not serve, or the folder cannot be written.
        NotFinite: the loss or its gradient is not finite.
    """
    T = config.seq_length
    data = TextDataset(config.txt_file, T, config.val_fraction, config.test_fraction, strip=config.strip_gutenberg)
    chunks = (len(data.train) - 1) // T  # updates of an epoch; a rest shorter than T is left out
    last_step = min(config.epochs * chunks, config.max_updates or sys.maxsize)
    if checkpoint:
        facts, w, s, h = checkpoint
        check_text(facts, data, config.txt_file)
        standing = Standing(**facts["standing"])
        if standing.step >= last_step and has_result(folder, standing.step):
            print(
                f"nothing to do: {folder} has ended at update {standing.step}; --epochs and"
                f" --max_updates set how far it goes"
            )
            return folder, 0
    else:
        w, standing = initial_weights(data.vocab_size, config.num_hidden, config.seed), Standing()
        s = np.full_like(w.flat, config.initial_accumulator_value if config.optimizer == "adagrad" else 0)
        h = np.zeros_like(w.b)
    dL = Parameters(data.vocab_size, config.num_hidden)
    optimize = OPTIMIZERS[config.optimizer]
    folder = folder or make_folder(config.summary_path, run_name(config), vars(config))
    if data.cut:
        print(f"{config.txt_file}: {data.cut}; --no_strip_gutenberg keeps them")
    print(f"{len(data.train)} characters to train on, {data.vocab_size} different ones, {chunks} updates an epoch")
    print(f"run folder {folder}")
    bar = tqdm(total=last_step, initial=standing.step, unit="update", disable=None, leave=False)
    with Run(folder, "part3", COLUMNS, standing.step) as run, StopRequest() as stop, bar, np.errstate(all="ignore"):
        samples = Table(folder / "samples.csv", ["temperature", "text"], standing.step)
        write_json(folder / "config.json", vars(config))  # with what --resume has changed
        save(folder / "checkpoint.npz", config, data, standing, w, s, h)
        while standing.step < last_step and not stop:
            began = time.perf_counter()
            step = standing.step = standing.step + 1
            epoch, chunk = divmod(step - 1, chunks)
            if chunk == 0:
                h = np.zeros_like(h)  # the book begins again
            x, y = data.train[chunk * T :][:T], data.train[chunk * T + 1 :][:T]

            loss, penalty, h = loss_and_gradients(w, dL, x, y, h, config.l2)
            check_finite(loss + penalty, dL.flat, step)
            clip(dL.flat, config.clip)
            optimize(w.flat, dL.flat, s, config.learning_rate)

            standing.note(loss / T)
            standing.seconds += time.perf_counter() - began
            bar.update()
            if step % config.print_every == 0:
                values = dict(loss=loss / T, smooth_loss=standing.smooth_loss, penalty=penalty)
                run.log(step, epoch=epoch + 1, position=(chunk + 1) * T, **values)
                tqdm.write(log_line(step, last_step, epoch + 1, config, standing))
            if step % config.sample_every == 0:
                text = write_text(w, data.vocabulary, config.sample_length, step, config)
                samples.add(step, temperature=config.temperature, text=text)
                tqdm.write(f"Sample at update {step}: {text!r}")
            if len(data.val) and chunk == chunks - 1:
                validate(run, w, data, standing, epoch + 1)
                if standing.best_step == step:
                    save(folder / "best.npz", config, data, standing, w, s, h)
            if step % config.checkpoint_every == 0 or step == last_step:
                save(folder / "checkpoint.npz", config, data, standing, w, s, h)
        samples.close()
        if stop:
            save(folder / "checkpoint.npz", config, data, standing, w, s, h)
    if standing.step < last_step:
        return folder, stop.leave(standing.step, folder, os.path.relpath(__file__))
    finish(run, config, data, standing)
    return folder, 0


def check_finite(loss, g, step):
    """Stop before a broken gradient reaches the weights.

    Raises:
        NotFinite: the loss or an entry of the gradient is NaN or infinite.
    """
    if not (np.isfinite(loss) and np.isfinite(g).all()):
        raise NotFinite(
            f"the loss or its gradient is not finite at update {step}; lower --learning_rate, or clip."
            f" What was saved before is kept"
        )


def log_line(step, last_step, epoch, config, standing):
    chunk_loss = standing.smooth_loss * config.seq_length
    return (
        f"[{datetime.now():%Y-%m-%d %H:%M}] Update {step:06d}/{last_step:06d}, Epoch = {epoch}/{config.epochs}, "
        f"Updates/Sec = {step / standing.seconds:.0f}, Smooth loss = {standing.smooth_loss:.4f} nats per character "
        f"= {chunk_loss:.2f} per chunk of {config.seq_length}"
    )


def validate(run, w, data, standing, epoch):
    """The loss of the validation part, state carried through; notes it where it is the best so far."""
    loss = text_loss(w, data.val)
    run.log(standing.step, epoch=epoch, validation_loss=loss, validation_bpc=bpc(loss))
    tqdm.write(f"Validation after epoch {epoch}: {loss:.4f} nats = {bpc(loss):.4f} bits per character")
    if standing.best_loss is None or loss < standing.best_loss:
        standing.best_loss, standing.best_step = loss, standing.step


def save(path, config, data, standing, w, s, h):
    """A checkpoint: all that --resume and sampling need."""
    facts = dict(config=vars(config), standing=asdict(standing))
    facts |= dict(vocabulary=data.vocabulary.characters, text_sha256=fingerprint(data))
    with replacing(path, "wb") as f:
        numpy_model.save(f, facts, w, s, h)


def run_name(config):
    return (
        f"numpy_{Path(config.txt_file).stem}_T{config.seq_length}_m{config.num_hidden}_{config.optimizer}"
        f"_lr{config.learning_rate:g}_lambda{config.l2:g}_clip{config.clip:g}_seed{config.seed}"
    )


def parser():
    p = cli.Parser(prog="numpy_rnn.py", description="Train a character RNN in NumPy, every gradient by hand.")
    g = p.add_argument_group("text")
    g.add_argument("--txt_file", metavar="FILE", help="the book: any text file")
    g.add_argument("--seq_length", type=cli.positive_int, default=25, help="T, characters of a chunk")
    g.add_argument("--val_fraction", type=cli.fraction, default=0.05, help="held out for validation")
    g.add_argument("--test_fraction", type=cli.fraction, default=0.05, help="held out for the test, the text's end")
    g.add_argument(
        "--no_strip_gutenberg",
        dest="strip_gutenberg",
        action="store_false",
        help="train on Project Gutenberg's header and licence too",
    )
    g = p.add_argument_group("training")
    g.add_argument("--num_hidden", type=cli.positive_int, default=100, help="m, hidden units")
    g.add_argument("--epochs", type=cli.positive_int, default=6, help="times that the book is read")
    g.add_argument("--max_updates", type=cli.positive_int, help="stop after so many, short of the epochs")
    g.add_argument("--optimizer", choices=OPTIMIZERS, default="adagrad", help="RMSprop and SGD want a smaller rate")
    g.add_argument("--learning_rate", type=cli.positive, default=0.1, help="of the optimizer")
    g.add_argument("--initial_accumulator_value", type=cli.real(0), default=25.0, help="AdaGrad's memory at the start")
    g.add_argument("--l2", type=cli.real(0), default=0.0, help="λ of the penalty λ/2 ||.||² on U, W and V, each chunk")
    g.add_argument("--clip", type=cli.real(0), default=5.0, help="each entry of the gradient to ± this; 0 is none")
    g.add_argument("--seed", type=cli.natural, default=42, help="of the weights and samples")
    g.add_argument("--check", action="store_true", help="check the gradients by central differences, and leave")
    g = p.add_argument_group("output")
    g.add_argument("--summary_path", default="./summaries/", help="each run makes a folder of its own below")
    g.add_argument("--print_every", type=cli.positive_int, default=500, help="updates between log lines")
    g.add_argument("--sample_every", type=cli.positive_int, default=10_000, help="updates between samples")
    g.add_argument("--sample_length", type=cli.positive_int, default=200, help="characters of a sample")
    g.add_argument("--temperature", type=cli.real(0), default=1.0, help="the logits are divided by it; 0 is greedy")
    g.add_argument("--checkpoint_every", type=cli.positive_int, default=10_000, help="updates between checkpoints")
    g.add_argument("--resume", metavar="PATH", help="go on with the run of this folder or checkpoint")
    return p


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    if config.check:
        if len(given) > 1:
            raise UserError("--check takes no other flags; leave them out")
        return numpy_check.check()
    del config.check
    if config.resume is not None:
        path = Path(config.resume)
        path = path / "checkpoint.npz" if path.is_dir() else path
        checkpoint = load(path)
        return train(settle_config(config, given, checkpoint[0], MAY_DIFFER), path.parent, checkpoint)[1]
    if config.txt_file is None:
        raise UserError("give a text with --txt_file, such as --txt_file assets/grimm.txt")
    if "initial_accumulator_value" in given and config.optimizer != "adagrad":
        raise UserError(f"--initial_accumulator_value is AdaGrad's; leave it out with --optimizer {config.optimizer}")
    del config.resume
    return train(config)[1]


if __name__ == "__main__":
    cli.run_main(main)
