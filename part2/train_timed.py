# SPDX-License-Identifier: MIT
"""The loop of the timed tasks, with part 1's skeleton: part2/train.py --task frequency or --task adding starts it."""

import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from tqdm import tqdm

from common import cli
from common.checkpoint import load_checkpoint, refuse_misfits, resume
from common.cli import UserError
from common.figure import draw_curves
from common.files import write_json
from common.run import Run, has_result, make_folder
from common.signals import StopRequest
from common.training import OPTIMIZERS, check_weights, clip_gradient, log_line
from part2.dataset import BASELINE, AddingDataset, FrequencyDataset
from part2.evaluation import NEAR, Standing, loss_of, measure, multiply_adds, share_open, share_right
from part2.flags import complete, timed_name
from part2.gated_lstm import GatedLSTM, TimedLSTM
from part2.time_gate import TimeGate

MAY_DIFFER = {"train_steps", "max_minutes", "print_every", "eval_every", "device", "threads"}  # on --resume
COLUMNS = ["loss", "accuracy", "gradient_norm", "validation_loss", "validation_accuracy"]


def train(config, folder=None, checkpoint=None):
    """One run, in a folder of its own, or on from `checkpoint` in `folder`.

    Returns:
        (the run's folder, 0), or (the folder, the exit status) where a signal stopped it: checkpoint.pt is written
        then and `--resume` goes on from there.

    Raises:
        UserError: the loss or its gradient is not finite, or the folder cannot be written.
    """
    cli.set_threads(config)
    data = build_dataset(config)
    model = build_model(config, data)
    optimizer = OPTIMIZERS[config.optimizer](model.parameters(), lr=config.learning_rate)
    standing = Standing()
    if checkpoint:
        with refuse_misfits():
            model.load_state_dict(checkpoint["model"])
            optimizer.load_state_dict(checkpoint["optimizer"])
            standing = Standing(**checkpoint["standing"])
        ended_by = standing.ended_by(config)
        if ended_by and has_result(folder, standing.step):
            remedy = "a new run without it goes on" if ended_by == "target" else "a higher one lets it go on"
            print(f"nothing to do: {folder} has ended at update {standing.step} by --{ended_by}; {remedy}")
            return folder, 0
        if standing.best_score is not None and not (Path(folder) / "best.pt").exists():
            raise UserError(f"{folder} lacks best.pt, whose weights are tested at the end; copy the whole folder")
    validation_set = data.validation_set()
    folder = folder or make_folder(config.summary_path, timed_name(config), vars(config))
    bar = tqdm(total=config.train_steps, initial=standing.step, unit="step", disable=None, leave=False)
    with Run(folder, "part2", COLUMNS, standing.step) as run, StopRequest() as stop, bar:
        write_json(folder / "config.json", vars(config))  # with what --resume has changed
        run.save("checkpoint.pt", **state(config, model, optimizer, standing))
        while not (stop or standing.ended_by(config)):
            began = time.perf_counter()
            step = standing.step = standing.step + 1
            x, times, lengths, y = (part.to(config.device) for part in data.batch(step, config.batch_size))

            optimizer.zero_grad()
            output = model(x, times, lengths)
            loss = loss_of(output, y)
            loss.backward()
            gradient_norm = clip_gradient(model, config.max_norm, step)
            optimizer.step()

            bar.update()
            if step % config.print_every == 0:
                accuracy = share_right(output, y).item()
                run.log(step, loss=loss.item(), accuracy=accuracy, gradient_norm=gradient_norm.item())
                tqdm.write(log_line(step, config, time.perf_counter() - began, accuracy, loss.item()))
            standing.seconds += time.perf_counter() - began
            if step % config.eval_every == 0:
                evaluate(run, config, model, optimizer, standing, data, validation_set)
        check_weights(model, standing.step)
        run.save("checkpoint.pt", **state(config, model, optimizer, standing))
        if standing.ended_by(config) and standing.best_score is None:  # shorter than --eval_every
            # No checkpoint hears of it: a run that is resumed must not differ from one that was never stopped.
            standing = replace(standing)
            evaluate(run, config, model, optimizer, standing, data, validation_set, ["best.pt"])
    if not standing.ended_by(config):
        return folder, stop.leave(standing.step, folder)
    finish(run, config, standing, model, data)
    return folder, 0


def build_dataset(config):
    if config.task == "frequency":
        return FrequencyDataset(config.sampling, config.seed)
    return AddingDataset(config.input_length, config.seed)


