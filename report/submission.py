# SPDX-License-Identifier: MIT
"""lastname_assignment2.zip: code and report with their folders, as the assignment's deliverables ask.

make submission NAME=lastname
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

from common import cli
from common.cli import UserError
from common.files import replacing

PACKED = ("part1", "part2", "part3", "common", "report", "assets", "jobs", "tests")
ENDINGS = {".py", ".md", ".txt", ".toml", ".tex", ".sty", ".pdf", ".png", ".json", ".csv", ".html", ".sbatch", ".sh"}
LEFT_OUT = {"__pycache__", "books", "logs"}  # the books are downloaded, and too large
TOP = ("README.md", "requirements.txt", "pyproject.toml", "Makefile", "LICENSE")


def packed(root):
    """The files that belong into the archive, in order."""
    files = [root / name for name in TOP if (root / name).exists()]
    for folder in PACKED:
        for path in sorted((root / folder).rglob("*")):
            inside = set(path.relative_to(root).parts)
            if path.is_file() and path.suffix in ENDINGS and not inside & LEFT_OUT:
                files.append(path)
    return files


def pack(root, name, to):
    """Write the archive into the folder `to`; returns its path.

    Raises:
        UserError: there is no report yet, or the name is no file's name.
    """
    if not name:
        raise UserError("give your last name: make submission NAME=lastname")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UserError(f"NAME={name} is to be a last name: letters, digits, - and _")
    if not (root / "report" / "report.pdf").exists():
        raise UserError("report/report.pdf is missing; make it with: make report")
    path = to / f"{name}_assignment2.zip"
    with replacing(path, "wb") as f, zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in packed(root):
            archive.write(file, file.relative_to(root))
    return path


def main(argv=None):
    parser = cli.Parser(prog="submission.py", description="Pack code and report for the assignment.")
    parser.add_argument("name", help="your last name")
    parser.add_argument("--to", default=".", metavar="FOLDER", help="where the archive goes")
    config = parser.parse_args(argv)
    path = pack(ROOT, config.name, Path(config.to))
    print(f"{path}: {len(packed(ROOT))} files, {path.stat().st_size / 2**20:.1f} MB")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
