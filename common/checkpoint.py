# SPDX-License-Identifier: MIT
"""Checkpoints: state_dicts and plain values only, so that they load with weights_only=True, on any device."""

import argparse
import io
from pathlib import Path

import torch

from common.cli import UserError, default_device
from common.files import replacing

FORMAT = 1


def save_checkpoint(path, kind, **content):
    """Write `content` as a checkpoint of that kind ("part1", ...), whole or not at all."""
    with replacing(path, "wb") as f:
        torch.save({"kind": kind, "format": FORMAT, **content}, f)


def load_checkpoint(path, kind):
    """Read a checkpoint of that kind onto the CPU. `path` is the file, or a run's folder (its checkpoint.pt).

    Raises:
        UserError: it is missing, damaged, not a checkpoint of this kind, or of a newer format.
    """
    path = checkpoint_path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror}; is it the right path?") from None
    try:
        checkpoint = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception:  # which one it is depends on where the file is damaged
        raise UserError(f"{path} is damaged or not a checkpoint; use another, such as best.pt beside it") from None
    if not isinstance(checkpoint, dict) or checkpoint.get("kind") != kind:
        raise UserError(f"{path} is not a checkpoint of {kind}; give one that its own train script wrote")
    if checkpoint["format"] > FORMAT:
        raise UserError(f"{path} has format {checkpoint['format']}, newer than this program's {FORMAT}; update it")
    return checkpoint


def checkpoint_path(path):
    path = Path(path)
    return path / "checkpoint.pt" if path.is_dir() else path


def settle_config(config, given, checkpoint, may_differ):
    """The configuration of a run that resumes: the saved one, but for the flags given that may differ.

    Raises:
        UserError: a flag was given that differs from the saved configuration and may not.
    """
    saved = checkpoint["config"]
    for name in sorted(given - {"resume"}):
        if name not in may_differ and getattr(config, name) != saved.get(name):
            raise UserError(
                f"--{name} {getattr(config, name)} differs from the saved run's {saved.get(name)};"
                f" leave it out to resume, or start a new run without --resume"
            )
    kept = {name: getattr(config, name) for name in given & may_differ}
    if "device" not in given and saved.get("device", "cpu") != "cpu" and default_device() == "cpu":
        kept["device"] = "cpu"  # saved on a GPU, resumed where there is none
    return argparse.Namespace(**{**saved, **kept})
