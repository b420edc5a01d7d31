# SPDX-License-Identifier: MIT
"""Books as numbers, in NumPy alone: reading any text file, its vocabulary, its parts."""

import hashlib
import sys
from pathlib import Path

import numpy as np

from common.cli import UserError

PIECE = 1 << 20  # characters that are turned into numbers at a time: a text of 100 MB needs little more than itself
BOOKS = Path(__file__).resolve().parents[1] / "assets" / "books"  # where assets/download.py puts them


def read_text(path):
    """The text of a file: UTF-8 with or without a byte-order mark, else Latin-1; line ends become LF.

    Raises:
        UserError: it is missing, a folder, unreadable, empty, or no text at all.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        remedy = "give a text file with --txt_file"
        if not path.exists() and path.resolve().parent == BOOKS:
            remedy = f"fetch it with: python assets/download.py {path.stem}"
        raise UserError(f"cannot read the text {path}: {error.strerror}; {remedy}") from None
    if b"\0" in raw:
        raise UserError(f"{path} holds zero bytes, so it is no text; give a text file with --txt_file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        print(f"{path} is not UTF-8; read as Latin-1", file=sys.stderr)
    if not text:
        raise UserError(f"{path} is empty; give a text file with --txt_file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Vocabulary:
    """The characters of a text, sorted, so that they have the same numbers in every process; V of them.

    >>> v = Vocabulary("banana"); v.characters, v.encode("nab").tolist(), v.decode([2, 0, 1])
    ('abn', [2, 0, 1], 'nab')
    """

    def __init__(self, text):
        self.characters = "".join(sorted(set(text)))
        codes = code_points(self.characters)
        self.dtype = np.min_scalar_type(len(codes) - 1)  # uint8 up to 256 characters, then uint16
        self.index = np.full(int(codes[-1]) + 1, -1, dtype=np.int32)
        self.index[codes] = np.arange(len(codes))

    def __len__(self):
        return len(self.characters)

    def encode(self, text):
        """Characters to their numbers, an array of uint8 (uint16 where V is over 256).

        Raises:
            UserError: a character that the vocabulary lacks; the line names it and its place.
        """
        encoded = np.empty(len(text), self.dtype)
        for start in range(0, len(text), PIECE):
            numbers = self.look_up(text[start : start + PIECE])
            if numbers.min() < 0:
                place = start + int(np.argmax(numbers < 0))
                raise UserError(
                    f"the model does not know the character {text[place]!r} (number {place + 1} of {text[:40]!r});"
                    f" it knows {self.characters!r}"
                )
            encoded[start : start + PIECE] = numbers
        return encoded

    def unknown(self, text):
        """The characters of the text that the vocabulary lacks, sorted, as one string."""
        return "".join(sorted(set(text) - set(self.characters)))

    def look_up(self, text):
        """Characters to their numbers (int32), -1 for one that the vocabulary lacks."""
        codes = code_points(text)
        known = codes < len(self.index)
        return np.where(known, self.index[np.where(known, codes, 0)], -1)

    def without_unknown(self, text):
        """The text without the characters that the vocabulary lacks."""
        return text.translate(dict.fromkeys(map(ord, self.unknown(text))))

    def decode(self, numbers):
        """Numbers of characters to the string."""
        return "".join(self.characters[int(number)] for number in numbers)


def code_points(text):
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)


def split(text, val_fraction, test_fraction):
    """Contiguous train, validation and test parts of a text or of its numbers, in this order (90 / 5 / 5 by default;
    of numbers views, no copies).

    Raises:
        UserError: a part asked for has fewer than two characters, or the fractions leave nothing to train on.
    """
    if val_fraction + test_fraction >= 1:
        raise UserError(
            f"--val_fraction {val_fraction:g} and --test_fraction {test_fraction:g} leave nothing to train on;"
            " choose smaller ones, below 1 together"
        )
    n = len(text)
    val_start, test_start = part_starts(n, val_fraction, test_fraction)
    train, val, test = text[:val_start], text[val_start:test_start], text[test_start:]
    for part, fraction in ((val, val_fraction), (test, test_fraction)):
        if fraction > 0 and len(part) < 2:
            raise UserError(
                f"{n} characters are too few for held-out parts of {val_fraction:g} and {test_fraction:g};"
                " use a longer text, or larger --val_fraction and --test_fraction (0 holds nothing out)"
            )
    return train, val, test


def part_starts(n, val_fraction, test_fraction):
    """Where the validation part and the test part of n characters start."""
    n_val, n_test = round(n * val_fraction), round(n * test_fraction)
    return [max(n - n_val - n_test, 0), n - n_test]


def fingerprint(data):
    """SHA-256 of the text as numbers, all three parts."""
    digest = hashlib.sha256()
    for part in (data.train, data.val, data.test):
        digest.update(part)
    return digest.hexdigest()


def check_text(checkpoint, data, filename):
    """A run goes on with the text that it began with (under whatever name).

    Raises:
        UserError: it is another text.
    """
    if checkpoint["vocabulary"] != data.vocabulary.characters or checkpoint["text_sha256"] != fingerprint(data):
        raise UserError(f"{filename} is not the text that this run began with; give that one, or start a new run")
