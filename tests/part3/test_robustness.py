# SPDX-License-Identifier: MIT
"""Part 3 where something goes wrong: killed, no space left, files that are not what they should be."""

import multiprocessing
import os
import random
import resource
import sys
import time
from pathlib import Path

import pytest
import torch

from common import cli
from part3 import evaluate, train_text
from part3.dataset import TextDataset
from part3.model import load_model
from part3.text import fingerprint

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    "--lstm_num_hidden", 8, "--seq_length", 6, "--batch_size", 4, "--batching", "stream", "--print_every", 1,
    "--sample_every", 100_000, "--eval_every", 7, "--dropout_keep_prob", 0.8,
]  # fmt: skip


def in_child(argv, stdout, stderr, file_limit):
    """What a child process does: a training run with its output in files, and no file of its longer than a limit."""
    for number, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115, pytest has others
    if file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    cli.run_main(lambda: train_text.main([str(word) for word in argv]))


def child(argv, stdout, stderr=os.devnull, file_limit=None):
    """Start a training run in a process of its own, which needs not import everything again."""
    args = (argv, stdout, stderr, file_limit)
    process = multiprocessing.get_context("fork").Process(target=in_child, args=args)
    process.start()
    return process


def checkpoint(path):
    return torch.load(path, weights_only=True)


def kill_at_random(kills, text_file, tmp_path, seed):
    """Train with a checkpoint an update, kill -9, look, go on: that many times. Returns the updates that were kept."""
    argv, rng, kept = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs"], random.Random(seed), []
    argv += ["--checkpoint_every", 1, "--train_steps", 100_000]
    log = tmp_path / "log"
    for _ in range(kills):
        log.write_text("")
        process = child(argv, log)
        limit = time.monotonic() + 60
        while " Train Step " not in log.read_text() and time.monotonic() < limit:
            time.sleep(0.005)
        time.sleep(0.05 + rng.random() * 0.3)
        process.kill()
        process.join()
        (folder,) = (tmp_path / "runs").iterdir()
        for path in folder.glob("*.pt"):
            load_model(path, "cpu")
        kept.append(checkpoint(folder / "checkpoint.pt")["standing"]["step"])
        argv = ["--resume", folder]
    return kept


def test_kill_9_leaves_a_checkpoint_that_loads_and_goes_on(text_file, tmp_path):
    kept = kill_at_random(4, text_file, tmp_path, seed=1)
    assert kept == sorted(kept) and len(set(kept)) == len(kept)  # each run got further than the one before it


@pytest.mark.slow
def test_kill_9_twenty_times(text_file, tmp_path, run_script):
    kept = kill_at_random(20, text_file, tmp_path, seed=2)
    assert kept == sorted(kept)
    (folder,) = (tmp_path / "runs").iterdir()
    end = kept[-1] + 5
    assert run_script(train_text.main, "--resume", folder, "--train_steps", end)[0] == 0
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "whole", "--train_steps", end]
    assert run_script(train_text.main, *argv)[0] == 0
    (whole,) = (tmp_path / "whole").iterdir()
    a, b = (checkpoint(path / "checkpoint.pt")["model"] for path in (whole, folder))
    assert all(torch.equal(a[name], b[name]) for name in a)  # and nothing of it all is to be seen


@pytest.fixture
def run_folder(text_file, tmp_path, run_script):
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", "--train_steps", 8]
    assert run_script(train_text.main, *argv)[0] == 0
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def test_no_space_left_is_one_line_and_loses_nothing(run_folder, tmp_path):
    """The checkpoint that no longer fits leaves the one before it alone."""
    before = (run_folder / "checkpoint.pt").read_bytes()
    argv = ["--resume", run_folder, "--train_steps", 12]
    process = child(argv, tmp_path / "out", tmp_path / "err", file_limit=len(before) - 1000)
    process.join()
    err = (tmp_path / "err").read_text()
    assert process.exitcode == 2 and "checkpoint.pt: File too large" in err and err.count("\n") == 1
    assert (run_folder / "checkpoint.pt").read_bytes() == before and not list(run_folder.glob("*.tmp"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_output_that_cannot_be_written_is_one_line(text_file, tmp_path):
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", "--train_steps", 300]
    process = child(argv, "/dev/full", tmp_path / "err")
    process.join()
    err = (tmp_path / "err").read_text()
    assert process.exitcode == 2 and "No space left" in err and err.count("\n") == 1


def changed(path, **content):
    torch.save({**checkpoint(path), **content}, path)


DAMAGE = {
    "newer": (lambda path: changed(path, format=99), "newer than this program's"),
    "of another part": (lambda path: changed(path, kind="part1"), "not a checkpoint of part3"),
    "foreign": (lambda path: torch.save({"epoch": 3, "state_dict": {}}, path), "not a checkpoint of part3"),
    "a bare tensor": (lambda path: torch.save(torch.zeros(3), path), "not a checkpoint of part3"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-200]), "damaged"),
    "empty": (lambda path: path.write_bytes(b""), "damaged"),
    "a flipped bit": (lambda path: path.write_bytes(flip(path.read_bytes())), "damaged"),
    "without weights": (lambda path: changed(path, model={}), "does not hold a model|lacks what"),
    "without a vocabulary": (lambda path: changed(path, vocabulary=None), "does not hold a model|not the text"),
    "with other sizes": (lambda path: changed(path, config={"lstm_num_hidden": 9}), "does not hold a model|lacks what"),
}  # fmt: skip


def flip(raw):
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


def test_a_checkpoint_that_does_not_serve_is_one_line(run_folder, run_script, text_file):
    path = run_folder / "checkpoint.pt"
    sound = path.read_bytes()
    for what, (damage, words) in DAMAGE.items():
        path.write_bytes(sound)
        damage(path)
        before = path.read_bytes()
        for main, argv in (
            (train_text.main, ["--resume", path, "--train_steps", 9, "--txt_file", text_file]),
            (evaluate.main, ["--checkpoint", path, "--txt_file", text_file]),
        ):
            status, _, err = run_script(main, *argv)
            assert status == 2 and err.count("\n") == 1, (what, err)
            assert any(word in err for word in words.split("|")), (what, err)
        assert path.read_bytes() == before


def peak_memory():
    """The most that this process has held, in bytes."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def read_large_text(path, pipe):
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")  # the peak begins anew here
    before, began = peak_memory(), time.perf_counter()
    data = TextDataset(path, 30)
    fingerprint(data)
    data.batch(1, 64), data.stream(1, 64)
    pipe.send((len(data.train) + len(data.val) + len(data.test), peak_memory() - before, time.perf_counter() - began))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="the peak is read from Linux's /proc")
def test_a_text_of_100_mb_needs_under_six_bytes_a_character(tmp_path):
    tales = (ROOT / "assets" / "grimm.txt").read_bytes()
    with open(tmp_path / "large.txt", "wb") as f:
        for _ in range(100_000_000 // len(tales) + 1):
            f.write(tales)
    receive, send = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=read_large_text, args=(tmp_path / "large.txt", send))
    process.start()
    characters, memory, seconds = receive.recv()
    process.join()
    print(f"{characters} characters: {memory / characters:.2f} bytes a character, {seconds:.1f} s")
    assert characters > 90_000_000 and memory < 6 * characters and seconds < 60
