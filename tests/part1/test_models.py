# SPDX-License-Identifier: MIT
"""The two cells against nn.RNN and nn.LSTM, and against their own gradients."""

import pytest
import torch
from torch import nn

from part1.init import LSTM_INIT, RNN_INIT
from part1.lstm import LSTM
from part1.vanilla_rnn import VanillaRNN

SIZES = [(3, 7, 2, 5), (1, 4, 1, 3), (4, 1, 10, 6), (1, 1, 1, 1), (6, 20, 10, 6), (2, 50, 1, 16)]  # (B, T, D, H)
CELLS = [VanillaRNN, LSTM]


def double(cell, T, D, H, K=10, **kwargs):
    model = cell(T, D, H, K, 99, **kwargs).double()
    with torch.no_grad():
        rng = torch.Generator().manual_seed(3)
        for parameter in model.parameters():  # biases too
            parameter.uniform_(-0.5, 0.5, generator=rng)
    return model


def inputs(B, T, D):
    return torch.randn(B, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(("B", "T", "D", "H"), SIZES)
def test_the_rnn_equals_nn_rnn(B, T, D, H):
    ours, theirs = double(VanillaRNN, T, D, H), nn.RNN(D, H, batch_first=True).double()
    theirs.load_state_dict(
        {
            "weight_ih_l0": ours.W_hx,
            "weight_hh_l0": ours.W_hh,
            "bias_ih_l0": ours.b_h,
            "bias_hh_l0": torch.zeros(H),
        }
    )
    x = inputs(B, T, D)
    h, _ = theirs(x)
    assert ours.states(x)["h"].shape == (B, T, H)
    torch.testing.assert_close(ours.states(x)["h"], h, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours(x), h[:, -1] @ ours.W_ph.T + ours.b_p, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("B", "T", "D", "H"), SIZES)
def test_the_lstm_equals_nn_lstm(B, T, D, H):
    ours, theirs = double(LSTM, T, D, H), nn.LSTM(D, H, batch_first=True).double()
    theirs.load_state_dict(
        {
            "weight_ih_l0": torch.cat((ours.W_ix, ours.W_fx, ours.W_gx, ours.W_ox)),  # PyTorch's order is i, f, g, o
            "weight_hh_l0": torch.cat((ours.W_ih, ours.W_fh, ours.W_gh, ours.W_oh)),
            "bias_ih_l0": torch.cat((ours.b_i, ours.b_f, ours.b_g, ours.b_o)),
            "bias_hh_l0": torch.zeros(4 * H),
        }
    )
    x = inputs(B, T, D)
    h, (_, c) = theirs(x)
    states = ours.states(x)
    assert {name: tuple(value.shape) for name, value in states.items()} == dict.fromkeys("hcgifo", (B, T, H))
    torch.testing.assert_close(states["h"], h, rtol=0, atol=1e-12)
    torch.testing.assert_close(states["c"][:, -1], c[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(ours(x), h[:, -1] @ ours.W_ph.T + ours.b_p, rtol=0, atol=1e-12)


def test_the_gates_are_those_of_the_equations():
    model, x = double(LSTM, 4, 3, 5), inputs(2, 4, 3)
    s = model.states(x)
    h, c, t = s["h"][:, 1], s["c"][:, 1], 2  # the state before step t
    for gate, squash in (("g", torch.tanh), ("i", torch.sigmoid), ("f", torch.sigmoid), ("o", torch.sigmoid)):
        W_x, W_h, b = (getattr(model, name) for name in (f"W_{gate}x", f"W_{gate}h", f"b_{gate}"))
        torch.testing.assert_close(s[gate][:, t], squash(x[:, t] @ W_x.T + h @ W_h.T + b))
    torch.testing.assert_close(s["c"][:, t], s["g"][:, t] * s["i"][:, t] + c * s["f"][:, t])
    torch.testing.assert_close(s["h"][:, t], torch.tanh(s["c"][:, t]) * s["o"][:, t])


@pytest.mark.parametrize("cell", CELLS)
def test_gradcheck(cell):
    model, x = double(cell, 4, 2, 3, K=3), inputs(2, 4, 2)

    def logits(*parameters):
        names = [name for name, _ in model.named_parameters()]
        return torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(logits, tuple(model.parameters()))


@pytest.mark.parametrize("cell", CELLS)
def test_every_parameter_has_a_gradient_and_two_forwards_agree(cell):
    model, x = cell(6, 10, 8, 10, 4), torch.rand(4, 6, 10)
    first = model(x)
    assert torch.equal(first, model(x))
    nn.functional.cross_entropy(first, torch.arange(4)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("cell", CELLS)
def test_any_batch_and_length_whatever_the_constructor_said(cell):
    model = cell(5, 1, 8, 10, 128)
    for B, T in ((1, 1), (8, 5), (3, 11)):
        x = torch.rand(B, T, 1)
        assert model(x).shape == (B, 10)
        assert torch.equal(model(x), model(x.squeeze(-1)))  # (B, T) is read as D = 1
    with pytest.raises(ValueError, match="T >= 1"):
        model(torch.rand(3, 0, 1))


@pytest.mark.parametrize("cell", CELLS)
def test_rows_of_a_batch_do_not_meet(cell):
    model, x = double(cell, 6, 3, 6), inputs(6, 6, 3)  # B = H hides swapped axes; rows alone do not
    alone = torch.cat([model(row[None]) for row in x])
    torch.testing.assert_close(model(x), alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("cell", "table"), [(VanillaRNN, RNN_INIT), (LSTM, LSTM_INIT)])
def test_every_initialisation(cell, table):
    for init in table:
        a, b, c = (cell(20, 10, 32, 10, 4, init=init, seed=seed) for seed in (1, 1, 2))
        for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
            assert torch.equal(p, q), (init, name)
        assert any(not torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters(), strict=True)), init


def test_what_the_initialisations_say():
    H, eye = 32, torch.eye(32)
    rnn = {init: VanillaRNN(20, 10, H, 10, 4, init=init) for init in RNN_INIT}
    torch.testing.assert_close(rnn["orthogonal"].W_hh @ rnn["orthogonal"].W_hh.T, eye, atol=1e-5, rtol=0)
    assert torch.equal(rnn["identity"].W_hh, eye)
    assert torch.equal(rnn["latch"].W_hh, 2 * eye)
    assert rnn["latch"].W_hx.abs().max() <= 0.5 and 0.15 < rnn["latch"].W_hx.std() < 0.25
    assert 0.5e-4 < rnn["normal"].W_hh.std() < 2e-4
    assert rnn["xavier"].W_hh.abs().max() <= (6 / (2 * H)) ** 0.5
    for init in ("orthogonal", "identity"):
        assert 0.08 < rnn[init].W_hx.std() < 0.12
    assert not any(rnn[init].b_h.any() or rnn[init].b_p.any() for init in rnn)
    T = 50
    lstm = {init: LSTM(T, 10, H, 10, 4, init=init) for init in LSTM_INIT}
    b_f = lstm["chrono"].b_f
    assert (b_f.exp() >= 1).all() and (b_f.exp() <= T - 1).all() and b_f.exp().max() > T / 2
    assert torch.equal(lstm["chrono"].b_i, -b_f)
    assert torch.equal(lstm["forget1"].b_f, torch.ones(H))
    assert torch.equal(lstm["xavier"].b_f, torch.zeros(H))
    assert torch.equal(lstm["latch"].W_gh, 4 * eye)
    assert torch.equal(lstm["latch"].b_f, torch.full((H,), 3.0))
    assert 0.4 < lstm["latch"].W_gx.std() < 0.6 and lstm["latch"].W_ix.std() < 0.02
    assert 0.5e-4 < lstm["normal"].W_fh.std() < 2e-4
    assert LSTM(T, 10, H, 10, 4).b_f.any()  # chrono is the default
    for T in (1, 2):  # log U(1, 1)
        assert torch.equal(LSTM(T, 10, H, 10, 4).b_f, torch.zeros(H))


@pytest.mark.parametrize("cell", CELLS)
def test_latch_refuses_digits_as_scalars(cell):
    with pytest.raises(ValueError, match="one-hot"):
        cell(5, 1, 8, 10, 4, init="latch")


def test_only_the_last_step_is_read_out(monkeypatch):
    """One read-out a forward pass, whatever T (the state is projected once, not T times)."""
    model = VanillaRNN(9, 1, 8, 10, 4)
    products = []
    original = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: products.append(b.shape) or original(a, b))
    model(torch.rand(4, 9, 1))
    assert sum(shape == (8, 10) for shape in products) == 1
