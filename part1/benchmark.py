# SPDX-License-Identifier: MIT
"""How fast the networks train, beside torch.nn's and beside the bare matrix products of the same work.

python part1/benchmark.py                                   about fifteen minutes; leave the machine to it
python part1/benchmark.py --input_length 50 --threads 1 --rounds 5

What wins, and why:
* the backward pass written by hand (part1/manual_backward.py) does per step what the recursion needs, and no more;
* its products are oneDNN's, which on the AMD processor measured take half to two thirds of torch.mm's time, and its σ
  and tanh of g, i, f, o are applied inside them; nn.LSTM has both of these too;
* states as columns make each gate of z(t) = W s(t) one block of memory, and weight gradients are summed within the
  loop, while s(t) is in the cache: no buffer of the size of all steps is written and read again;
* the tensors of a step are small, so the allocator gives the same ones again; large fresh ones cost page faults.
report/figures/speed.png shows it. What did not win: within a step, part1/operations.py has it with its time; two Python
threads with half of the batch each took 1.8 times as long as one with all of it (T = 50, two cores), as they wait for
one interpreter lock; and for the readable LSTM, to multiply the inputs of all steps beforehand, or states as rows.

One training step is forward, backward, RMSprop at H = B = 128 and one-hot digits. All forms take turns, so that
whatever else the machine does falls on each; medians and quartiles. Each comparison is a process of its own, since
nn.LSTM's time depends on what the process did before: it asks for blocks of all T steps at once, and the C library
hands them back to the system after each use, until larger ones were freed. So each is made twice, "fresh" as a program
starts, and "kept" with the library told to keep what it has, as all scripts here do (common/memory.py).
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from contextlib import redirect_stdout

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from common import cli
from common.cells import refuse_measured
from common.figure import save_both
from common.files import refuse_another_file, write_json
from common.machine import machine, today
from common.memory import keep_memory
from part1 import sweep, train
from part1.dataset import NUM_DIGITS, PalindromeDataset, encode
from part1.lstm import LSTM
from part1.operations import B, H, measure_operations, take_turns
from part1.product import product
from part1.speed_plots import draw_speed
from part1.vanilla_rnn import VanillaRNN

ROOT = Path(__file__).resolve().parents[1]
RESULTS, FIGURE = ROOT / "report/results/part1/speed.json", ROOT / "report/figures/speed.png"
CELLS = {"RNN": (VanillaRNN, nn.RNN, 1), "LSTM": (LSTM, nn.LSTM, 4)}  # ours, theirs, blocks of H rows in the weights
FORMS = ["readable", "by hand", "torch.nn", "products", "products, oneDNN"]


class TheirModel(nn.Module):
    """nn.RNN or nn.LSTM and a linear read-out of the last state."""

    def __init__(self, module):
        super().__init__()
        self.recurrent = module(NUM_DIGITS, H, batch_first=True)
        self.read_out = nn.Linear(H, NUM_DIGITS)

    def forward(self, x):
        return self.read_out(self.recurrent(x)[0][:, -1])


def training_step(model, x, y):
    """A function that does one update of the model."""
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def bare_products(T, rows, multiply):
    """A function that does the matrix products of one update and nothing else: per step W s, W_hᵀ dz and dz sᵀ."""
    W, s = torch.randn(rows, H + NUM_DIGITS + 1), torch.randn(H + NUM_DIGITS + 1, B)
    W_hT, dz = torch.randn(H, rows), torch.randn(rows, B)

    def step():
        for _ in range(T):
            multiply(W, s)
            multiply(W_hT, dz)
            multiply(dz, s.T)

    return step


def contestants(cell, T):
    """{form: a function that does one update}."""
    ours, theirs, blocks = CELLS[cell]
    digits, y = PalindromeDataset(T + 1).batch(1, B)
    x = encode(digits, NUM_DIGITS)
    sizes = (T, NUM_DIGITS, H, NUM_DIGITS, B)
    return {
        "readable": training_step(ours(*sizes, backward="autograd"), x, y),
        "by hand": training_step(ours(*sizes, backward="manual"), x, y),
        "torch.nn": training_step(TheirModel(theirs), x, y),
        "products": bare_products(T, blocks * H, torch.mm),
        "products, oneDNN": bare_products(T, blocks * H, product),
    }


def apart(function, *args, begin=None):
    """function(*args), in a process of its own that calls begin() first."""
    with multiprocessing.get_context("spawn").Pool(1, begin) as pool:
        return pool.apply(function, args)


def peak_memory(cell, T, form):
    """The growth in bytes of this process's peak memory over three updates."""
    torch.set_num_threads(1)
    contestants(cell, 2)[form]()  # the libraries' own memory
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step = contestants(cell, T)[form]
    for _ in range(3):
        step()
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def measure_steps(config):
    """A row for each memory, cell, T, number of threads and form."""
    rows = []
    tasks = [(cell, T, n) for n in config.threads for T in config.input_length for cell in config.model_type]
    tasks = [(memory, *task) for memory in ("fresh", "kept") for task in tasks]
    for memory, cell, T, threads in tqdm(tasks, unit="comparison", disable=None):
        begin = keep_memory if memory == "kept" else None
        rows += [dict(memory=memory) | row for row in apart(compare, cell, T, threads, config.rounds, begin=begin)]
        if (memory, threads) == ("fresh", 1):
            for row in rows[-len(FORMS) :]:
                row["peak_bytes"] = apart(peak_memory, cell, T, row["form"])
        said = [
            f"{row['form']} {row['seconds'] * 1e3:.1f} ms ({row['speed_to_torch_nn']:.2f})"
            for row in rows[-len(FORMS) :]
        ]
        tqdm.write(f"{cell} T = {T}, threads {threads}, {memory}: {', '.join(said)}")
    return rows


