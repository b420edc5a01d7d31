# SPDX-License-Identifier: MIT
"""The maths of the character RNN in NumPy, against other ways to the same numbers."""

import math
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from part1.vanilla_rnn import VanillaRNN
from part3 import numpy_check, numpy_rnn
from part3 import numpy_model as model
from part3.numpy_results import write_text
from part3.text import Vocabulary

ROOT = Path(__file__).resolve().parents[2]
K, m, T = 7, 5, 11


@pytest.fixture
def example():
    """Float64 weights, a chunk and a state; K, m and T differ, so that no axis hides as another."""
    rng = np.random.default_rng(3)
    x, y = rng.integers(K, size=(2, T))
    w = model.initial_weights(K, m, 1, np.float64)
    w.flat *= 5
    return w, x, y, rng.normal(size=m)


def gradients(w, x, y, h_0, l2=0.0):
    dL = model.Parameters(K, m, np.float64)
    loss, penalty, h_T = model.loss_and_gradients(w, dL, x, y, h_0, l2)
    return dL, loss + penalty, h_T


def test_every_parameter_starts_from_the_same_normal_distribution():
    w = model.initial_weights(80, 100, seed=1)
    shapes = {name: getattr(w, name).shape for name in model.NAMES}
    assert shapes == {"U": (100, 80), "W": (100, 100), "V": (80, 100), "b": (100,), "c": (80,)}
    for name in model.NAMES:
        values = getattr(w, name)
        assert abs(values.mean()) < 4 * 0.1 / values.size**0.5
        assert values.std() == pytest.approx(0.1, rel=4 / (2 * values.size) ** 0.5)
    assert np.array_equal(w.flat, model.initial_weights(80, 100, seed=1).flat)
    assert not np.array_equal(w.flat, model.initial_weights(80, 100, seed=2).flat)


def test_the_look_up_equals_the_product_with_one_hot_columns(example):
    w, x, y, h_0 = example
    h, o = model.forward(w, x, h_0)
    dL, _, _ = gradients(w, x, y, h_0)
    h_t, dL_dU, slope = h_0, np.zeros_like(w.U), 1 - h[1:] ** 2
    g = model.softmax(o) - np.eye(K)[y]
    for t in range(T):
        x_t = np.eye(K)[x[t]]
        a_t = w.W @ h_t + w.U @ x_t + w.b
        h_t = np.tanh(a_t)
        np.testing.assert_allclose(h[t + 1], h_t, atol=1e-14)
        np.testing.assert_allclose(o[t], w.V @ h_t + w.c, atol=1e-14)
    dL_da = np.zeros(m)
    for t in reversed(range(T)):
        dL_da = slope[t] * (w.V.T @ g[t] + w.W.T @ dL_da)
        dL_dU += np.outer(dL_da, np.eye(K)[x[t]])
    np.testing.assert_allclose(dL.U, dL_dU, atol=1e-12)


def test_states_loss_and_gradients_equal_those_of_part_1_under_autograd(example):
    w, x, y, _ = example
    rnn = VanillaRNN(T, K, m, K, 1).double()
    theirs = dict(zip("UWVbc", (rnn.W_hx, rnn.W_hh, rnn.W_ph, rnn.b_h, rnn.b_p), strict=True))
    with torch.no_grad():
        for name, weight in theirs.items():
            weight.copy_(torch.from_numpy(getattr(w, name)))
    states = rnn.states(one_hot(torch.from_numpy(x), K).double()[None])["h"][0]  # (T, m)
    loss = cross_entropy(states @ rnn.W_ph.T + rnn.b_p, torch.from_numpy(y), reduction="sum")
    loss = loss + 0.3 / 2 * sum((theirs[name] ** 2).sum() for name in "UWV")
    loss.backward()
    h, _ = model.forward(w, x, np.zeros(m))
    dL, ours, h_T = gradients(w, x, y, np.zeros(m), l2=0.3)
    np.testing.assert_allclose(h[1:], states.detach(), rtol=0, atol=1e-15)
    assert np.array_equal(h_T, h[-1])
    assert ours == pytest.approx(loss.item(), rel=1e-14)
    for name, weight in theirs.items():
        np.testing.assert_allclose(getattr(dL, name), weight.grad, rtol=1e-11, atol=1e-13, err_msg=name)


def test_check_finds_every_error_below_the_reports(run_script):
    status, out, _ = run_script(numpy_rnn.main, "--check")
    assert status == 0 and "10 of 10 errors are below the report's" in out
    for l2 in (0, 0.1):
        errors = numpy_check.errors(l2)
        assert all(errors[name] < bound for name, bound in numpy_check.REPORT.items()), errors


def test_check_fails_where_an_error_is_too_large(run_script, monkeypatch):
    monkeypatch.setitem(numpy_check.REPORT, "W", 1e-16)
    status, out, _ = run_script(numpy_rnn.main, "--check")
    assert status == 1 and "8 of 10" in out


