# SPDX-License-Identifier: MIT
"""The figures of part 1 show what the tables say."""

import csv
import itertools
import json

import pytest

from common.cli import UserError
from common.figure import new_figure
from part1 import length_plots, plots, run_plots, sweep_results
from part1.sweep import MEASURED, VARIED


def row(**values):
    usual = dict.fromkeys((*VARIED, *MEASURED), None)
    usual |= dict(model_type="RNN", input_length=10, init="orthogonal", input_dim=10, seed=1, train_steps=5000)
    return usual | dict(learning_rate=0.001, test_accuracy=1.0, solved_at=100) | values


def write(path, rows):
    with open(path, "w", newline="") as f:
        table = csv.DictWriter(f, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    both = [("RNN", "orthogonal"), ("LSTM", "chrono")]

    def cells(**lists):
        return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]

    def of_both(**lists):
        return [row(model_type=m, init=i, **cell) for m, i in both for cell in cells(**lists)]

    write(folder / "lengths.csv", of_both(input_length=[5, 10, 50], input_dim=[1, 10], seed=[1, 2]))
    write(
        folder / "reservoirs.csv", of_both(input_length=[5, 50], input_dim=[10], test_accuracy=[0.4], solved_at=[None])
    )
    write(folder / "reach.csv", of_both(input_length=[50, 1000], curriculum=[None, 1.1], seed=[1, 2]))
    transfer = of_both(test_length=[50, 1000], accuracy=[0.7], seed=[1, 2])
    write(folder / "transfer.csv", [*transfer, {**transfer[0], "solved_at": None}])
    write(folder / "learning_rates.csv", of_both(input_length=[5, 10], learning_rate=[0.1, 0.01], solved_at=[30, None]))
    write(
        folder / "optimizers.csv", of_both(optimizer=["sgd", "adam"], learning_rate=[0.1, 0.01], solved_at=[30, None])
    )
    write(folder / "capacity.csv", of_both(num_hidden=[16, 32], solved_at=[30, None]))
    write(folder / "clipping.csv", [row(max_norm=norm, seed=s) for norm in (0.1, 10.0, 1e6) for s in (1, 2)])
    curves = [(5, "normal", "RNN"), (10, "orthogonal", "RNN"), (15, "orthogonal", "RNN"), (20, "chrono", "LSTM")]
    step = [dict(step=k, loss=2.0 / k, accuracy=0.5) for k in range(1, 9)]
    write(
        folder / "curves_curves.csv",
        [{**row(model_type=m, init=i, input_length=T), **s} for T, i, m in curves for s in step],
    )
    state = {"traces": [[0.1, -0.5], [0.2, 0.9]], "explained": [1.0, 0.5], "singular_values": [2.0, 1.0]}
    networks = {"RNN latch": {"before": state, "after": state}, "LSTM chrono": {"before": state, "after": state}}
    forms = {"form": ["by hand", "torch.nn"], "memory": ["fresh", "kept"], "cell": ["RNN", "LSTM"], "T": [20, 50]}
    timed = [cell | dict(seconds=0.1, threads=threads) for cell in cells(**forms) for threads in (1, 2)]
    (folder / "speed.json").write_text(json.dumps({"rows": timed}))
    (folder / "traces.json").write_text(json.dumps({"digits": [1, 2], "networks": networks}))
    return folder


def test_every_figure_is_drawn_and_a_missing_result_is_named(results, tmp_path, run_script):
    status, out, _ = run_script(plots.main, "--results", results, "--to", tmp_path / "figures")
    assert status == 0 and "left out" not in out
    for name in plots.FIGURES:
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 5_000
        assert (tmp_path / "figures" / f"{name}.pdf").read_bytes()[:4] == b"%PDF"
    (results / "reservoirs.csv").unlink()  # a baseline: what it stands beside is drawn without
    status, out, _ = run_script(plots.main, "--results", results, "--to", tmp_path / "figures")
    assert status == 0 and "left out" not in out
    (results / "transfer.csv").unlink()
    _, out, _ = run_script(plots.main, "--results", results, "--to", tmp_path / "figures")
    assert "transfer: left out, transfer.csv missing" in out
    with pytest.raises(UserError, match="no results in"):
        plots.main(["--results", str(tmp_path)])


@pytest.mark.parametrize("name", ["lengths", "steps_to_solve", "reach", "transfer", "capacity_clipping"])
def test_a_legend_shows_the_colours_and_dashes_of_what_is_drawn(results, name):
    def looks(line):
        return line.get_color(), str(line._dash_pattern)  # get_linestyle says "--" of every pattern

    draw, needs = plots.FIGURES[name]
    figure = draw(*(plots.read(results / table) for table in needs))
    drawn = {looks(line) for axis in figure.axes for line in axis.lines if len(line.get_xdata())}
    shown = [line for legend in figure.legends for line in legend.get_lines()]
    assert shown and all(looks(line) in drawn for line in shown)


