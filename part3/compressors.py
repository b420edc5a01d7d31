# SPDX-License-Identifier: MIT
"""What compressors make of the characters that a text model is tested on, in bits per character.

python part3/compressors.py --txt_file assets/grimm.txt

A part costs what the archive grows by when it is put behind the text before it, so a compressor has read all that
stands before and adapts as it reads on. The fair comparison is with evaluate.py --dynamic. xz comes with Python; 7z
(for PPMd) and zpaq are used where they are installed (on Debian: apt install p7zip-full zpaq).
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

import lzma
import shutil
import subprocess
import tempfile

from common import cli
from common.files import write_json
from common.machine import today
from part3.gutenberg import strip_gutenberg
from part3.text import part_starts, read_text

COMMANDS = {  # the archive's name comes before the file's
    "PPMd -o8": ("7z", ["a", "-t7z", "-m0=PPMd:o=8:mem=256m", "-bd"]),
    "zpaq -m5": ("zpaq", ["a"]),
}


def xz_size(data):
    return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def archive_size(name, data):
    """The size in bytes of the program's archive with one file, the data."""
    program, words = COMMANDS[name]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text").write_bytes(data)
        method = ["-m5"] if program == "zpaq" else []  # zpaq wants its options behind the files
        archive = f"archive.{'zpaq' if program == 'zpaq' else '7z'}"
        subprocess.run([program, *words, archive, "text", *method], cwd=folder, check=True, capture_output=True)
        return Path(folder, archive).stat().st_size


def compressors():
    """{name: a function from bytes to the size of their archive} of those that are here."""
    there = {
        name: lambda data, name=name: archive_size(name, data) for name in COMMANDS if shutil.which(COMMANDS[name][0])
    }
    return {"xz -9e": xz_size, **there}


def measure(text, val_fraction, test_fraction):
    """{compressor: {part: bits per character}} of the text's validation part and of its test part."""
    val, test = part_starts(len(text), val_fraction, test_fraction)
    found = {}
    for name, size in compressors().items():
        sizes = [size(text[:end].encode()) for end in (val, test, len(text))]
        found[name] = {
            part: 8 * (after - before) / characters
            for part, before, after, characters in (
                ("validation", sizes[0], sizes[1], test - val),
                ("test", sizes[1], sizes[2], len(text) - test),
            )
        }
    return found


def main(argv=None):
    p = cli.Parser(
        prog="compressors.py", description="Bits per character of a book's held-out parts under compressors."
    )
    p.add_argument("--txt_file", required=True, help="the book")
    p.add_argument("--val_fraction", type=cli.fraction, default=0.05, help="share of the text, as in train_text.py")
    p.add_argument("--test_fraction", type=cli.fraction, default=0.05, help="likewise; it stands at the end")
    p.add_argument("--json", metavar="FILE", help="write the result there too")
    config = p.parse_args(argv)
    text, _ = strip_gutenberg(read_text(config.txt_file))
    found = measure(text, config.val_fraction, config.test_fraction)
    for name, parts in found.items():
        print(f"{name}: " + ", ".join(f"{part} {bits:.3f} bits per character" for part, bits in parts.items()))
    for name in [name for name in COMMANDS if name not in found]:
        print(f"{name}: left out, {COMMANDS[name][0]} is not installed")
    if config.json:
        book = Path(config.txt_file).name
        write_json(config.json, dict(book=book, characters=len(text), bits_per_character=found, date=today()))
    return 0


if __name__ == "__main__":
    cli.run_main(main)
