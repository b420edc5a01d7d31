# SPDX-License-Identifier: MIT
import argparse
import csv
import errno
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from common import cli
from common.checkpoint import FORMAT, load_checkpoint, refuse_misfits, save_checkpoint, settle_config
from common.cli import UserError
from common.files import replacing, write_json
from common.run import Run, Table, has_result, make_folder, read_json
from common.signals import StopRequest
from part3 import flags


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("9007199254740993", 9007199254740993), ("1e6", 1_000_000), ("2.0", 2), ("1E3", 1000)],
)
def test_whole_numbers(text, number):
    value = cli.whole(1, 2**62)(text)
    assert value == number and isinstance(value, int)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", "nan", "inf", "", "1e-3", "1e300"])
def test_what_is_no_positive_whole_number(text):
    with pytest.raises(argparse.ArgumentTypeError):
        cli.positive_int(text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (cli.positive, ["1e-9", "3", "1e6"], ["0", "-1", "nan", "inf", "x"]),
        (cli.fraction, ["0", "0.5", "1"], ["-0.1", "1.1", "nan"]),
        (cli.probability, ["0.01", "1"], ["0", "1.01", "nan"]),
        (cli.natural, ["0", "7"], ["-1", "0.5"]),
    ],
)
def test_ranges(kind, good, bad):
    for text in good:
        assert kind(text) == float(text)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError):
            kind(text)


def test_a_device_that_is_not_there():
    assert cli.device("cpu") == "cpu"
    for name in ("cuda:99", "gpu", "", "meta", "mps"):
        with pytest.raises(argparse.ArgumentTypeError, match="there is cpu"):
            cli.device(name)


@pytest.fixture
def parser():
    p = cli.Parser(prog="x.py")
    p.add_argument("--rate", type=cli.positive, default=1.0)
    p.add_argument("--steps", type=cli.positive_int, nargs="+", default=[3])
    p.add_argument("--fast", action="store_true")
    return p


def test_the_flags_given_are_told_from_defaults(parser):
    assert parser.parse_with_given([])[1] == set()
    config, given = parser.parse_with_given(["--rate", "1.0", "--fast"])
    assert given == {"rate", "fast"} and config.rate == 1.0 and config.steps == [3] and config.fast


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--raet", "1"], ["--raet", "did you mean --rate?"]),
        (["--rat", "1"], ["--rat", "did you mean --rate?"]),  # no guessing from a beginning
        (["--rate", "0"], ["--rate", "above 0"]),
        (["--steps", "1", "x"], ["--steps", "'x'"]),
        (["stray"], ["'stray'", "without a flag"]),
        (["--rate"], ["--rate", "expected"]),
    ],
)
def test_errors_are_one_line_with_status_2(parser, capsys, argv, words):
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(argv)
    err = capsys.readouterr().err
    assert stop.value.code == 2 and err.count("\n") == 1 and all(word in err for word in words), err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--txt_fiel", "x"], "unknown argument --txt_fiel; did you mean --txt_file?"),
        (["--txt_fiel=x"], "unknown argument --txt_fiel=x; did you mean --txt_file?"),
        (["--rate", "1"], "are required: --txt_file"),
    ],
)
def test_a_required_flag_with_a_typing_mistake_is_named_as_one(parser, capsys, argv, words):
    parser.add_argument("--txt_file", required=True)
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(argv)
    assert stop.value.code == 2 and words in capsys.readouterr().err


def test_a_required_flag_of_a_command_with_a_typing_mistake(capsys):
    commands = cli.Parser(prog="x.py").add_subparsers()
    commands.add_parser("read", prog="x.py read").add_argument("--txt_file", required=True)
    with pytest.raises(SystemExit):
        commands.choices["read"].parse_known_args(["--txt_fiel", "x"])
    assert "did you mean --txt_file?" in capsys.readouterr().err


def test_a_flag_with_a_typing_mistake_whose_value_is_taken_for_a_command(capsys):
    parser = cli.Parser(prog="x.py")
    parser.add_argument("what", choices=["train", "report"])
    with pytest.raises(SystemExit):
        parser.parse_args(["--misspelt", "3"])
    assert "unknown argument --misspelt" in capsys.readouterr().err


def raise_(error):
    raise error