def test_a_read_out_alone_that_solves_a_length_is_beside_the_networks_that_do():
    alone = [row(num_hidden=128, input_length=T, solved_at=solved) for T, solved in ((5, 300), (8, 700), (10, None))]
    figure = length_plots.draw_steps_to_solve([row(input_length=5), row(input_length=10)], alone)
    (grey,) = [line for line in figure.axes[0].lines if line.get_label() == "orthogonal, read-out alone"]
    assert (list(grey.get_xdata()), list(grey.get_ydata())) == ([5, 8], [300, 700])


@pytest.mark.parametrize("damaged", ["optimizers.csv", "capacity.csv", "learning_rates.csv", "traces.json"])
def test_a_table_of_which_little_is_there_stops_no_other_figure(results, tmp_path, run_script, damaged):
    path = results / damaged
    path.write_text(path.read_text().splitlines()[0] + "\n" if path.suffix == ".csv" else "{}")
    status, out, err = run_script(plots.main, "--results", results, "--to", tmp_path / "figures")
    assert status == 2 and "not complete" in err and err.count("\n") == 1
    assert f"left out, {damaged}" in out and "explained" in out and "see" in out.splitlines()[0]


def test_runs_that_differ_in_a_setting_are_curves_of_their_own():
    def result(T, accuracy, **values):
        config = dict(model_type="LSTM", init="chrono", input_dim=10, input_length=T, seed=1, learning_rate=0.001)
        return {"config": {**config, **values}, "test_accuracy": accuracy}

    same = run_plots.curves_of([result(5, 1.0), result(5, 0.9, seed=2), result(10, 0.8)])
    assert same == {"LSTM, chrono, one-hot": [(5, 1.0), (5, 0.9), (10, 0.8)]}
    rates = run_plots.curves_of([result(5, 0.5), result(5, 1.0, learning_rate=0.03)])
    assert list(rates) == ["LSTM, chrono, one-hot, learning_rate 0.001", "LSTM, chrono, one-hot, learning_rate 0.03"]


def test_networks_are_named_by_what_helps_them():
    assert sweep_results.network_label(row(init="chrono", learning_rate=0.03)) == "chrono, rate 0.03"
    assert sweep_results.network_label(row(curriculum=1.1, optimizer="adam")) == "orthogonal + curriculum, Adam"


def test_numbers_are_read_as_numbers(results):
    first = sweep_results.read_results(results / "reach.csv")[0]
    assert (first["input_length"], first["curriculum"], first["model_type"]) == (50, None, "RNN")
    assert sweep_results.value_of("False") is False and sweep_results.value_of("0.5") == 0.5


def test_a_curve_is_the_measure_of_each_group():
    rows = [row(input_length=T, seed=s, solved_at=a) for T, s, a in ((20, 1, 9), (5, 1, 3), (5, 2, None), (20, 2, 5))]
    assert sweep_results.curve(rows, "input_length", sweep_results.share_solved) == ([5, 20], [0.5, 1.0])
    solved = [r for r in rows if r["solved_at"]]
    assert sweep_results.curve(solved, "input_length", sweep_results.median_solved) == ([5, 20], [3, 7])


def test_the_best_rate_solves_most_seeds_then_fastest():
    def at(rate, *solved):
        return [row(optimizer="adam", learning_rate=rate, seed=k, solved_at=s) for k, s in enumerate(solved)]

    rows = at(0.1, 5, None) + at(0.01, 90, 100) + at(0.001, 900, 800)
    best = sweep_results.best_rates(rows)["RNN", "adam"]
    assert {r["learning_rate"] for r in best} == {0.01} and len(best) == 2


def test_seeds_stand_side_by_side():
    _, axis = new_figure()
    (line,) = axis.plot([10], [1])
    length_plots.draw_seeds(axis, [row(seed=s) for s in (7, 8, 9)], "input_length", "test_accuracy", "o", line)
    xs = axis.lines[-1].get_xdata()
    assert xs[0] < xs[1] == 10 < xs[2] < 10.5


def test_a_run_of_another_part_is_refused(tmp_path, run_script):
    result = {"config": {"model_type": "GatedLSTM", "task": "frequency"}, "test_accuracy": 0.9}
    (tmp_path / "result.json").write_text(json.dumps(result))
    status, _, err = run_script(plots.main, tmp_path, "--output", tmp_path / "a.png")
    assert status == 2 and "not a result of part1" in err and err.count("\n") == 1
