# SPDX-License-Identifier: MIT
"""What a number was measured on."""

import datetime
import os
import platform
from pathlib import Path

import numpy
import torch


def versions():
    """{"python", "torch", "numpy"}."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}


def today():
    """Date and time in UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def machine():
    """The processor's name, as far as the system tells it, the number of its cores, and the versions."""
    return {"processor": processor(), "cores": os.cpu_count(), **versions()}


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