def build_model(config, data):
    """The cell of a configuration, with its initial weights and rhythms."""
    sizes = (data.longest, data.num_inputs, config.num_hidden, data.num_outputs, config.batch_size)
    options = dict(device=config.device, init=config.init, seed=config.seed, backward=config.backward)
    if config.model_type == "LSTM":
        return TimedLSTM(*sizes, **options)
    return GatedLSTM(*sizes, **options, gate=build_gate(config), variant=config.variant)


def build_gate(config):
    """The gate of a configuration: τ ~ exp U(LOW, HIGH) and s ~ U(0, τ), or the given s, for each unit.

    Raises:
        UserError: no gate has such a rhythm.
    """
    rng = torch.Generator().manual_seed(config.seed)
    draw = torch.rand(2, config.num_hidden, dtype=torch.float64, generator=rng)
    low, high = config.log_tau
    tau = (low + (high - low) * draw[0]).exp()
    s = draw[1] * tau if config.s is None else torch.full_like(tau, config.s)
    try:
        return TimeGate(tau, s, torch.full_like(tau, config.r_on), config.learn, config.leak)
    except ValueError as error:
        raise UserError(f"{error}; see --log_tau, --s and --r_on") from None


def evaluate(run, config, model, optimizer, standing, data, validation_set, names=("best.pt", "checkpoint.pt")):
    """Measure the weights on the validation set, log it, and save them: as best.pt if they are the best so far."""
    check_weights(model, standing.step)
    loss, accuracy = measure(model, validation_set, config)
    improved = standing.judge(accuracy if data.measure == "accuracy" else loss, data.measure, config)
    run.log(standing.step, validation_loss=loss, validation_accuracy=accuracy)
    tqdm.write(f"Validation after update {standing.step}: accuracy {accuracy:.4f}, loss {loss:.4f}")
    for name in names:
        if improved or name != "best.pt":
            run.save(name, **state(config, model, optimizer, standing))


def state(config, model, optimizer, standing):
    """All that --resume needs. The data needs nothing: batch number `step` depends on the seed alone."""
    return dict(
        config=vars(config), model=model.state_dict(), optimizer=optimizer.state_dict(), standing=asdict(standing)
    )


def finish(run, config, standing, model, data):
    """result.json, the picture of the run, and the last line. The test set is read here alone: by the weights that
    did best on the validation set, and by the last ones."""
    test_set = data.test_set()
    final = dict(zip(("loss", "accuracy"), measure(model, test_set, config), strict=True))
    model.load_state_dict(load_checkpoint(run.folder / "best.pt", "part2")["model"])
    loss, accuracy = measure(model, test_set, config)
    sums = data.measure == "mse"
    run.finish(
        test_accuracy=accuracy,
        **{"test_mse" if sums else "test_loss": loss},
        final_test=final,
        validation=standing.best_score,
        best_step=standing.best_step,
        ended_by=standing.ended_by(config),
        reached_at=standing.reached_at,
        steps=standing.step,
        test_size=len(test_set.y),
        **({"baseline": BASELINE} if sums else {"ceiling": data.ceiling(len(test_set.y))}),
        seconds=round(standing.seconds, 2),
        share_open=share_open(model, test_set, config),
        multiply_adds=round(multiply_adds(model, test_set)),
        rhythm=rhythm(model),
        config=vars(config),
    )
    curves = {"training batch": "loss", "validation": "validation_loss"}
    right = {"training batch": "accuracy", "validation": "validation_accuracy"}
    share = f"share of sums met within {NEAR}" if sums else "accuracy"
    panels = {"mean squared error" if sums else "loss (nats)": curves, share: right}
    draw_curves(run.folder / "metrics.csv", panels, run.folder / "curves.png")
    verdict = f"mean squared error {loss:.4f} (always 1: {BASELINE:.4f})" if sums else f"{accuracy:.4f} right"
    print(
        f"{config.task}: {verdict} of {len(test_set.y)} held-out sequences, with the weights of update"
        f" {standing.best_step}; {standing.step} updates and {standing.seconds:.0f} s of training; see {run.folder}"
    )


def rhythm(model):
    """τ, s and r_on of each unit as lists, or None for the LSTM."""
    if isinstance(model, TimedLSTM):
        return None
    gate = model.gate
    found = {"tau": gate.tau, "s": gate.s, "r_on": gate.r_on}
    return {name: [float(f"{number:.6g}") for number in values.tolist()] for name, values in found.items()}


def start(config, given):
    """Resume a run, or begin one; returns the exit status."""
    if config.resume is not None:
        return train(*resume(config, given, "part2", MAY_DIFFER))[1]
    complete(config, given)
    return train(config)[1]
