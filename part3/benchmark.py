# SPDX-License-Identifier: MIT
"""What the text model costs beside a bare nn.LSTM: training, start-up, reading a large text, generating.

python part3/benchmark.py                  some minutes; leave the machine to it

* train: an update of train_text.py at the template's flags (windows, logging, samples, validation, checkpoints), from
  runs of different lengths, beside an update of nn.LSTM and nn.Linear on random characters;
* memory: a bare update in a process that keeps freed memory, as train_text.py does, beside one that does not;
* start: from the command to the first update, without `import torch`;
* read: a text of 100 million characters to numbers;
* generate: characters per second of one text, and of 64 side by side, beside a bare loop of nn.LSTM steps; with one
  thread and with two.

What wins: one-hot rows come from an embedding look-up; nn.LSTM is oneDNN's, but for single characters, where oneDNN
would rearrange all weights at each call (see sampling.advance); the text is one byte a character, windows are slices.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from contextlib import redirect_stdout

import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot
from tqdm import tqdm

from common import cli
from common.cells import refuse_measured
from common.files import refuse_another_file, write_json
from common.machine import machine, today
from common.memory import keep_memory
from part3 import flags, train_text
from part3.model import build_model
from part3.sampling import generate
from part3.text import Vocabulary, read_text

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "report" / "results" / "part3" / "speed.json"
FEW = 100  # updates of the short run


def bare_update(config, V):
    """(A function that does one update of nn.LSTM and nn.Linear on characters drawn beforehand, their parameters)."""
    lstm = nn.LSTM(V, config.lstm_num_hidden, config.lstm_num_layers, batch_first=True)
    linear = nn.Linear(config.lstm_num_hidden, V)
    parameters = [*lstm.parameters(), *linear.parameters()]
    optimizer = torch.optim.RMSprop(parameters, lr=config.learning_rate)
    rng = torch.Generator().manual_seed(1)
    x, y = torch.randint(V, (2, config.batch_size, config.seq_length), generator=rng)
    x = one_hot(x, V).float()  # (B, T, V)

    def update():
        optimizer.zero_grad()
        loss = cross_entropy(linear(lstm(x)[0]).flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(lstm.parameters(), config.max_norm)
        optimizer.step()

    return update, parameters


def measure_training(txt_file, updates, rounds):
    """An update within train_text.py beside a bare one: medians over rounds in which both take turns."""
    config = flags.parser().parse_args(["--txt_file", txt_file])
    bare, _ = bare_update(config, len(Vocabulary(read_text(txt_file))))
    seconds = {"short": [], "long": [], "bare": []}
    for _ in tqdm(range(rounds), unit="round", disable=None):
        seconds["short"].append(time_of_run(txt_file, FEW))
        seconds["long"].append(time_of_run(txt_file, FEW + updates))
        began = time.perf_counter()
        for _ in range(updates):
            bare()
        seconds["bare"].append(time.perf_counter() - began)
    short, long, alone = (statistics.median(values) for values in seconds.values())
    found = dict(updates=updates, update_seconds=(long - short) / updates, bare_seconds=alone / updates)
    return found | dict(speed_to_bare=alone / (long - short))


def measure_memory(txt_file, updates):
    """A bare update in a process as it starts, and in one that was told to keep freed memory (common/memory.py)."""
    spawn, seconds = multiprocessing.get_context("spawn"), {}
    for how, initializer in (("fresh", None), ("kept", keep_memory)):
        with spawn.Pool(1, initializer) as pool:
            seconds[how] = pool.apply(bare_seconds, (txt_file, updates))
    return dict(update_seconds=seconds, speed_of_kept=seconds["fresh"] / seconds["kept"])


def bare_seconds(txt_file, updates):
    """Of a bare update, the median."""
    torch.set_num_threads(1)
    config = flags.parser().parse_args(["--txt_file", txt_file])
    (update, _), seconds = bare_update(config, len(Vocabulary(read_text(txt_file)))), []
    for _ in range(updates):
        began = time.perf_counter()
        update()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def time_of_run(txt_file, updates):
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        argv = ["--txt_file", txt_file, "--train_steps", str(updates), "--device", "cpu", "--summary_path", folder]
        began = time.perf_counter()
        status = train_text.main(argv)
        if status:  # a signal: what it took says nothing
            sys.exit(status)
        return time.perf_counter() - began


def measure_start(txt_file, rounds):
    """Seconds from the command to the end of its first update, and of `import torch` alone: medians."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, str(ROOT / "part3" / "train_text.py"), "--txt_file", txt_file, "--device", "cpu"]
        # A signal after the first line of the log would measure the same; --print_every 1 makes that line the first
        # update's.
        whole = [
            until_line([*argv, "--print_every", "1", "--summary_path", folder], "Train Step") for _ in range(rounds)
        ]
    torch_alone = [until_line([sys.executable, "-c", "import torch; print('here')"], "here") for _ in range(rounds)]
    whole, torch_alone = statistics.median(whole), statistics.median(torch_alone)
    return dict(seconds=whole, import_torch_seconds=torch_alone, beyond_import_seconds=whole - torch_alone)


