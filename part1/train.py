# SPDX-License-Identifier: MIT
"""Train the vanilla RNN or the LSTM on palindromes until they are solved: questions 1.2, 1.3 and 1.6.

python part1/train.py --model_type LSTM --input_length 20
python part1/train.py --model_type RNN --input_dim 10 --input_length 5 10 15 20
python part1/train.py --resume summaries/LSTM_T20_D1_H128_chrono_rmsprop_lr0.001_seed42
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import time
from dataclasses import asdict

from torch.nn.functional import cross_entropy
from tqdm import tqdm

from common import cli
from common.checkpoint import load_checkpoint, refuse_misfits, resume
from common.cli import UserError
from common.files import write_json
from common.run import Run, has_result, make_folder, read_json
from common.signals import StopRequest
from common.training import OPTIMIZERS, check_weights, clip_gradient, log_line
from part1.curriculum import Curriculum
from part1.dataset import PalindromeDataset, encode, num_palindromes
from part1.evaluation import Standing, answers, due
from part1.flags import complete, parser, run_name
from part1.lstm import LSTM
from part1.run_plots import draw_accuracy_against_length, draw_run
from part1.vanilla_rnn import VanillaRNN

MODELS = {"RNN": VanillaRNN, "LSTM": LSTM}
MAY_DIFFER = {  # on --resume
    "train_steps", "max_minutes", "no_early_stop", "print_every", "eval_every", "device", "threads",
}  # fmt: skip
COLUMNS = ["loss", "accuracy", "gradient_norm", "test_accuracy"]


def train(config, folder=None, checkpoint=None, build=None, kind="part1"):
    """One run at one length, in a folder of its own, or on from `checkpoint` in `folder`.

    Part 2 trains its own cell with this loop: build(config) makes the model (default: build_model), and `kind` keeps
    the checkpoints of the two apart.

    Returns:
        (the run's folder, 0), or (the folder, the exit status) where a signal stopped it: checkpoint.pt is written
        then and `--resume` goes on from there.

    Raises:
        UserError: the loss or its gradient is not finite, or the folder cannot be written.
    """
    cli.set_threads(config)
    model = (build or build_model)(config)
    if config.reservoir:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in ("W_ph", "b_p"))
    optimizer = OPTIMIZERS[config.optimizer](model.parameters(), lr=config.learning_rate)
    standing, curriculum = Standing(), Curriculum.begin(config)
    if checkpoint:
        with refuse_misfits():
            model.load_state_dict(checkpoint["model"])
            optimizer.load_state_dict(checkpoint["optimizer"])
            standing, curriculum = Standing(**checkpoint["standing"]), Curriculum(**checkpoint["curriculum"])
        ended_by = standing.ended_by(config)
        if ended_by and has_result(folder, standing.step):
            flag = "no_early_stop" if ended_by == "solved" else ended_by
            print(f"nothing to do: {folder} has ended at update {standing.step} ({ended_by}); --{flag} lets it go on")
            return folder, 0
    test_set = PalindromeDataset(config.input_length + 1).test_set()
    folder = folder or make_folder(config.summary_path, run_name(config), vars(config))
    bar = tqdm(total=config.train_steps, initial=standing.step, unit="step", disable=None, leave=False)
    with Run(folder, kind, COLUMNS, standing.step) as run, StopRequest() as stop, bar:
        if not checkpoint:
            run.graph(model, encode(test_set[0][:1, :3].to(config.device), config.input_dim))
        write_json(folder / "config.json", vars(config))  # with what --resume has changed
        save(run, "checkpoint.pt", config, model, optimizer, standing, curriculum)
        while not (stop or standing.ended_by(config)):
            began = time.perf_counter()
            step = standing.step = standing.step + 1
            data = PalindromeDataset(curriculum.length + 1, seed=config.seed)
            digits, y = data.batch(step, config.batch_size)
            x, y = encode(digits.to(config.device), config.input_dim), y.to(config.device)

            optimizer.zero_grad()
            logits = model(x)
            loss = cross_entropy(logits, y)  # eq. 3, at the last step alone
            loss.backward()
            # The template asks what this does: backpropagation through time multiplies by W_hh again and again, so
            # the gradient can explode (question 1.1). Clipping keeps its direction and bounds its length.
            gradient_norm = clip_gradient(model, config.max_norm, step)
            optimizer.step()

            bar.update()
            accuracy = (logits.argmax(dim=1) == y).float().mean()
            if config.curriculum:
                curriculum.note(accuracy.item(), config)
            if step % config.print_every == 0:
                accuracy = accuracy.item()
                run.log(step, loss=loss.item(), accuracy=accuracy, gradient_norm=gradient_norm.item())
                line = log_line(step, config, time.perf_counter() - began, accuracy, loss.item())
                tqdm.write(f"{line}, T = {digits.shape[1]}" if config.curriculum else line)
            standing.seconds += time.perf_counter() - began
            if due(step, config):
                check_weights(model, step)
                improved = standing.judge(model, test_set, config)
                run.log(step, test_accuracy=standing.test_accuracy)
                tqdm.write(f"Held-out accuracy after update {step}: {standing.test_accuracy:.4f}")
                for name in ["best.pt", "checkpoint.pt"] if improved else ["checkpoint.pt"]:
                    save(run, name, config, model, optimizer, standing, curriculum)
        check_weights(model, standing.step)
        unjudged = standing.ended_by(config) and not standing.best_accuracy  # shorter than to the first evaluation
        for name in ["checkpoint.pt", "best.pt"] if unjudged else ["checkpoint.pt"]:
            save(run, name, config, model, optimizer, standing, curriculum)
    if not standing.ended_by(config):
        return folder, stop.leave(standing.step, folder)
    finish(run, config, standing, model, test_set)
    return folder, 0


def build_model(config):
    """The model of a configuration, with its initial weights."""
    sizes = (config.input_length, config.input_dim, config.num_hidden, config.num_classes, config.batch_size)
    options = dict(device=config.device, init=config.init, seed=config.seed, backward=config.backward)
    return MODELS[config.model_type](*sizes, **options)


def save(run, name, config, model, optimizer, standing, curriculum):
    """A checkpoint: all that --resume needs. The data needs nothing: batch number `step` depends on the seed alone."""
    state = dict(model=model.state_dict(), optimizer=optimizer.state_dict())
    state |= dict(standing=asdict(standing), curriculum=asdict(curriculum))
    run.save(name, config=vars(config), **state)


def finish(run, config, standing, model, test_set):
    """result.json, the picture of the run, a few palindromes as the network sees them, and the last line."""
    digits, y = test_set
    test_size = len(y)
    result = result_of(config, standing, model, test_set)
    accuracy, best = result["test_accuracy"], result["best_accuracy"]
    run.finish(**result, ended_by=standing.ended_by(config))
    draw_run(run.folder)
    shown = slice(3)
    said = answers(model, digits[shown], config)
    for answer, row, last in zip(said.tolist(), digits[shown].int().tolist(), y[shown].tolist(), strict=True):
        read = "".join(map(str, row[:60])) + " ..." * (len(row) > 60)
        print(f"read {read}, said {answer}: {'right' if answer == last else f'wrong, it is {last}'}")
    verdict = f"solved at update {standing.solved_at}" if standing.solved_at else "not solved"
    print(
        f"T = {config.input_length}: {verdict}; {accuracy:.4f} of {test_size} held-out palindromes"
        f" right (best {best:.4f}) after {standing.step} updates and"
        f" {standing.seconds:.0f} s of training; see {run.folder}"
    )


def result_of(config, standing, model, test_set):
    accuracy = standing.final_accuracy(model, test_set, config)
    return dict(
        test_accuracy=accuracy,
        best_accuracy=max(accuracy, standing.best_accuracy),
        solved_at=standing.solved_at,
        steps=standing.step,
        test_size=len(test_set[1]),
        seconds=round(standing.seconds, 2),
        config=vars(config),
    )


def finish_broken(config, folder):
    """result.json of a run that ended as something was not finite: the accuracy of the weights that were saved last."""
    checkpoint = load_checkpoint(folder, "part1")
    model, standing = build_model(config), Standing(**checkpoint["standing"])
    model.load_state_dict(checkpoint["model"])
    test_set = PalindromeDataset(config.input_length + 1).test_set()
    with Run(folder, "part1", COLUMNS, standing.step) as run:
        run.finish(**result_of(config, standing, model, test_set), ended_by="not finite")


def main(argv=None):
    return start(*parser().parse_with_given(argv), build_model, "part1")


def start(config, given, build, kind):
    """Resume a run, or train at every length asked for; returns the exit status."""
    lengths = list(dict.fromkeys(config.input_length))  # a length given twice is trained once
    config.input_length = lengths[0]
    if config.resume is not None:
        if len(lengths) > 1:
            raise UserError("--resume goes on with one run, at its own length; leave out --input_length")
        return train(*resume(config, given, kind, MAY_DIFFER), build, kind)[1]
    complete(config)
    folders = []
    for config.input_length in lengths:
        folder, status = train(config, None, None, build, kind)
        if status:
            if left := lengths[len(folders) + 1 :]:
                print(f"not begun: --input_length {' '.join(map(str, left))}")
            return status
        folders.append(folder)
    if len(lengths) > 1:
        compare_lengths(config, lengths, folders)
    return 0


def compare_lengths(config, lengths, folders):
    """A table and a picture of accuracy against T, in a folder of their own."""
    results = [read_json(folder / "result.json") for folder in folders]
    print(f"\n{'T':>6} {'palindromes':>12} {'accuracy':>9} {'best':>7} {'solved at':>10} {'updates':>8} {'seconds':>8}")
    for length, result in zip(lengths, results, strict=True):
        count = num_palindromes(length + 1)
        print(
            f"{length:>6} {count if count < 1e9 else format(count, '.0e'):>12} {result['test_accuracy']:>9.4f}"
            f" {result['best_accuracy']:>7.4f} {result['solved_at'] or '-':>10} {result['steps']:>8}"
            f" {result['seconds']:>8.0f}"
        )
    name = f"{config.model_type}_accuracy_T{'-'.join(map(str, lengths))}"
    folder = make_folder(config.summary_path, name, {**vars(config), "input_length": lengths})
    draw_accuracy_against_length(results, folder / "accuracy.png")
    print(f"see {folder / 'accuracy.png'}")


if __name__ == "__main__":
    cli.run_main(main)