def test_the_penalty_adds_and_spares_the_biases(example):
    w, x, y, h_0 = example
    plain, loss, _ = gradients(w, x, y, h_0)
    held, more, _ = gradients(w, x, y, h_0, l2=0.5)
    assert more == pytest.approx(loss + 0.25 * sum((A**2).sum() for A in (w.U, w.W, w.V)))
    for name in "UWV":
        np.testing.assert_allclose(getattr(held, name) - getattr(plain, name), 0.5 * getattr(w, name), atol=1e-12)
    assert np.array_equal(held.b, plain.b) and np.array_equal(held.c, plain.c)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_and_loss_of_large_logits(dtype):
    o = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    np.testing.assert_allclose(model.softmax(o), [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
    assert model.cross_entropy(o, [1, 2]) == pytest.approx(1e4 + math.log(3))


def test_two_chunks_with_the_state_carried_equal_one(example):
    w, x, y, h_0 = example
    whole, _ = model.forward(w, x, h_0)
    first, _ = model.forward(w, x[:4], h_0)
    second, _ = model.forward(w, x[4:], first[-1])
    assert np.array_equal(whole, np.concatenate((first, second[1:])))
    numbers = np.concatenate((x, y))
    losses = [model.text_loss(w, numbers, chunk) for chunk in (1, 3, 21, 1000)]
    np.testing.assert_allclose(losses, model.cross_entropy(model.forward(w, numbers[:-1], 0)[1], numbers[1:]) / 21)


@pytest.mark.parametrize(
    ("name", "memory", "theirs"),
    [
        ("adagrad", 0.0, lambda p: torch.optim.Adagrad(p, lr=0.03)),
        ("adagrad", 25.0, lambda p: torch.optim.Adagrad(p, lr=0.03, initial_accumulator_value=25)),
        ("rmsprop", 0.0, lambda p: torch.optim.RMSprop(p, lr=0.03)),
        ("sgd", 0.0, lambda p: torch.optim.SGD(p, lr=0.03)),
    ],
)
def test_optimizers_equal_those_of_pytorch(name, memory, theirs):
    rng = np.random.default_rng(0)
    w, s = rng.normal(size=9), np.full(9, memory)
    parameter = torch.nn.Parameter(torch.tensor(w))
    optimizer = theirs([parameter])
    for _ in range(5):
        g = rng.normal(size=9)
        g[0] = 0  # no gradient, no step, and no division by zero
        parameter.grad = torch.tensor(g)
        optimizer.step()
        model.OPTIMIZERS[name](w, g, s, 0.03)
    np.testing.assert_allclose(w, parameter.detach(), rtol=1e-12)


def test_clipping():
    for limit, expected in ((5, [-5, 1, 5]), (0, [-7, 1, 9])):
        g = np.array([-7.0, 1, 9])
        model.clip(g, limit)
        assert g.tolist() == expected


def test_samples_follow_the_temperature(example):
    w = example[0]
    assert model.sample(w, 2, 50, 0, None) == model.sample(w, 2, 50, 1e-300, np.random.default_rng(1))
    draws = [model.sample(w, 2, 500, t, np.random.default_rng(1)) for t in (0.1, 1, 1e6)]
    spread = [np.bincount(draw, minlength=K).std() for draw in draws]
    assert spread[0] > spread[1] > spread[2]
    p = model.softmax(model.forward(w, [2], np.zeros(m))[1][0])
    firsts = [model.sample(w, 2, 1, 1.0, np.random.default_rng(seed))[0] for seed in range(4000)]
    np.testing.assert_allclose(np.bincount(firsts, minlength=K) / 4000, p, atol=0.03)


def test_a_text_is_settled_by_the_seed_and_the_update(example):
    texts = [
        write_text(example[0], Vocabulary("abcdefg"), 20, step, Namespace(seed=seed, temperature=1.0))
        for seed, step in ((1, 1), (1, 1), (2, 1), (1, 2))
    ]
    assert texts[0] == texts[1] and len(set(texts)) == 3


def test_the_model_and_its_checkpoint_need_no_torch(tmp_path):
    program = f"""
import sys
sys.modules["torch"] = None
import numpy as np
from part3 import numpy_model as model
w, dL = model.initial_weights(5, 4, 1), model.Parameters(5, 4)
h, s = np.zeros_like(w.b), np.zeros_like(w.flat)
for _ in range(3):
    loss, _, h = model.loss_and_gradients(w, dL, np.array([0, 1, 2]), np.array([1, 2, 3]), h)
    model.adagrad(w.flat, dL.flat, s, 0.1)
model.save({str(tmp_path / "x.npz")!r}, {{"note": "ä"}}, w, s, h)
facts, again, _, _ = model.load({str(tmp_path / "x.npz")!r})
assert facts["note"] == "ä" and np.array_equal(again.flat, w.flat)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
