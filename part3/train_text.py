# SPDX-License-Identifier: MIT
"""Train a two-layer LSTM to go on with a book, one character at a time: question 3.1.

python part3/train_text.py --txt_file assets/grimm.txt
python part3/train_text.py --txt_file assets/grimm.txt --batching stream --dropout_keep_prob 0.5 --optimizer adamw
python part3/train_text.py --resume summaries/grimm_...
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import time
from dataclasses import asdict, replace

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from common import cli
from common.checkpoint import load_checkpoint, refuse_misfits, resume
from common.cli import UserError
from common.figure import draw_curves
from common.files import copy_file, write_json
from common.run import Run, Table, has_result, make_folder
from common.signals import StopRequest
from common.training import OPTIMIZERS, check_weights, clip_gradient, log_line
from part3.dataset import TextDataset
from part3.evaluation import Standing, bpc, text_loss
from part3.flags import parser, refuse_another_end, refuse_contradictions, run_name
from part3.model import build_model, model_of
from part3.sampling import generate
from part3.text import check_text, fingerprint

MAY_DIFFER = {  # on --resume; train_steps not with --schedule cosine
    "train_steps",
    "max_minutes",
    "patience",
    "print_every",
    "sample_every",
    "eval_every",
    "checkpoint_every",
    "device",
    "threads",
    "txt_file",
}
COLUMNS = ["loss", "accuracy", "gradient_norm", "validation_loss", "validation_bpc"]
EARLIER_BEST = "best_earlier.pt"  # where best.pt has the last weights of a run that has ended
TIMED = 20  # updates after which the time to the last one is estimated
COSINE_END = 0.02  # of the learning rate


def train(config, folder=None, checkpoint=None):
    """One run over one book, in a folder of its own, or on from `checkpoint` in `folder`.

    Returns:
        (the run's folder, 0), or (the folder, the exit status) where a signal stopped it: checkpoint.pt is written
        then and `--resume` goes on from there.

    Raises:
        UserError: the text does not serve, the loss or its gradient is not finite, or the folder cannot be written.
    """
    cli.set_threads(config)
    data = TextDataset(
        config.txt_file,
        config.seq_length,
        config.val_fraction,
        config.test_fraction,
        config.seed,
        config.strip_gutenberg,
    )
    streams = config.batching == "stream"
    if streams:
        data.stream_windows(config.batch_size)  # is the text long enough?
    model = build_model(config, data.vocab_size)
    optimizer = OPTIMIZERS[config.optimizer](
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = build_schedule(config, optimizer)
    standing, state = Standing(), None
    if checkpoint:
        check_text(checkpoint, data, config.txt_file)
        standing, state = restore(checkpoint, model, optimizer, schedule, config)
        ended_by = standing.ended_by(config)
        if ended_by and has_result(folder, standing.step):
            print(f"nothing to do: {folder} has ended at update {standing.step}; a higher --{ended_by} lets it go on")
            return folder, 0
        settle_best(folder, standing)
    text_sha256 = fingerprint(data)
    folder = folder or make_folder(config.summary_path, run_name(config), vars(config))
    if data.cut:
        print(f"{config.txt_file}: {data.cut}; --no_strip_gutenberg keeps them")
    print(f"{len(data.train)} characters to train on, {data.vocab_size} different ones; run folder {folder}")
    bar = tqdm(total=config.train_steps, initial=standing.step, unit="step", disable=None, leave=False)
    with Run(folder, "part3", COLUMNS, standing.step) as run, StopRequest() as stop, bar:

        def save(name, standing=standing):
            content = all_of(config, data, model, optimizer, schedule, standing)
            run.save(name, **content, text_sha256=text_sha256, state=state if streams else None)

        samples = Table(folder / "samples.csv", ["temperature", "text"], standing.step)
        first_step, first_seconds = standing.step, standing.seconds
        if not checkpoint:
            run.graph(model.eval(), data.batch(1, 1)[0][:, :3].to(config.device))
            model.train()
        write_json(folder / "config.json", vars(config))  # with what --resume has changed
        save("checkpoint.pt")
        while not (stop or standing.ended_by(config)):
            began = time.perf_counter()
            standing.step = step = standing.step + 1
            batch = data.stream if streams else data.batch
            x, y = (part.to(config.device) for part in batch(step, config.batch_size))  # (B, T) each
            if not streams or data.streams_begin(step, config.batch_size):
                state = None  # what was read before is other text

            optimizer.zero_grad()
            logits, state = model(x, state)  # (B, T, V)
            state = tuple(part.detach() for part in state)  # carried on, but no gradient goes back beyond the window
            loss = cross_entropy(logits.flatten(0, 1), y.flatten())  # eq. 18: the mean over all T steps
            loss.backward()
            gradient_norm = clip_gradient(model, config.max_norm, step)
            optimizer.step()
            schedule.step()

            bar.update()
            if step % config.print_every == 0:
                accuracy = (logits.argmax(dim=-1) == y).float().mean().item()
                run.log(step, loss=loss.item(), accuracy=accuracy, gradient_norm=gradient_norm.item())
                tqdm.write(log_line(step, config, time.perf_counter() - began, accuracy, loss.item()))
            standing.seconds += time.perf_counter() - began
            if step == first_step + TIMED:
                tqdm.write(estimate((standing.seconds - first_seconds) / TIMED, config.train_steps - step))
            if step % config.sample_every == 0:
                check_weights(model, step)
                write_samples(run, samples, step, model, data, config)
            if len(data.val) and step % config.eval_every == 0:
                check_weights(model, step)
                if validate(run, step, model, data, config, standing):
                    save("best.pt")
            if step % config.checkpoint_every == 0:
                check_weights(model, step)
                save("checkpoint.pt")
        samples.close()
        check_weights(model, standing.step)
        save("checkpoint.pt")
        if standing.ended_by(config) and len(data.val) and standing.step % config.eval_every:
            # The last weights may be the best. No checkpoint hears of it, and the best ones before are set aside: a run
            # that is resumed with more updates must not differ from one that was never stopped.
            loss = text_loss(model, data.val, config.device)
            if standing.best_loss is None or loss < standing.best_loss:
                if standing.best_step:
                    copy_file(folder / "best.pt", folder / EARLIER_BEST)
                save("best.pt", replace(standing, best_loss=loss, best_step=standing.step))
    if not standing.ended_by(config):
        return folder, stop.leave(standing.step, folder)
    finish(run, config, data, standing)
    return folder, 0


def build_schedule(config, optimizer):
    """The learning rate of each update: steps down, or half a cosine."""
    if config.schedule == "cosine":
        end = COSINE_END * config.learning_rate
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.train_steps, eta_min=end)
    return torch.optim.lr_scheduler.StepLR(optimizer, config.learning_rate_step, config.learning_rate_decay)


def restore(checkpoint, model, optimizer, schedule, config):
    """Put everything back as it was; returns the standing and the carried state.

    Raises:
        UserError: the checkpoint is of an older program, and lacks something.
    """
    with refuse_misfits():
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        schedule.load_state_dict(checkpoint["schedule"])
        model.rng.set_state(checkpoint["dropout_rng"])
        state = checkpoint["state"] and tuple(part.to(config.device) for part in checkpoint["state"])
        return Standing(**checkpoint["standing"]), state


def settle_best(folder, standing):
    """Make best.pt, from which a run that goes on may have to take its result, the best weights so far again.

    Raises:
        UserError: it is missing.
    """
    earlier, best = folder / EARLIER_BEST, folder / "best.pt"
    if earlier.exists() and load_checkpoint(earlier, "part3")["standing"]["best_step"] == standing.best_step:
        earlier.replace(best)
    if standing.best_step and not best.exists():
        raise UserError(f"{folder} lacks best.pt, whose weights are tested at the end; copy the whole folder")


def all_of(config, data, model, optimizer, schedule, standing):
    """What --resume and generate.py need, but for the text's hash and the carried state. The windows need nothing: they
    follow from the seed and the number of the update."""
    return dict(
        config=vars(config),
        vocabulary=data.vocabulary.characters,
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        schedule=schedule.state_dict(),
        standing=asdict(standing),
        dropout_rng=model.rng.get_state(),
    )


def validate(run, step, model, data, config, standing):
    """The loss of the validation part, state carried through; returns whether it is the best so far."""
    loss = text_loss(model, data.val, config.device)
    run.log(step, validation_loss=loss, validation_bpc=bpc(loss))
    tqdm.write(f"Validation at step {step}: {loss:.4f} nats = {bpc(loss):.4f} bits per character")
    return standing.judge(loss)


def write_samples(run, samples, step, model, data, config):
    """Samples at every --temperature from the same random first character (question 3.1 b and c)."""
    first = np.random.default_rng((config.seed, step, 1)).integers(data.vocab_size)
    prompt = torch.tensor([[first]], device=config.device)
    for number, temperature in enumerate(config.temperature):
        rng = torch.Generator().manual_seed(config.seed + len(config.temperature) * step + number)
        following = [x.item() for x in generate(model, prompt, config.sample_length, temperature, rng)]
        text = data.convert_to_string([first, *following])
        samples.add(step, temperature=temperature, text=text)
        run.writer.add_text(f"temperature {temperature:g}", repr(text), step)
        tqdm.write(f"Sample at step {step}, {name_of(temperature)}: {text!r}")


def name_of(temperature):
    return "greedy" if temperature == 0 else f"temperature {temperature:g}"


def estimate(seconds_per_update, updates):
    minutes = round(seconds_per_update * updates / 60)
    duration = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f"About {duration} to the last step at this speed. Ctrl-C keeps everything, and --resume goes on."


def finish(run, config, data, standing):
    """The losses of the best weights on all three parts into result.json, and the picture of the run."""
    best = run.folder / ("best.pt" if len(data.val) else "checkpoint.pt")
    checkpoint = load_checkpoint(best, "part3")
    model, _ = model_of(checkpoint, best, config.device)
    result = {"steps": standing.step, "best_step": checkpoint["standing"]["step"]}
    parts = {"train": data.train[-max(len(data.val), 10_000) :], "validation": data.val, "test": data.test}
    for name, part in parts.items():
        loss = text_loss(model, part, config.device) if len(part) else None
        result[f"{name}_loss"], result[f"{name}_bpc"] = loss, loss and bpc(loss)
        if loss:
            print(
                f"{name:>10}: {loss:.4f} nats = {bpc(loss):.4f} bits per character, of its last {len(part)} characters"
            )
    ended_by = standing.ended_by(config)
    run.finish(**result, ended_by=ended_by, seconds=round(standing.seconds, 2), config=vars(config))
    panels = {
        "loss (nats per character)": {"training batch": "loss", "validation part": "validation_loss"},
        "accuracy": {"training batch": "accuracy"},
    }
    draw_curves(run.folder / "metrics.csv", panels, run.folder / "curves.png")
    print(f"{standing.step} updates (ended by {ended_by}), the best at {result['best_step']}; see {run.folder}")


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    if config.resume is not None:
        config, folder, checkpoint = resume(config, given, "part3", MAY_DIFFER)
        refuse_contradictions(config, given)
        refuse_another_end(config, checkpoint)
        return train(config, folder, checkpoint)[1]
    if config.txt_file is None:
        raise UserError("give a text with --txt_file, such as --txt_file assets/grimm.txt")
    refuse_contradictions(config, given)
    del config.resume
    return train(config)[1]


if __name__ == "__main__":
    cli.run_main(main)
