# SPDX-License-Identifier: MIT
"""The figures of question 1.1, each as PNG and PDF, from what part1/gradient_flow.py measured.

python part1/gradient_plots.py    report/results/part1/gradient_flow.json to report/figures/gradient_*.png and .pdf
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(ROOT)

from common import cli
from common.cli import UserError
from common.figure import new_figure, save_both
from common.run import read_json

RESULTS = ROOT / "report" / "results" / "part1" / "gradient_flow.json"
FIGURES = ROOT / "report" / "figures"
STATES = ("untrained", "trained")
FLOOR = 1e-24  # of the axes: far below what float32 adds to a weight
DRAWN_GAINS = (0.8, 1.0, 1.2, 1.5, 2.0)


def draw_rnn(results, folder):
    """||∂L/∂h(t)|| of the RNN beside ||∂L/∂h(T)||, with the bound of the singular values and tanh'."""
    figure, axes = new_figure(5.6, 2.4, ncols=2, sharey=True)
    for axis, state in zip(axes, STATES, strict=True):
        for network in of_model(results, "RNN"):
            h = network[state]["h"]
            draw_bound(axis, relative(network[state]["bound"], h), draw_quartiles(axis, h, label(network)))
        axis.set(title=state, yscale="log", xlabel="step t", ylim=(FLOOR, 1e12))
    axes[0].set_ylabel("||∂L/∂h(t)|| / ||∂L/∂h(T)||")
    legend_beside(axes[1], "its bound")
    save_both(figure, folder / "gradient_rnn")


def draw_lstm(results, folder):
    """||∂L/∂h(t)|| and ||∂L/∂c(t)|| of the LSTM beside those of step T."""
    figure, axes = new_figure(5.6, 3.1, nrows=2, ncols=2, sharex=True, sharey=True)
    for row, name in zip(axes, "hc", strict=True):
        for axis, state in zip(row, STATES, strict=True):
            for network in of_model(results, "LSTM"):
                draw_quartiles(axis, network[state][name], label(network))
            axis.set(yscale="log", title=state if name == "h" else "", xlabel="step t" if name == "c" else "")
        row[0].set_ylabel(f"||∂L/∂{name}(t)|| /\n||∂L/∂{name}(T)||")
    legend_beside(axes[0, 1])
    save_both(figure, folder / "gradient_lstm")


def draw_share(results, folder):
    """The share of each step in the gradient of the recurrent weights against t."""
    figure, axes = new_figure(5.6, 3.1, nrows=2, ncols=2, sharex=True, sharey=True)
    for row, model in zip(axes, ("RNN", "LSTM"), strict=True):
        for axis, state in zip(row, STATES, strict=True):
            for network in of_model(results, model):
                draw_line(axis, network[state]["share"], label=label(network))
            axis.axhline(1 / results["T"], color="grey", linewidth=0.8, label="equal shares, 1/T")
            axis.set(yscale="log", title=f"{model}, {state}", ylim=(1e-12, 2))
        row[0].set_ylabel("share of step t")
        legend_beside(row[1])
    for axis in axes[1]:
        axis.set_xlabel("step t")
    save_both(figure, folder / "gradient_share")


def draw_explosion(results, folder):
    """Gains of an orthogonal W_hh: ||∂L/∂h(t)|| against t with its bound, and the whole batch's gradient before
    clipping and after."""
    figure, axes = new_figure(5.6, 4.4, nrows=2, ncols=2, sharey="row")
    for (above, below), activation in zip(axes.T, ("linear", "tanh"), strict=True):
        rows = [row for row in results["explosion"] if row["activation"] == activation]
        for row in rows:
            if row["gain"] in DRAWN_GAINS:
                line = draw_line(above, row["h"], label=f"gain {row['gain']:g}")
                draw_bound(above, row["bound"], line)
        title = "without tanh: on its bound" if activation == "linear" else "with tanh"
        above.set(title=title, yscale="log", xlabel="step t", ylim=(1e-12, 1e33))
        gains = [row["gain"] for row in rows]
        for name, color, marker in (("norm", "#000000", "o"), ("W_ph_norm", "#d55e00", "s")):
            whose = "all weights" if name == "norm" else "W_ph alone"
            for key, style, when in ((name, "-", ""), (f"clipped_{name}", ":", ", clipped")):
                values = [row[key] for row in rows]
                below.plot(gains, values, color=color, marker=marker, linestyle=style, label=whose + when)
        below.axhline(results["max_norm"], color="grey", linewidth=0.8, label=f"max_norm {results['max_norm']:g}")
        below.set(yscale="log", xlabel="gain of W_hh")
    axes[0, 0].set_ylabel("||∂L/∂h(t)||")
    axes[1, 0].set_ylabel("norm of the batch's gradient")
    legend_beside(axes[0, 1], "its bound")
    legend_beside(axes[1, 1])
    save_both(figure, folder / "gradient_explosion")


def of_model(results, model):
    return [network for network in results["networks"] if network["name"].startswith(model)]


def label(network):
    name = network["name"].split(" ", 1)[1]
    return f"{name}\n({'solved' if network['solved_at'] else 'not solved'})"


def draw_bound(axis, bound, line):
    draw_line(axis, bound, color=line.get_color(), linestyle="-", linewidth=0.6)


def draw_quartiles(axis, norms, name):
    """The median over the palindromes, and a band between the quartiles, beside the median of step T; t = 1 ... T."""
    low, middle, high = (relative(norms[quartile], norms) for quartile in ("low", "median", "high"))
    line = draw_line(axis, middle, label=name)
    axis.fill_between(range(1, len(low) + 1), low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    return line


def relative(values, norms):
    return [value / norms["median"][-1] for value in values]


def draw_line(axis, values, **style):
    """Values for t = 1 ... T; a logarithmic axis leaves out zeros (underflow, or the share of h(0) = 0)."""
    points = [(t, value) for t, value in enumerate(values, 1) if value > 0]
    return axis.plot(*zip(*points, strict=True), **style)[0]


def legend_beside(axis, thin=None):
    """A legend to the right of the axis; `thin` names the thin lines."""
    if thin:
        axis.plot([], [], color="grey", linestyle="-", linewidth=0.6, label=f"{thin} (thin)")
    axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))


def main(argv=None):
    p = cli.Parser(prog="gradient_plots.py", description="Draw what gradient_flow.py measured.")
    p.add_argument("--results", default=str(RESULTS), metavar="PATH", help="the JSON file of gradient_flow.py")
    p.add_argument("--to", default=str(FIGURES), metavar="FOLDER", help="where the figures go")
    config = p.parse_args(argv)
    try:
        results = read_json(config.results)
    except OSError:
        raise UserError(f"{config.results} is missing; make it with python part1/gradient_flow.py") from None
    except ValueError:
        raise UserError(f"{config.results} is damaged; make it anew with python part1/gradient_flow.py") from None
    folder = Path(config.to)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"cannot make the folder {folder}: {problem.strerror}; choose another --to") from None
    try:
        for draw in (draw_rnn, draw_lstm, draw_share, draw_explosion):
            draw(results, folder)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise UserError(
            f"{config.results} is not complete or of another program; make it anew with python part1/gradient_flow.py"
        ) from None
    print(f"see {folder / 'gradient_*.png'}")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