def compare(cell, T, threads, rounds):
    """A row for each form; rounds are those at T = 50 and below, and longer sequences have fewer."""
    torch.set_num_threads(threads)
    seconds = take_turns(contestants(cell, T), max(3, rounds * 50 // max(T, 50)))
    medians = {form: statistics.median(values) for form, values in seconds.items()}
    rows = []
    for form, values in seconds.items():
        low, _, high = statistics.quantiles(values, n=4)
        row = dict(cell=cell, T=T, threads=threads, form=form, rounds=len(values))
        row |= dict(seconds=medians[form], quartiles=[low, high])
        row |= dict(speed_to_torch_nn=medians["torch.nn"] / medians[form])
        rows.append(row | dict(time_to_products=medians[form] / medians["products"]))
    return rows


def measure_train(model_type, T, updates, rounds):
    """An update within train.py (data, logging and evaluation at their defaults) beside a bare one, and what its start
    and its end cost: from runs of `few` and of `few + updates` updates, medians of rounds."""
    torch.set_num_threads(1)
    step, few = contestants(model_type, T)["by hand"], 100
    seconds = {"short": [], "long": [], "bare": []}
    for _ in range(rounds):
        seconds["short"].append(time_of_run(model_type, T, few))
        seconds["long"].append(time_of_run(model_type, T, few + updates))
        began = time.perf_counter()
        for _ in range(updates):
            step()
        seconds["bare"].append(time.perf_counter() - began)
    short, long, bare = (statistics.median(values) for values in seconds.values())
    row = dict(model_type=model_type, T=T, updates=updates, update_seconds=(long - short) / updates)
    return row | dict(ratio=(long - short) / bare, start_and_end_seconds=short - few * (long - short) / updates)


def time_of_run(model_type, T, updates):
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        argv = f"--model_type {model_type} --input_dim 10 --input_length {T} --train_steps {updates} --no_early_stop"
        began = time.perf_counter()
        train.main([*argv.split(), "--device", "cpu", "--summary_path", folder])
        return time.perf_counter() - began


def measure_sweep(cells, updates):
    """The time of the same cells with one worker and with two."""
    seconds = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nothing, redirect_stdout(nothing):
            argv = f"--model_type LSTM --input_dim 10 --input_length 20 --train_steps {updates} --no_early_stop true"
            argv += " --device cpu"
            seeds = [str(seed) for seed in range(cells)]
            began = time.perf_counter()
            sweep.main([*argv.split(), "--seed", *seeds, "--workers", str(workers), "--summary_path", folder])
            seconds[workers] = time.perf_counter() - began
    return dict(cells=cells, updates=updates, seconds=seconds, cells_per_hour_ratio=seconds[1] / seconds[2])


def parser():
    p = cli.Parser(prog="benchmark.py", description="Speed of the networks of part 1 beside torch.nn's.")
    p.add_argument("--model_type", nargs="+", choices=CELLS, default=list(CELLS), help="the cells")
    p.add_argument("--input_length", type=cli.positive_int, nargs="+", default=[20, 50, 200, 1000], metavar="T")
    p.add_argument("--threads", type=cli.threads, nargs="+", default=[1, 2], help="of the CPU")
    p.add_argument("--rounds", type=cli.whole(3), default=60, help="turns at T = 50 and below, fewer above")
    p.add_argument("--updates", type=cli.positive_int, default=500, help="of the runs of train.py and sweep.py")
    p.add_argument("--to", default=RESULTS, help="the results")
    p.add_argument("--figure", default=FIGURE, help="the picture, and a .pdf")
    return p


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    refuse_measured(config.to, RESULTS, given - {"to", "figure"})
    refuse_another_file(config.to, "--to")
    refuse_measured(config.figure, FIGURE, given - {"to", "figure"}, "--figure")
    rows = measure_steps(config)
    trains = [measure_train(model_type, 50, config.updates, 3) for model_type in config.model_type]
    for row in trains:
        print("train.py, {model_type}, T = {T}: {ratio:.3f} times its bare updates".format(**row))
    cells = measure_sweep(4, 2 * config.updates)
    print(f"sweep.py: two workers do {cells['cells_per_hour_ratio']:.2f} times the cells of one")
    result = dict(rows=rows, operations=measure_operations(config.rounds), train=trains, sweep=cells)
    write_json(Path(config.to), {**result, "machine": machine(), "date": today()})
    save_both(draw_speed(result), config.figure)
    print(f"see {config.to} and {config.figure}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
