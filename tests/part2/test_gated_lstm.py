# SPDX-License-Identifier: MIT
import pytest
import torch

from part1.lstm import LSTM
from part2.gated_lstm import VARIANTS, GatedLSTM, TimedLSTM
from part2.time_gate import TimeGate, random_gate


def pair(gate, variant="assignment", T=6, D=3, H=5):
    plain = LSTM(T, D, H, 10, 4, seed=1)
    gated = GatedLSTM(T, D, H, 10, 4, seed=1, gate=gate, variant=variant)
    return plain.double(), gated.double(), torch.rand(4, T, D, dtype=torch.float64)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_open_gate_is_the_lstm_exactly(variant):
    plain, gated, x = pair(TimeGate(1, 0.5, 1), variant)
    assert torch.equal(plain(x), gated(x))
    states = gated.states(x)
    for name, value in plain.states(x).items():
        assert torch.equal(value, states[name]), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_closed_gate_copies_the_state_bit_for_bit(variant):
    # open for the first two of a hundred steps
    _, gated, x = pair(TimeGate(100, 0, 0.02), variant)
    states = gated.states(x)
    assert (states["k"][:, 0] > 0).all() and (states["k"][:, 2:] == 0).all()
    assert states["h"][:, 0].abs().max() > 0
    for name in "hc":
        for t in range(2, 6):
            assert torch.equal(states[name][:, t], states[name][:, 1]), (name, t)


@pytest.mark.parametrize("variant", VARIANTS)
def test_equations_13_to_16(variant):
    _, gated, x = pair(random_gate(5, 2, 12, seed=3), variant)
    s = gated.states(x)
    k, t = gated.gate(torch.arange(1, 7)), 3
    h, c = s["h"][:, t - 1], s["c"][:, t - 1]
    c_tilde = s["g"][:, t] * s["i"][:, t] + c * s["f"][:, t]
    c_new = k[t] * c_tilde + (1 - k[t]) * c
    h_tilde = torch.tanh(c_new if variant == "assignment" else c_tilde) * s["o"][:, t]
    torch.testing.assert_close(s["c"][:, t], c_new)
    torch.testing.assert_close(s["h"][:, t], k[t] * h_tilde + (1 - k[t]) * h)


def test_the_variants_differ_and_others_are_refused():
    gate = random_gate(5, 2, 12, seed=3)
    outputs = [pair(gate, variant)[1](torch.ones(2, 6, 3, dtype=torch.float64)) for variant in VARIANTS]
    assert not torch.allclose(*outputs)
    with pytest.raises(ValueError, match="assignment and phased"):
        pair(gate, "other")


@pytest.mark.parametrize("gate", [TimeGate(5, 0.3, 0.8), random_gate(5, 2, 12, seed=3)])
def test_times_can_be_given_to_all_or_to_each(gate):
    _, gated, x = pair(gate)
    steps = torch.arange(1, 7)
    assert torch.equal(gated(x), gated(x, steps))
    assert torch.equal(gated(x), gated(x, steps.expand(4, 6)))
    stamps = torch.rand(4, 6, dtype=torch.float64).cumsum(dim=1) * 3
    alone = torch.cat([gated(x[i : i + 1], stamps[i]) for i in range(4)])
    torch.testing.assert_close(gated(x, stamps), alone)
    assert not torch.allclose(gated(x), gated(x, stamps))


@pytest.mark.parametrize("backward", ["autograd", "manual"])
def test_the_lstm_takes_its_times_in_the_same_ways(backward):
    model = TimedLSTM(6, 1, 5, 3, 4, backward=backward)
    x, steps = torch.rand(4, 6), torch.arange(1, 7)
    for same in (model(x, steps), model(x, steps.expand(4, 6)), model(x.unsqueeze(-1))):
        assert torch.equal(model(x), same)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradcheck_rhythms_included(variant):
    gate = random_gate(3, 3, 9, r_on=0.9, learn=("tau", "s", "r_on"), leak=0.01, seed=2)
    model = GatedLSTM(4, 2, 3, 3, 2, gate=gate, variant=variant).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    names = [name for name, _ in model.named_parameters()]
    assert {"gate.log_tau", "gate.s", "gate.raw_r_on"} < set(names)

    def logits(*parameters):
        return torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(logits, tuple(model.parameters()))


def test_every_parameter_has_a_gradient_and_two_forwards_agree():
    gate = random_gate(8, 2, 12, learn=("tau", "s", "r_on"))
    model, x = GatedLSTM(6, 10, 8, 10, 4, gate=gate), torch.rand(4, 6, 10)
    first = model(x)
    assert first.dtype == torch.float32  # the gate's float64 stays inside
    assert torch.equal(first, model(x))
    torch.nn.functional.cross_entropy(first, torch.arange(4)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_the_default_rhythms():
    model = GatedLSTM(10, 1, 64, 10, 4)
    assert model.gate.tau.min() >= 2 and model.gate.tau.max() <= 20.0001
    assert (model.gate.r_on == 1).all()
    assert not any(name.startswith("gate") for name, _ in model.named_parameters())
