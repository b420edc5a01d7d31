# SPDX-License-Identifier: MIT
"""Freed memory is kept: a block that was given back comes again without a page fault."""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from common import cli, memory

ROOT = Path(__file__).resolve().parents[2]

FAULTS = """
import resource, sys
import torch
from common.memory import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
for _ in range(30):
    torch.ones(2_000_000)  # the first ones are new in any case
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(2_000_000)  # 8 MB
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize(
    ("largest", "wanted"),
    [
        (2**40, [(-3, 2**28), (-1, 2**30)]),
        (2**25, [(-3, 2**25), (-1, 2**30)]),  # glibc before 2.35
        (0, []),  # the trim threshold alone would freeze the other one where it stands
    ],
)
def test_a_library_that_refuses(monkeypatch, largest, wanted):
    taken = []

    def mallopt(parameter, value):
        if parameter == -3 and value > largest:
            return 0
        taken.append((parameter, value))
        return 1

    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    memory.keep_memory()
    assert taken == wanted


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_library_without_mallopt(monkeypatch, platform):
    monkeypatch.setattr(memory.sys, "platform", platform)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: SimpleNamespace())
    memory.keep_memory()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone is told")
def test_blocks_come_again_without_page_faults():
    # A threshold of the environment stands for the C library's own, which depends on what was freed before.
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
    faults = {}
    for how in ("not", "kept"):
        command = [sys.executable, "-c", FAULTS, how]
        faults[how] = int(subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout)
    size = 10 * 8_000_000 // resource.getpagesize()
    assert faults["kept"] < 0.01 * size, faults
    assert faults["not"] > faults["kept"]


def test_what_has_all_but_vanished_counts_as_nothing():
    """Denormal numbers take a processor many times as long as others."""
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor has no such mode")
    small = torch.tensor([1e-38])
    assert (small * 1e-3).item() > 0
    cli.set_threads(argparse.Namespace(threads=1))
    assert (small * 1e-3).item() == 0
