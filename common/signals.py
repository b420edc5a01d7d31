# SPDX-License-Identifier: MIT
"""Ctrl-C and SIGTERM as a request that a loop hears between two updates, so that it can save before it leaves."""

import multiprocessing
import os
import shlex
import signal
import sys
import time
from pathlib import Path


class StopRequest:
    """Turns the first Ctrl-C or SIGTERM into something that a training loop looks at once a step.

    A later one acts as ever, but not within a second: Slurm may signal every process of a job, and the job's shell
    passes its own on. After the `with` block, `status` is the exit status: 128 + the signal, 0 without one.
    """

    early = None  # a signal that came where remember() was the handler, before the `with`

    def __init__(self):
        self.signal = StopRequest.early
        self.noted = None if self.signal is None else time.monotonic()

    @staticmethod
    def remember(number, frame):
        """A handler for processes that train one run after the other: the next StopRequest knows of the signal."""
        StopRequest.early = number

    def __enter__(self):
        self.previous = {s: signal.signal(s, self.note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def note(self, number, frame):
        if self.signal is None:
            self.signal, self.noted = number, time.monotonic()
            os.write(2, b"\nsaving, then leaving (once more: leave at once)\n")  # print() may be interrupted here
        elif time.monotonic() - self.noted > 1:
            signal.signal(number, self.previous[number])
            signal.raise_signal(number)

    def __exit__(self, *exception):
        for s, handler in self.previous.items():
            signal.signal(s, handler)

    def __bool__(self):
        return self.signal is not None

    def leave(self, step, folder, script=None):
        """Say how to go on, by the script that was started if no other is named; returns the exit status."""
        way_on = f"python {shlex.quote(script or sys.argv[0])} --resume {shlex.quote(str(folder))}"
        if multiprocessing.parent_process():  # a sweep's worker
            way_on = f"the same call of {Path(sys.argv[0]).name}"
        print(f"stopped after update {step}; to go on: {way_on}")
        return self.status

    @property
    def status(self):
        return 0 if self.signal is None else 128 + self.signal
