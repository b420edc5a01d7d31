# SPDX-License-Identifier: MIT
"""Freed memory is kept for the next update.

A training step asks for the same blocks of some megabytes each time. The C library of Linux (glibc) hands blocks of
that size back to the system when they are freed, and the next step pays for getting them page by page: at the text
model's default sizes more than a third of the whole update. Told to keep them it gives the same ones again.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST, LARGEST_BEFORE_2_35 = 2**28, 2**25  # bytes; larger blocks go back as ever. Older glibcs refuse more
KEPT = 2**30  # bytes at the top of the heap


def keep_memory():
    """Tell glibc so, for this process from now on; elsewhere nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    # The second call alone would freeze the first threshold at 128 kB, so that all blocks of a step went back.
    if mallopt and (mallopt(M_MMAP_THRESHOLD, LARGEST) or mallopt(M_MMAP_THRESHOLD, LARGEST_BEFORE_2_35)):
        mallopt(M_TRIM_THRESHOLD, KEPT)
