# SPDX-License-Identifier: MIT
"""The speed comparison and the ablations of the character RNN in NumPy."""

import json

import numpy as np

from part3 import benchmark_numpy, numpy_ablations, numpy_rnn
from part3 import numpy_model as model

K, m, T = 7, 5, 11


def test_the_contenders_compute_the_same():
    numbers = np.random.default_rng(1).integers(K, size=20 * T + 1)
    w = model.initial_weights(K, m, 1, np.float64)
    losses = []
    for make in benchmark_numpy.CONTENDERS.values():
        own = model.Parameters(K, m, np.float64)
        own.flat[:] = w.flat
        contender = make(own)
        chunks = range(0, 20 * T, T)
        losses.append([contender.update(numbers[e : e + T], numbers[e + 1 : e + T + 1]) for e in chunks])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-9)


def test_the_benchmark_prints_json(run_script):
    argv = ["--rounds", 2, "--updates", 2, "--num_hidden", 4, "--seq_length", 3, "--vocabulary", 5]
    status, out, err = run_script(benchmark_numpy.main, *argv)
    assert status == 0, err
    report = json.loads(out)
    assert report["updates_per_second"].keys() == benchmark_numpy.CONTENDERS.keys()
    for ratio in report["numpy_over"].values():
        assert 0 < ratio["q1"] <= ratio["median"] <= ratio["q3"]


def test_ablations_are_written_as_json(run_script, tmp_path, text_file, monkeypatch):
    monkeypatch.setattr(numpy_ablations, "ROWS", numpy_ablations.ROWS[:1] + numpy_ablations.ROWS[-1:])
    argv = ["--txt_file", text_file, "--to", tmp_path / "a.json", "--summary_path", tmp_path / "runs"]
    status, out, err = run_script(numpy_ablations.main, *argv, "--num_hidden", 6, "--max_updates", 20)
    assert status == 0, err
    first, last = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert (first["optimizer"], first["initial_accumulator_value"], first["clip"]) == ("adagrad", 25, 5)
    assert (last["optimizer"], last["initial_accumulator_value"], last["clip"]) == ("sgd", None, 0)
    assert f"{last['smooth_loss']:.4f}" in out and first["test_bpc"] > 0
    config = json.loads((next((tmp_path / "runs").glob("*sgd*")) / "config.json").read_text())
    assert (config["num_hidden"], config["max_updates"], config["seed"]) == (6, 20, 42)


def test_the_rows_of_the_ablations_can_be_run():
    for changes in numpy_ablations.ROWS:
        assert changes.keys() <= set(numpy_ablations.SETTINGS)
        numpy_rnn.parser().parse_args([f"--{name}={value}" for name, value in changes.items()])


def test_an_ablation_that_diverges_keeps_its_row(tmp_path, text_file):
    config = {"txt_file": text_file, "summary_path": tmp_path / "runs", "num_hidden": 6, "epochs": 1}
    row = numpy_ablations.ablate(config, {"optimizer": "sgd", "learning_rate": 1e36, "clip": 0})
    assert "not finite" in row["failed"] and "not finite" in numpy_ablations.table([row])