def until_line(argv, words):
    """Seconds until the command prints a line with those words; it is stopped then."""
    began = time.perf_counter()
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with subprocess.Popen(argv, **streams, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        for line in process.stdout:
            if words in line:
                seconds = time.perf_counter() - began
                process.kill()
                return seconds
    raise RuntimeError(f"{argv} ended without {words!r}")


def measure_reading(characters):
    """Seconds to read a text of that many characters from disk and to turn it into numbers, vocabulary included."""
    words = ("the king said to his daughter, and the fox ran into the wood. \n" * 1000).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.txt"
        with open(path, "wb") as f:
            for _ in range(characters // len(words) + 1):
                f.write(words)
        began = time.perf_counter()
        text = read_text(path)
        numbers = Vocabulary(text).encode(text)
        return dict(characters=len(numbers), seconds=time.perf_counter() - began, bytes_a_character=numbers.itemsize)


def bare_characters(config, V, B):
    """A function that does n steps of nn.LSTM for B texts, and nothing else."""
    lstm = nn.LSTM(V, config.lstm_num_hidden, config.lstm_num_layers, batch_first=True)
    x = one_hot(torch.zeros(B, 1, dtype=torch.long), V).float()  # (B, 1, V)

    @torch.no_grad()
    def steps(n):
        state = None
        for _ in range(n):
            _, state = lstm(x, state)

    return steps


def measure_generating(txt_file, length, rounds, threads):
    """Characters per second of one text and of 64, and of bare loops of as many: medians over rounds."""
    torch.set_num_threads(threads)
    config = flags.parser().parse_args(["--txt_file", txt_file, "--device", "cpu"])
    V = len(Vocabulary(read_text(txt_file)))
    model = build_model(config, V).eval()
    rates = {"one": [], "one, bare": [], "64": [], "64, bare": []}
    for _ in range(rounds + 1):
        for name, B in (("one", 1), ("64", 64)):
            rng = torch.Generator().manual_seed(1)
            prompt = torch.zeros(1, 1, dtype=torch.long)
            began = time.perf_counter()
            for _ in generate(model, prompt, length, 0.8, rng, num_samples=B):
                pass
            rates[name].append(B * length / (time.perf_counter() - began))
            bare = bare_characters(config, V, B)
            began = time.perf_counter()
            bare(length)
            rates[f"{name}, bare"].append(B * length / (time.perf_counter() - began))
    medians = {name: statistics.median(values[1:]) for name, values in rates.items()}
    found = {"threads": threads}
    found["characters_per_second"] = {name: round(value) for name, value in medians.items()}
    found["one_to_bare"] = medians["one"] / medians["one, bare"]
    found["batch_to_bare"] = medians["64"] / medians["64, bare"]
    return found | {"batch_to_one": medians["64"] / medians["one"]}


def parser():
    p = cli.Parser(prog="benchmark.py", description="Speed of the text model beside a bare nn.LSTM.")
    p.add_argument("--txt_file", default=str(ROOT / "assets" / "grimm.txt"), help="the book")
    p.add_argument("--updates", type=cli.positive_int, default=1000, help="of a long run of train_text.py")
    p.add_argument("--rounds", type=cli.whole(1), default=5, help="turns of each")
    p.add_argument("--characters", type=cli.positive_int, default=100_000_000, help="of the large text")
    p.add_argument("--length", type=cli.positive_int, default=2000, help="characters that are generated")
    p.add_argument("--to", default=RESULTS, help="the results")
    return p


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    refuse_measured(config.to, RESULTS, given - {"to"})
    refuse_another_file(config.to, "--to")
    torch.set_num_threads(1)
    training = measure_training(config.txt_file, config.updates, config.rounds)
    said = "train_text.py: {update_seconds:.4f} s an update, {speed_to_bare:.3f} of the bare loop's speed"
    print(said.format(**training))
    memory = measure_memory(config.txt_file, min(config.updates, 200))
    print("memory: an update is {speed_of_kept:.2f} times as fast where freed memory is kept".format(**memory))
    start = measure_start(config.txt_file, config.rounds)
    print("start: {seconds:.1f} s, {beyond_import_seconds:.1f} of them beyond import torch".format(**start))
    reading = measure_reading(config.characters)
    print("reading: {characters:,} characters in {seconds:.1f} s".format(**reading))
    generating = [measure_generating(config.txt_file, config.length, config.rounds, threads) for threads in (1, 2)]
    said = "generating, threads {threads}: one text {one_to_bare:.2f} of a bare loop, 64 {batch_to_one:.1f} times one"
    for row in generating:
        print(said.format(**row))
    result = dict(training=training, memory=memory, start=start, reading=reading, generating=generating)
    write_json(Path(config.to), {**result, "machine": machine(), "date": today()})
    print(f"see {config.to}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
