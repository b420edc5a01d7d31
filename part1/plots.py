# SPDX-License-Identifier: MIT
"""Every figure of part 1, from results on disk.

python part1/plots.py                                             the report's, as far as their results exist
python part1/plots.py summaries/LSTM_T* --output accuracy.png     accuracy against T of runs of your own
"""

import csv
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

from common import cli
from common.cli import UserError
from common.figure import save_both
from common.run import read_json
from part1 import length_plots, memory_plots, settings_plots, speed_plots
from part1.run_plots import draw_accuracy_against_length
from part1.sweep_results import read_results

BASELINE = "reservoirs.csv"  # drawn in where it is there
FIGURES = {  # name: (who draws it, the results that it needs)
    "lengths": (length_plots.draw_lengths, ["lengths.csv", BASELINE]),
    "steps_to_solve": (length_plots.draw_steps_to_solve, ["lengths.csv", BASELINE]),
    "reach": (length_plots.draw_reach, ["reach.csv", BASELINE]),
    "transfer": (length_plots.draw_transfer, ["transfer.csv", BASELINE]),
    "learning_rates": (settings_plots.draw_learning_rates, ["learning_rates.csv", BASELINE]),
    "optimizers": (settings_plots.draw_optimizers, ["optimizers.csv", BASELINE]),
    "capacity_clipping": (settings_plots.draw_capacity_and_clipping, ["capacity.csv", "clipping.csv", BASELINE]),
    "single_runs": (memory_plots.draw_single_runs, ["curves_curves.csv", BASELINE]),
    "traces": (memory_plots.draw_traces, ["traces.json"]),
    "speed": (speed_plots.draw_speed, ["speed.json"]),
    "explained": (memory_plots.draw_explained, ["traces.json"]),
}


def main(argv=None):
    parser = cli.Parser(prog="plots.py", description="Draw the figures of part 1, or accuracy against T of your runs.")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="folders of finished runs; without any, the figures")
    parser.add_argument("--output", default="accuracy.png", help="the picture of the runs; .png or .pdf")
    parser.add_argument("--results", default=ROOT / "report" / "results" / "part1", help="tables of sweep.py and so on")
    parser.add_argument("--to", default=ROOT / "report" / "figures", help="folder of the figures")
    config, given = parser.parse_with_given(argv)
    if given & ({"results", "to"} if config.runs else {"output"}):
        raise UserError("--output is of the picture of RUNs, --results and --to are of the report's figures")
    if not config.runs:
        return draw_all(Path(config.results), Path(config.to))
    if Path(config.output).suffix not in (".png", ".pdf"):
        raise UserError(f"--output {config.output} must end in .png or .pdf")
    draw_accuracy_against_length([read_result(Path(run) / "result.json") for run in config.runs], Path(config.output))
    print(f"see {config.output}")
    return 0


def draw_all(results, to):
    """Each figure whose results exist, as PNG and PDF; the others are named with what they lack.

    Raises:
        UserError: there are no results at all, or some are damaged; the other figures are drawn first.
    """
    if not any((results / name).exists() for _, needs in FIGURES.values() for name in needs):
        raise UserError(f"no results in {results}; make them with part1/sweep.py, such as --grid lengths")
    to.mkdir(parents=True, exist_ok=True)
    damaged = []
    for figure, (draw, needs) in FIGURES.items():
        missing = [name for name in needs if name != BASELINE and not (results / name).exists()]
        if missing:
            print(f"{figure}: left out, {', '.join(missing)} missing")
            continue
        try:
            found = {name: read(results / name) for name in needs}
            if [] in (found[name] for name in needs if name != BASELINE):
                raise ValueError("a table without rows")
            drawn = draw(*found.values())
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, csv.Error):
            print(f"{figure}: left out, {', '.join(needs)} not complete or of another program")
            damaged.append(figure)
            continue
        save_both(drawn, to / figure)
        print(f"see {to / figure}.png")
    if damaged:
        raise UserError(f"the results of {', '.join(damaged)} in {results} are not complete; make them anew")
    return 0


def read(path):
    """A table or a JSON file; no rows where there is no baseline."""
    if path.name == BASELINE and not path.exists():
        return []
    return read_results(path) if path.suffix == ".csv" else read_json(path)


def read_result(path):
    """A run's result.json.

    Raises:
        UserError: it is missing or not one of part 1.
    """
    try:
        result = read_json(path)
        (
            [result["config"][name] for name in ("model_type", "input_length", "input_dim", "init")],
            result["test_accuracy"],
        )
    except OSError:
        raise UserError(f"{path} is missing; give folders of finished runs of part1/train.py") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is not a result of part1/train.py; give folders of its finished runs") from None
    return result


if __name__ == "__main__":
    cli.run_main(main)
