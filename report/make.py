# SPDX-License-Identifier: MIT
"""The report's numbers and tables, from report/results, into report/generated.

python report/make.py

A number of the text is \\val{NAME}; values.tex defines them all. Each table is a file of its own. What lacks its
results is named and left out, and a table of an earlier call goes; where results are damaged nothing is written.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

from common import cli
from common.cli import UserError
from common.files import replacing
from report import comparison, tables_part1, tables_part2, tables_part3, tables_reach, tables_text

MARK = "% Written by report/make.py from report/results; not to be edited.\n"  # what bears it may be taken away
ITEMS = [
    *tables_part1.ITEMS,
    *tables_reach.ITEMS,
    *tables_part2.ITEMS,
    *tables_part3.ITEMS,
    *tables_text.ITEMS,
    *comparison.ITEMS,
]


def make(results):
    """({name: value}, {table: LaTeX}, [what is missing]) of the results in that folder.

    Raises:
        UserError: some are there and cannot be used: damaged, or only a part.
    """
    values, tables, missing, damaged = {}, {}, [], []
    for item in ITEMS:
        try:
            found = item(results)
        except FileNotFoundError as error:
            missing.append(f"{item.__name__}: {Path(error.filename).relative_to(results)} is missing")
            continue
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, UserError) as error:
            damaged.append(f"{item.__name__} ({type(error).__name__}: {error})")
            continue
        values |= found.get("values", {})
        tables |= found.get("tables", {})
    if damaged:
        raise UserError(f"damaged or incomplete results in {results}, of {'; '.join(damaged)}; measure them anew")
    return values, tables, missing


def values_file(values):
    """\\val's definitions; the values are LaTeX."""
    lines = [rf"\expandafter\def\csname val:{name}\endcsname{{{value}}}" for name, value in sorted(values.items())]
    return "\n".join(lines) + "\n"


def main(argv=None):
    parser = cli.Parser(prog="make.py", description="The report's numbers and tables, from report/results.")
    parser.add_argument("--results", default=ROOT / "report" / "results", metavar="FOLDER", help="what was measured")
    parser.add_argument("--to", default=ROOT / "report" / "generated", metavar="FOLDER", help="where the files go")
    config = parser.parse_args(argv)
    if not Path(config.results).is_dir():
        raise UserError(f"{config.results} is not there; give the folder of results with --results")
    values, tables, missing = make(Path(config.results))
    to = Path(config.to)
    to.mkdir(parents=True, exist_ok=True)
    for name, text in {"values": values_file(values), **tables}.items():
        with replacing(to / f"{name}.tex") as f:
            f.write(MARK + text)
    for path in to.glob("*.tex"):
        if path.stem not in {"values", *tables} and path.read_text(encoding="utf-8").startswith(MARK):
            path.unlink()
    for line in missing:
        print(f"left out, {line}")
    print(f"{len(values)} values and {len(tables)} tables in {to}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
