# SPDX-License-Identifier: MIT
"""The command line: types that refuse what makes no sense, and errors of one line with exit status 2."""

import argparse
import difflib
import errno
import math
import os
import re
import sys

import torch

from common.memory import keep_memory


class UserError(Exception):
    """Something the user can mend. The message names it and the remedy, in one line."""


NEGATIVE_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line, flags spelt in full, and the nearest flag named after a typing mistake."""

    words = ()  # of the command line

    def __init__(self, **kwargs):
        super().__init__(allow_abbrev=False, formatter_class=HelpFormatter, **kwargs)
        self._negative_number_matcher = NEGATIVE_NUMBER  # argparse's own takes -1e-3 for a flag
        self.elsewhere = {}  # {a flag that this parser lacks: where it belongs}

    def error(self, message):
        # A flag that is required may stand there with a typing mistake, and its value be taken for another word.
        if "arguments are required" in message or "invalid choice" in message:
            message = next((self.about(word) for word in self.words if self.mistyped(word)), message)
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")

    def parse_known_args(self, args=None, namespace=None):
        self.words = sys.argv[1:] if args is None else args
        return super().parse_known_args(args, namespace)

    def parse_args(self, args=None, namespace=None):
        config, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self.about(unknown[0]))
        return config

    def flags(self):
        """All flags, as they are spelt."""
        return set(self._option_string_actions)

    def mistyped(self, word):
        """Whether the word looks like a flag and is none."""
        return word.startswith("--") and word.split("=")[0] not in {*self._option_string_actions, "--"}

    def about(self, unknown):
        """What is wrong with a word that nothing takes."""
        if not unknown.startswith("-"):
            return f"{unknown!r} stands without a flag; see --help"
        if unknown.split("=")[0] in self.elsewhere:
            return f"unknown argument {unknown}; {self.elsewhere[unknown.split('=')[0]]}"
        near = difflib.get_close_matches(unknown.split("=")[0], self._option_string_actions, n=1)
        return f"unknown argument {unknown}" + (f"; did you mean {near[0]}?" if near else "; see --help")

    def parse_with_given(self, args=None):
        """The configuration, and the set of the flags that stand on the command line (not left to their defaults)."""
        config = self.parse_args(args)
        absent = object()
        marked = self.parse_args(args, argparse.Namespace(**dict.fromkeys(vars(config), absent)))
        return config, {name for name, value in vars(marked).items() if value is not absent}


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Names the default of every flag that has one; a bare flag needs none."""

    def _get_help_string(self, action):
        bare = action.default is None or isinstance(action.default, bool)
        return action.help if bare else super()._get_help_string(action)


def run_main(main):
    """Call main() and leave with its status; a UserError becomes its line and status 2, Ctrl-C status 130."""
    program = os.path.basename(sys.argv[0])
    keep_memory()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no τ
    try:
        status = main()
        sys.stdout.flush()
    except UserError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        status = 2
    except BrokenPipeError:  # the reader of a pipe (head, say) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141  # as a shell has it for a program that a closed pipe ended
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else "choose another path"
        print(f"{program}: error: {error.filename or 'output'}: {error.strerror}; {remedy}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        status = 130
    except (MemoryError, RuntimeError) as error:
        if "without overflow" in str(error):
            print(f"{program}: error: a number is too large for float32; choose a smaller one", file=sys.stderr)
            sys.exit(2)
        if not (
            isinstance(error, MemoryError)
            or any(word in str(error) for word in ("allocate", "out of memory", "size calculation overflow"))
        ):
            raise
        print(f"{program}: error: not enough memory; choose smaller sizes (batch, units, length)", file=sys.stderr)
        status = 2
    sys.exit(status)


def whole(minimum, maximum=10**12):
    """A type for argparse: a whole number in [minimum, maximum]; 1e6 is one."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = as_number(text)
        if number != int(number):
            raise argparse.ArgumentTypeError(f"{text} is not a whole number")
        if not minimum <= number <= maximum:
            limit = f"below {minimum}" if number < minimum else f"above {maximum}"
            raise argparse.ArgumentTypeError(f"{text} is {limit}")
        return int(number)

    return parse


def real(minimum=-math.inf, maximum=math.inf, above=False):
    """A type for argparse: a finite number in [minimum, maximum], or in (minimum, maximum] with `above`."""

    def parse(text):
        number = as_number(text)
        if number < minimum or (above and number == minimum) or number > maximum:
            low = f"above {minimum:g}" if above else f"at least {minimum:g}"
            high = "" if maximum == math.inf else f" and at most {maximum:g}"
            raise argparse.ArgumentTypeError(f"{text} is out of range: it must be {low}{high}")
        return number

    return parse


def as_number(text):
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


positive_int = whole(1)
threads = whole(1, 1024)
natural = whole(0, 2**62)  # seeds above all
positive = real(0, 3.4e38, above=True)  # what float32 holds
fraction = real(0, 1)
probability = real(0, 1, above=True)  # one that is divided by: not zero


def is_device(text):
    """Whether a tensor can be made there: on the CPU and on CUDA's GPUs, as far as they exist."""
    try:
        torch.zeros(1, device=text)
        return torch.device(text).type in ("cpu", "cuda")
    except (RuntimeError, AssertionError, NotImplementedError):
        return False


def device(text):
    """A type for argparse: the name of a device of this machine."""
    if not is_device(text):
        here = "cpu" + (f", cuda:0 ... cuda:{torch.cuda.device_count() - 1}" if torch.cuda.is_available() else "")
        raise argparse.ArgumentTypeError(f"{text!r} is not a device of this machine; there is {here}")
    return text


def set_threads(config):
    """As many threads as --threads says. One by default: the same command then gives the same numbers on every
    machine, and matrices this small gain little from a second one (which waits, spinning, where cores are shared).

    Numbers below 1e-38 count as 0. Where a gradient vanishes over a long sequence most of it is such numbers, and a
    processor takes many times as long with them: the whole update of an LSTM with latch at T = 1,000 three times.
    """
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)


def default_device():
    return "cuda" if torch.cuda.is_available() else "cpu"
