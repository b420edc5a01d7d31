# SPDX-License-Identifier: MIT
"""Dynamic evaluation at several settings, on the validation part alone; the test part is for the best of them, once.

python part3/tune_dynamic.py --checkpoint summaries/grimm_... --txt_file assets/grimm.txt

The settings are those around the default that were tried on Grimm's tales: one thing at a time, then the neighbours of
what was best. evaluate.py --dynamic measures one, on any part.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import csv

from common import cli
from common.cells import refuse_another_table
from common.files import replacing
from common.machine import today, versions
from part3 import evaluate
from part3.outputs import settle_outputs
from part3.trained import load_run

SETTINGS = [  # rate, decay, window
    (3e-4, 0.002, 20), (3e-4, 0.002, 10), (3e-4, 0.001, 20), (5e-4, 0.002, 20), (5e-4, 0.001, 20), (5e-4, 0.004, 20),
    (7e-4, 0.002, 20), (7e-4, 0.001, 20), (7e-4, 0.004, 20),
]  # fmt: skip
COLUMNS = ["rate", "decay", "window", "warm_up", "bpc", "characters", "seconds", "torch", "date"]


def parser():
    p = cli.Parser(prog="tune_dynamic.py", description="Dynamic evaluation of the validation part at several settings.")
    p.add_argument("--checkpoint", required=True, metavar="PATH", help="a checkpoint, or a run's folder (its best.pt)")
    p.add_argument("--txt_file", required=True, metavar="FILE", help="the book it was trained on")
    p.add_argument("--warm_up", type=cli.natural, nargs="+", default=[5000], help="characters before; the first is"
                   " for all settings, further ones are tried with the best of them")  # fmt: skip
    p.add_argument("--output", metavar="FILE", help="the table; by default dynamic_tuning.csv in the run's folder")
    p.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    p.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def main(argv=None):
    config = parser().parse_args(argv)
    cli.set_threads(config)
    settle_outputs(config, "dynamic_tuning", ".csv")
    refuse_another_table(Path(config.output), COLUMNS)
    run = load_run(config.checkpoint, config.device)
    rows = []
    for setting in SETTINGS:
        rows.append(measure(run, config, setting, config.warm_up[0]))
        write(rows, config.output)  # after each: an interrupted call keeps what it has
    best = min(rows, key=lambda row: row["bpc"])
    for warm_up in config.warm_up[1:]:
        rows.append(measure(run, config, (best["rate"], best["decay"], best["window"]), warm_up))
        write(rows, config.output)
    print(f"see {config.output}")
    return 0


def measure(run, config, setting, warm_up):
    rate, decay, window = setting
    words = ["--checkpoint", config.checkpoint, "--txt_file", config.txt_file, "--device", config.device, "--dynamic"]
    words += ["--part", "validation", "--rate", rate, "--decay", decay, "--window", window, "--warm_up", warm_up]
    found = evaluate.measure(run, evaluate.parser().parse_args(list(map(str, words))))
    row = dict(rate=rate, decay=decay, window=window, warm_up=warm_up, bpc=round(found["bpc"], 5))
    return row | dict(characters=found["characters"], seconds=found["seconds"], torch=versions()["torch"], date=today())


def write(rows, path):
    """The table, the best setting first."""
    with replacing(path) as f:
        table = csv.DictWriter(f, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(sorted(rows, key=lambda row: row["bpc"]))


if __name__ == "__main__":
    cli.run_main(main)
