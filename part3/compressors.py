# SPDX-License-Identifier: MIT
"""What compressors make of the characters that a text model is tested on, in bits per character.

python part3/compressors.py --txt_file assets/grimm.txt

A part costs what the archive grows by when it is put behind the text before it, so a compressor has read all that
stands before and adapts as it reads on. The fair comparison is with evaluate.py --dynamic. xz comes with Python; 7z
(for PPMd) and zpaq are used where they are installed (on Debian: apt install p7zip-full zpaq).
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import lzma
import shutil
import subprocess
import tempfile

from common import cli
from common.cli import UserError
from common.files import refuse_another_file, write_json
from common.machine import today
from part3.gutenberg import strip_gutenberg
from part3.text import part_starts, read_text, split

COMMANDS = {
    "PPMd -o8": ["7z", "a", "-t7z", "-m0=PPMd:o=8:mem=256m", "archive.7z", "text"],
    "zpaq -m5": ["zpaq", "a", "archive.zpaq", "text", "-m5"],
}


def archive_size(name, data):
    """The size in bytes of the compressor's archive of the data; None where the program is not installed.

    Raises:
        UserError: the program fails.
    """
    if name not in COMMANDS:
        return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    if shutil.which(COMMANDS[name][0]) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text").write_bytes(data)
        done = subprocess.run(COMMANDS[name], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise UserError(f"{COMMANDS[name][0]} failed: {said or done.returncode}")
        return next(Path(folder).glob("archive.*")).stat().st_size


def measure(name, text, val_fraction, test_fraction):
    """{part: bits per character} under a compressor, of the text's held-out parts; None where it is not installed."""
    places = [*part_starts(len(text), val_fraction, test_fraction), len(text)]
    sizes = [archive_size(name, text[:place].encode()) for place in places]
    if None in sizes:
        return None
    return {
        part: 8 * (sizes[n + 1] - sizes[n]) / (places[n + 1] - places[n])
        for n, part in enumerate(("validation", "test"))
        if places[n + 1] > places[n]
    }


def main(argv=None):
    p = cli.Parser(
        prog="compressors.py", description="Bits per character of a book's held-out parts under compressors."
    )
    p.add_argument("--txt_file", required=True, help="the book")
    p.add_argument("--val_fraction", type=cli.fraction, default=0.05, help="share of the text, as in train_text.py")
    p.add_argument("--test_fraction", type=cli.fraction, default=0.05, help="likewise; it stands at the end")
    p.add_argument("--no_strip_gutenberg", action="store_true", help="leave Project Gutenberg's header and licence in")
    p.add_argument("--json", metavar="FILE", help="write the result there too")
    config = p.parse_args(argv)
    if config.val_fraction == config.test_fraction == 0:
        raise UserError("no part is held out; give --val_fraction or --test_fraction above 0")
    if config.json:
        refuse_another_file(config.json, "--json")
    text = read_text(config.txt_file)
    if not config.no_strip_gutenberg:
        text, _ = strip_gutenberg(text)
    split(text, config.val_fraction, config.test_fraction)  # tells where the text is too short for it
    found = {name: measure(name, text, config.val_fraction, config.test_fraction) for name in ("xz -9e", *COMMANDS)}
    for name, parts in found.items():
        said = [f"{part} {bits:.3f} bits per character" for part, bits in (parts or {}).items()]
        print(f"{name}: " + (", ".join(said) if parts else f"left out, {COMMANDS[name][0]} is not installed"))
    if config.json:
        book, there = Path(config.txt_file).name, {name: parts for name, parts in found.items() if parts}
        write_json(config.json, dict(book=book, characters=len(text), bits_per_character=there, date=today()))
    return 0


if __name__ == "__main__":
    cli.run_main(main)
