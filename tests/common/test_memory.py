# SPDX-License-Identifier: MIT
"""Freed memory is kept: a block that was given back comes again without a page fault."""

import resource
import subprocess
import sys

import pytest

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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone is told")
def test_blocks_come_again_without_page_faults():
    # A threshold of the environment stands for the C library's own, which depends on what was freed before.
    environment = {"PYTHONPATH": ".", "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
    faults = {}
    for how in ("not", "kept"):
        command = [sys.executable, "-c", FAULTS, how]
        faults[how] = int(subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout)
    size = 10 * 8_000_000 // resource.getpagesize()
    assert faults["kept"] < 0.01 * size, faults
    assert faults["not"] > faults["kept"]
