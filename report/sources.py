# SPDX-License-Identifier: MIT
"""Of which text, numbers and tables report.pdf was made: a digest that `make report` puts into it.

python report/sources.py
"""

import hashlib
import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common import cli

REPORT = Path(__file__).resolve().parent


def digest(report=REPORT):
    """The SHA-256, in hexadecimal, of all that LaTeX reads there but the figures."""
    found = hashlib.sha256()
    for path in sorted(path for folder in (".", "text", "generated") for path in (report / folder).glob("*.tex")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def main(argv=None):
    cli.Parser(prog="sources.py", description="The digest of the report's text, numbers and tables.").parse_args(argv)
    print(digest())
    return 0


if __name__ == "__main__":
    cli.run_main(main)
