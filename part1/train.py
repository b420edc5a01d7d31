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
from common.checkpoint import resume
from common.cli import UserError
from common.run import Run, StopRequest, make_folder, read_json
from common.training import OPTIMIZERS, check_weights, clip_gradient, log_line
from part1.curriculum import Curriculum
from part1.dataset import NUM_DIGITS, PalindromeDataset, encode, num_palindromes
from part1.evaluation import Standing, answers, due
from part1.init import LSTM_INIT, RNN_INIT
from part1.lstm import LSTM
from part1.manual_backward import BACKWARD
from part1.plots import draw_accuracy_against_length, draw_run
from part1.vanilla_rnn import VanillaRNN, refuse_latched_scalars

MODELS = {"RNN": VanillaRNN, "LSTM": LSTM}
MAY_DIFFER = {"train_steps", "max_minutes", "print_every", "eval_every", "device", "threads"}  # on --resume
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
    standing = Standing()
    if checkpoint:
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        standing = Standing(**checkpoint["standing"])
        if standing.ended_by(config) and (folder / "result.json").exists():
            print(f"nothing to do: {folder} has ended at update {standing.step}; --train_steps sets how far it goes")
            return folder, 0
    curriculum = Curriculum(**checkpoint["curriculum"]) if checkpoint else Curriculum.begin(config)
    test_set = PalindromeDataset(config.input_length + 1).test_set()
    folder = folder or make_folder(config.summary_path, run_name(config), vars(config))
    bar = tqdm(total=config.train_steps, initial=standing.step, unit="step", disable=None, leave=False)
    with Run(folder, kind, COLUMNS, standing.step) as run, StopRequest() as stop, bar:
        if not checkpoint:
            run.graph(model, encode(test_set[0][:1, :3].to(config.device), config.input_dim))
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
                tqdm.write(log_line(step, config, time.perf_counter() - began, accuracy, loss.item()))
            standing.seconds += time.perf_counter() - began
            if due(step, config):
                check_weights(model, step)
                improved = standing.judge(model, test_set, config)
                run.log(step, test_accuracy=standing.test_accuracy)
                tqdm.write(f"Held-out accuracy after update {step}: {standing.test_accuracy:.4f}")
                for name in ["best.pt", "checkpoint.pt"] if improved else ["checkpoint.pt"]:
                    save(run, name, config, model, optimizer, standing, curriculum)
        check_weights(model, standing.step)
        for name in ["checkpoint.pt"] if (folder / "best.pt").exists() else ["checkpoint.pt", "best.pt"]:
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
    accuracy = standing.final_accuracy(model, test_set, config)
    best = max(accuracy, standing.best_accuracy)
    run.finish(
        test_accuracy=accuracy,
        best_accuracy=best,
        solved_at=standing.solved_at,
        ended_by=standing.ended_by(config),
        steps=standing.step,
        test_size=test_size,
        seconds=round(standing.seconds, 2),
        config=vars(config),
    )
    draw_run(run.folder)
    shown = slice(test_size // 4, None, test_size // 4)  # from here and there: small sets are in numerical order
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


def run_name(config):
    """The configuration in short: what one varies always, the rest where it is not the default."""
    name = (
        f"{config.model_type}_T{config.input_length}_D{config.input_dim}_H{config.num_hidden}_{config.init}"
        f"_{config.optimizer}_lr{config.learning_rate:g}_seed{config.seed}"
    )
    defaults = parser()
    for flag, short in {"batch_size": "B", "max_norm": "norm", "curriculum": "curriculum"}.items():
        if getattr(config, flag) != defaults.get_default(flag):
            name += f"_{short}{getattr(config, flag):g}"
    return name + "_reservoir" * config.reservoir


def parser():
    p = cli.Parser(prog="train.py", description="Train an RNN or an LSTM to say the last digit of a palindrome.")
    g = p.add_argument_group("cell")
    g.add_argument("--model_type", choices=MODELS, default="RNN", help="the cell")
    g.add_argument("--backward", choices=BACKWARD, default="autograd", help="manual: written by hand, same gradients")
    add_flags(p, inits=sorted({*RNN_INIT, *LSTM_INIT}))
    return p


def add_flags(p, inits):
    """The flags that part 1 and part 2 have in common."""
    g = p.add_argument_group("model")
    g.add_argument(
        "--input_length",
        type=cli.positive_int,
        nargs="+",
        default=[10],
        metavar="T",
        help="digits read; the palindrome has one more. Several lengths are trained one after another",
    )
    g.add_argument("--input_dim", type=int, choices=(1, NUM_DIGITS), default=1, help="digits as scalars or one-hot")
    g.add_argument("--num_classes", type=cli.whole(NUM_DIGITS), default=NUM_DIGITS, help="K, classes to choose from")
    g.add_argument("--num_hidden", type=cli.positive_int, default=128, help="H, hidden units")
    g.add_argument(
        "--init",
        choices=inits,
        help="initial weights; the default is orthogonal for the RNN, chrono for an LSTM",
    )
    g = p.add_argument_group("training")
    g.add_argument("--batch_size", type=cli.positive_int, default=128, help="palindromes an update")
    g.add_argument("--learning_rate", type=cli.positive, default=0.001, help="of the optimizer")
    g.add_argument("--train_steps", type=cli.positive_int, default=10_000, help="updates at most")
    g.add_argument("--max_norm", type=cli.positive, default=10.0, help="the gradient is clipped to this length")
    g.add_argument("--optimizer", choices=OPTIMIZERS, default="rmsprop", help="momentum is SGD with momentum .9")
    g.add_argument("--seed", type=cli.natural, default=42, help="of the weights and the palindromes")
    g.add_argument(
        "--curriculum",
        type=cli.real(1),
        metavar="FACTOR",
        help="start with short palindromes; T grows by this factor whenever ten batches in a row reach .98",
    )
    g.add_argument(
        "--reservoir", action="store_true", help="train the read-out W_ph, b_p alone: what the initialisation holds"
    )
    g.add_argument("--max_minutes", type=cli.positive, metavar="M", help="end after this time of training")
    g.add_argument("--no_early_stop", action="store_true", help="train on after the length is solved")
    g.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    g.add_argument("--threads", type=cli.positive_int, default=1, help="of the CPU; see the README on more than one")
    g = p.add_argument_group("output")
    g.add_argument("--summary_path", default="./summaries/", help="each run makes a folder of its own below")
    g.add_argument("--print_every", type=cli.positive_int, default=10, help="updates between log lines")
    g.add_argument("--eval_every", type=cli.positive_int, default=100, help="updates between evaluations")
    g.add_argument("--resume", metavar="PATH", help="go on with the run of this folder or checkpoint")


def main(argv=None):
    return start(*parser().parse_with_given(argv), build_model, "part1")


def start(config, given, build, kind):
    """Resume a run, or train at every length asked for; returns the exit status."""
    lengths = config.input_length
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
            return status
        folders.append(folder)
    if len(lengths) > 1:
        compare_lengths(config, lengths, folders)
    return 0


def complete(config):
    """Fill in the initialisation that belongs to the model, and refuse what does not fit together.

    Raises:
        UserError: an initialisation of the other model, or latch with digits as scalars.
    """
    del config.resume
    if config.init is None:
        config.init = "orthogonal" if config.model_type == "RNN" else "chrono"
    known = RNN_INIT if config.model_type == "RNN" else LSTM_INIT
    if config.init not in known:
        raise UserError(f"--init {config.init} is not for the {config.model_type}; it has {', '.join(known)}")
    try:
        refuse_latched_scalars(config.init, config.input_dim)
    except ValueError as error:
        raise UserError(str(error)) from None


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
