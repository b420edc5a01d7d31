# SPDX-License-Identifier: MIT
"""Every figure of part 1, from results on disk.

python part1/plots.py summaries/LSTM_T* summaries/RNN_T* --output accuracy.png
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from matplotlib.ticker import MaxNLocator

from common import cli
from common.cli import UserError
from common.figure import draw_curves, new_figure, save_figure
from common.run import read_json

CHANCE = 0.1
MARKERS = "os^Dvx"


def draw_run(folder):
    """Loss and accuracy of one run against the update: curves.png in its folder."""
    panels = {
        "loss (nats)": {"training batch": "loss"},
        "accuracy": {"training batch": "accuracy", "held-out palindromes": "test_accuracy"},
    }
    draw_curves(folder / "metrics.csv", panels, folder / "curves.png")


def draw_accuracy_against_length(results, path):
    """Held-out accuracy against T: a curve for each model, a point for each run, chance as a line."""
    figure, axis = new_figure()
    curves = {}
    for result in results:
        config = result["config"]
        label = f"{config['model_type']}, {config['init']}, {'scalars' if config['input_dim'] == 1 else 'one-hot'}"
        curves.setdefault(label, []).append((config["input_length"], result["test_accuracy"]))
    for (label, points), marker in zip(curves.items(), MARKERS * len(curves), strict=False):
        lengths = sorted({length for length, _ in points})
        means = [mean([accuracy for other, accuracy in points if other == length]) for length in lengths]
        (line,) = axis.plot(lengths, means, label=label)
        axis.plot(*zip(*points, strict=True), marker, color=line.get_color())
    axis.axhline(CHANCE, color="grey", linewidth=0.8, label="chance")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="inputs T (palindrome T+1)", ylabel="held-out accuracy", ylim=(0, 1.05))
    axis.legend()
    save_figure(figure, path)


def mean(values):
    return sum(values) / len(values)


def main(argv=None):
    parser = cli.Parser(prog="plots.py", description="Draw held-out accuracy against T from runs of part1/train.py.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of finished runs")
    parser.add_argument("--output", default="accuracy.png", help="the picture; .png or .pdf")
    config = parser.parse_args(argv)
    if Path(config.output).suffix not in (".png", ".pdf"):
        raise UserError(f"--output {config.output} must end in .png or .pdf")
    results = [read_result(Path(run) / "result.json") for run in config.runs]
    draw_accuracy_against_length(results, Path(config.output))
    print(f"see {config.output}")
    return 0


def read_result(path):
    """A run's result.json.

    Raises:
        UserError: it is missing or not one of part 1.
    """
    try:
        result = read_json(path)
        result["config"]["model_type"], result["test_accuracy"]
    except OSError:
        raise UserError(f"{path} is missing; give folders of finished runs of part1/train.py") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is not a result of part1/train.py; give folders of its finished runs") from None
    return result


if __name__ == "__main__":
    cli.run_main(main)
