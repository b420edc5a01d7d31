# SPDX-License-Identifier: MIT
"""Pictures of runs: one over its updates, and several against T."""

from matplotlib.ticker import MaxNLocator

from common.figure import draw_curves, new_figure, save_figure

CHANCE = 0.1
MARKERS = "os^Dvx"
SETTINGS = ("optimizer", "learning_rate", "num_hidden", "batch_size", "max_norm", "curriculum", "reservoir")


def draw_run(folder):
    """Loss and accuracy of one run against the update: curves.png in its folder."""
    panels = {
        "loss (nats)": {"training batch": "loss"},
        "accuracy": {"training batch": "accuracy", "held-out palindromes": "test_accuracy"},
    }
    draw_curves(folder / "metrics.csv", panels, folder / "curves.png")


def draw_accuracy_against_length(results, path):
    """Held-out accuracy against T: a curve for each model and setting, a point for each run, chance as a line."""
    figure, axis = new_figure()
    curves = curves_of(results)
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


def curves_of(results):
    """{label: [(T, accuracy) of each run]}; the label has those settings in which the runs differ."""
    curves = {}
    several = [name for name in SETTINGS if len({result["config"].get(name) for result in results}) > 1]
    for result in results:
        config = result["config"]
        names = [config["model_type"], config["init"], "scalars" if config["input_dim"] == 1 else "one-hot"]
        label = ", ".join(names + [f"{name} {config.get(name)}" for name in several])
        curves.setdefault(label, []).append((config["input_length"], result["test_accuracy"]))
    return curves


def mean(values):
    return sum(values) / len(values)