@pytest.mark.parametrize(
    ("main", "status", "word"),
    [
        (lambda: 0, 0, ""),
        (lambda: 143, 143, ""),
        (lambda: raise_(UserError("no such tale; try another")), 2, "no such tale"),
        (lambda: raise_(OSError(errno.ENOSPC, "No space left on device", "x.csv")), 2, "x.csv: No space left"),
        (lambda: raise_(KeyboardInterrupt()), 130, ""),
        (lambda: raise_(MemoryError()), 2, "not enough memory"),
        (lambda: raise_(RuntimeError("CUDA out of memory. Tried")), 2, "not enough memory"),
    ],
)
def test_run_main(main, status, word, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.run_main(main)
    err = capsys.readouterr().err
    assert stop.value.code == status and word in err and err.count("\n") <= 1


def test_replacing_is_all_or_nothing(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as f:
        f.write("old")
    with pytest.raises(RuntimeError), replacing(path) as f:
        f.write("half of the ne")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line_and_the_old_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda number: raise_(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(UserError, match="No space left"):
        write_json(path, {"new": 1})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_checkpoints(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, "part1", model={"w": torch.ones(3)}, config={}, step=4)
    assert load_checkpoint(path, "part1")["step"] == 4
    assert torch.equal(load_checkpoint(tmp_path, "part1")["model"]["w"], torch.ones(3))  # the folder serves as well
    with pytest.raises(UserError, match="not a checkpoint of part3"):
        load_checkpoint(path, "part3")


def test_bad_checkpoints(tmp_path):
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(UserError, match="cannot read"):
        load_checkpoint(path, "part1")
    save_checkpoint(path, "part1", model={"w": torch.ones(3000)}, config={})
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"text, not a checkpoint", whole[:100] + b"\0" * 100 + whole[200:]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged"):
            load_checkpoint(path, "part1")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1  # one bit of a weight
    path.write_bytes(flipped)
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(path, "part1")
    torch.save({"kind": "part1"}, path)
    with pytest.raises(UserError, match="lacks parts"):
        load_checkpoint(path, "part1")
    torch.save(torch.ones(3), path)
    with pytest.raises(UserError, match="not a checkpoint of part1"):
        load_checkpoint(path, "part1")
    torch.save(torch.nn.Linear(2, 2), path)  # a pickled module is never executed
    with pytest.raises(UserError, match="damaged or not a checkpoint"):
        load_checkpoint(path, "part1")
    torch.save({"kind": "part1", "format": FORMAT + 1, "config": {}, "model": {}}, path)
    with pytest.raises(UserError, match="newer"):
        load_checkpoint(path, "part1")
    best = tmp_path / "best.pt"
    best.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=f"damaged or not a checkpoint; use {path}"):
        load_checkpoint(best, "part1")
    path.write_bytes(path.read_bytes()[:-50])  # neither of the two is whole
    with pytest.raises(UserError, match="damaged or not a checkpoint; use another, or begin a new run"):
        load_checkpoint(best, "part1")
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "checkpoint.npz").touch()
    with pytest.raises(UserError, match=r"a run of numpy_rnn\.py"):
        load_checkpoint(tmp_path / "numpy", "part3")


def test_a_run_saved_on_a_gpu_resumes_where_there_is_none(monkeypatch):
    checkpoint = {"config": {"device": "cuda:3", "rate": 1.0}}
    monkeypatch.setattr("common.checkpoint.default_device", lambda: "cpu")
    config = argparse.Namespace(device="cpu", rate=2.0, resume="x")
    settled = settle_config(config, {"resume"}, checkpoint, {"device"})
    assert settled == argparse.Namespace(device="cpu", rate=1.0)
    settled = settle_config(argparse.Namespace(device="cuda:1", rate=2.0), {"device"}, checkpoint, {"device"})
    assert settled.device == "cuda:1"


def test_a_gpu_that_is_full_or_busy(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # and nothing can be made there
    monkeypatch.setattr(cli, "is_device", lambda name: name == "cpu")
    assert flags.with_defaults(argparse.Namespace(device="cpu")).batch_size == 64  # what asks for the CPU goes on
    with pytest.raises(torch.cuda.OutOfMemoryError), refuse_misfits():
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")  # run_main has a line for it


def test_folders_are_new_and_safe_on_every_file_system(tmp_path):
    first = make_folder(tmp_path / "a" / "b", 'x: "y" <z> é|*?/\\', {"k": 1})
    second = make_folder(tmp_path / "a" / "b", 'x: "y" <z> é|*?/\\', {"k": 1})
    third = make_folder(tmp_path / "a" / "b", 'x: "y" <z> é|*?/\\', {"k": 1})
    assert not set(first.name) & set(': "<>|*?/\\é')
    assert [second.name, third.name] == [f"{first.name}-2", f"{first.name}-3"]
    assert read_json(first / "config.json") == {"k": 1}


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--summary_path"):
        make_folder(tmp_path / "file", "x", {})


def test_a_table_goes_on_after_the_step_given(tmp_path):
    path = tmp_path / "t.csv"
    table = Table(path, ["a", "b"])
    for step in (1, 2, 3):
        table.add(step, a=step / 3)
    table.close()
    table = Table(path, ["a", "b"], step=2)
    table.add(3, b="x, “y”\n")
    table.close()
    with open(path, newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert float(rows[0]["a"]) == 1 / 3 and rows[2] == {"step": "3", "a": "", "b": "x, “y”\n"}


def test_a_device_is_written_to_and_a_link_stays_a_link(tmp_path):
    with replacing("/dev/null") as f:
        f.write("nothing")
    assert Path("/dev/null").is_char_device() and not list(Path("/dev").glob("null.*"))
    (tmp_path / "book").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "book")
    with replacing(tmp_path / "link") as f:
        f.write("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "book").read_text() == "new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_table_on_a_full_disk_is_one_line(tmp_path):
    table = Table(tmp_path / "metrics.csv", ["loss"])
    table.close()
    with suppress(OSError), open("/dev/full", "w", buffering=1) as full:  # closing it fails again
        table.writer = csv.DictWriter(full, ["step", "loss"])
        with pytest.raises(UserError, match=r"metrics.csv: No space left on device; free some space"):
            table.add(1, loss=0.5)


def test_what_a_killed_run_was_writing_is_cleared_away(tmp_path):
    (tmp_path / "checkpoint.pt.123.tmp").write_text("half")
    with Run(tmp_path, "part1", ["loss"]):
        assert not list(tmp_path.glob("*.tmp"))


def test_a_result_counts_for_the_update_it_was_written_after(tmp_path):
    assert not has_result(tmp_path, 5)
    with Run(tmp_path, "part1", ["loss"]) as run:
        run.finish(steps=5, config={"seed": 42})
    assert has_result(tmp_path, 5) and not has_result(tmp_path, 9)
    result = read_json(tmp_path / "result.json")
    del result["versions"]  # of an older program: it is written anew
    write_json(tmp_path / "result.json", result)
    assert not has_result(tmp_path, 5)


def test_a_signal_before_the_with_is_not_lost(monkeypatch):
    monkeypatch.setattr(StopRequest, "early", None)
    assert not StopRequest()
    StopRequest.remember(signal.SIGTERM, None)
    with StopRequest() as stop:
        assert stop and stop.status == 143
