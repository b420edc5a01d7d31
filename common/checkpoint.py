# SPDX-License-Identifier: MIT
"""Checkpoints: state_dicts and plain values only, so that they load with weights_only=True, on any device."""

import argparse
import io
import zipfile
from contextlib import contextmanager
from pathlib import Path

import torch

from common.cli import UserError, default_device, is_device
from common.files import replacing

FORMAT = 1


def save_checkpoint(path, kind, **content):
    """Write `content` as a checkpoint of that kind ("part1", ...), whole or not at all."""
    raw = io.BytesIO()
    torch.save({"kind": kind, "format": FORMAT, **content}, raw)
    with replacing(path, "wb") as f:  # a full disk is met here, where it is one line
        f.write(raw.getbuffer())


def load_checkpoint(path, kind):
    """Read a checkpoint of that kind onto the CPU. `path` is the file, or a run's folder (its checkpoint.pt).

    Raises:
        UserError: it is missing, damaged, not a checkpoint of this kind, or of a newer format.
    """
    path = checkpoint_path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        numpy = path.with_name("checkpoint.npz").exists()
        remedy = "its folder has a run of numpy_rnn.py, which alone reads it" if numpy else "is it the right path?"
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror}; {remedy}") from None
    try:
        whole = is_whole(io.BytesIO(raw))
        checkpoint = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True) if whole else None
    except Exception:  # it is not torch's
        checkpoint = None
    if checkpoint is None:
        raise UserError(f"{path} is damaged or not a checkpoint; {instead_of(path)}")
    if not isinstance(checkpoint, dict) or checkpoint.get("kind") != kind:
        raise UserError(f"{path} is not a checkpoint of {kind}; give one that its own train script wrote")
    if not {"format", "config", "model"} <= checkpoint.keys() or not (
        isinstance(checkpoint["format"], int) and isinstance(checkpoint["config"], dict)
    ):
        raise UserError(f"{path} lacks parts of a checkpoint; {instead_of(path)}")
    if checkpoint["format"] > FORMAT:
        raise UserError(f"{path} has format {checkpoint['format']}, newer than this program's {FORMAT}; update it")
    return checkpoint


def instead_of(path):
    """What to do where a checkpoint does not serve: use the other one of its folder, if there is one."""
    others = [path.with_name(name) for name in ("best.pt", "checkpoint.pt") if name != path.name]
    there = next((other for other in others if is_whole(other)), None)
    return f"use {there}, beside it" if there else "use another, or begin a new run"


def is_whole(file):
    """Whether a path or an open file is an archive whose checksums are right: torch.load does not look at them."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except Exception:  # which one it is depends on where the file is damaged
        return False


@contextmanager
def refuse_misfits():
    """Around what puts a checkpoint's parts back in their places.

    Raises:
        UserError: they do not fit: the checkpoint is of an older program, or of another network.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        raise UserError(
            "the checkpoint lacks what this program needs, or does not fit it; start a new run without --resume"
        ) from None


def checkpoint_path(path):
    path = Path(path)
    return path / "checkpoint.pt" if path.is_dir() else path


def resume(config, given, kind, may_differ):
    """What --resume stands for: the configuration, the run's folder and its checkpoint. Nothing is written yet: the run
    writes its checkpoint.pt as it begins, whichever file it goes on from.

    Raises:
        UserError: see load_checkpoint and settle_config.
    """
    path = checkpoint_path(config.resume)
    checkpoint = load_checkpoint(path, kind)
    return settle_config(config, given, checkpoint, may_differ), path.parent, checkpoint


def settle_config(config, given, checkpoint, may_differ):
    """The configuration of a run that resumes: the saved one, but for the flags given that may differ.

    Raises:
        UserError: a flag was given that differs from the saved configuration and may not.
    """
    saved = checkpoint["config"]
    for name in sorted(given - {"resume"}):
        if name not in may_differ and getattr(config, name) != saved.get(name):
            value = getattr(config, name)
            flag = f"--no_{name}" if value is False else f"--{name}" if value is True else f"--{name} {value}"
            raise UserError(
                f"{flag} differs from the saved run's {saved.get(name)};"
                f" leave it out to resume, or start a new run without --resume"
            )
    kept = {name: getattr(config, name) for name in given & may_differ}
    if "device" not in given and not is_device(saved.get("device", "cpu")):
        kept["device"] = default_device()  # saved on a GPU that is not here
    defaults = {name: value for name, value in vars(config).items() if name != "resume"}  # of flags that are newer
    return argparse.Namespace(**{**defaults, **saved, **kept})
