# SPDX-License-Identifier: MIT
import pytest
import torch

from part1.lstm import LSTM
from part2.gated_lstm import VARIANTS, GatedLSTM, TimedLSTM, with_time
from part2.manual_backward import GatedLSTMFunction, GateFunction
from part2.time_gate import TimeGate, random_gate

f64 = torch.float64
LEARN = ("tau", "s", "r_on")
B, T, D, H, K = 5, 23, 2, 7, 3
LENGTHS = torch.tensor([4, 23, 1, 9, 23])
GATES = {
    "a rhythm a unit": lambda leak: random_gate(H, 2, 9, r_on=0.4, learn=LEARN, leak=leak),
    "one for all": lambda leak: TimeGate(4.0, 1.0, 0.6, learn=LEARN, leak=leak),
    "open without end": lambda leak: TimeGate(4.0, 1.0, 1.0, learn=("tau",), leak=leak),
    "fixed": lambda leak: random_gate(H, 2, 9, r_on=0.4, leak=leak),
}


def data(dtype=f64):
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(B, T, D, generator=rng, dtype=dtype)
    return x, torch.rand(B, T, generator=rng, dtype=f64).cumsum(1) * 3 - 5  # some times before the shift


def build(backward, variant="phased", gate="a rhythm a unit", leak=0.01, dtype=f64):
    if variant == "LSTM":
        return TimedLSTM(T, D, H, K, B, backward=backward).to(dtype)
    options = dict(init="forget1", gate=GATES[gate](leak), variant=variant, backward=backward)
    return GatedLSTM(T, D, H, K, B, **options).to(dtype)


def loss_of(model, x, times, lengths):
    weights = torch.arange(x.shape[0] * K).reshape(x.shape[0], K).to(x)
    return (torch.tanh(model(x, times, lengths)) * weights).sum()


def outcome(model, x, times, lengths):
    """The logits and every gradient, that of x included."""
    x = x.clone().requires_grad_()
    loss_of(model, x, times, lengths).backward()
    logits = model(x, times, lengths).detach()
    return {"logits": logits, "x": x.grad} | {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("leak", [0.0, 0.01])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_gradients_are_those_of_autograd(variant, gate, leak, lengths):
    found = [outcome(build(way, variant, gate, leak), *data(), lengths) for way in ("autograd", "manual")]
    assert found[0].keys() == found[1].keys()
    for name in found[0]:
        torch.testing.assert_close(found[1][name], found[0][name], rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_the_gradients_of_the_lstm_too(lengths):
    found = [outcome(build(way, "LSTM"), *data(), lengths) for way in ("autograd", "manual")]
    for name in found[0]:
        torch.testing.assert_close(found[1][name], found[0][name], rtol=1e-9, atol=1e-11, msg=name)


def test_gradcheck():
    model = build("manual", "assignment")
    x, times = data()
    names = [name for name, _ in model.named_parameters()]

    def loss(x, *parameters):
        return torch.func.functional_call(
            model, dict(zip(names, parameters, strict=True)), (x[:, -6:], times[:, -6:], LENGTHS.clamp(max=6))
        )

    assert torch.autograd.gradcheck(loss, (x.requires_grad_(), *model.parameters()))


def test_nothing_is_computed_that_needs_no_gradient(monkeypatch):
    found, backward = [], GatedLSTMFunction.backward
    monkeypatch.setattr(GatedLSTMFunction, "backward", lambda *args: found.append(backward(*args)) or found[-1])
    model = build("manual", gate="fixed")
    x, times = data()
    loss_of(model, x, times, LENGTHS).backward()
    ((dx, dk, *dW, _, _),) = found
    assert dx is None and dk is None and all(gradient is not None for gradient in dW)
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("backward", ["autograd", "manual"])
@pytest.mark.parametrize("variant", [*VARIANTS, "LSTM"])
def test_padding_never_changes_a_result(variant, backward):
    """A batch of unequal lengths equals its sequences one by one, in logits and in the sum of their gradients; what
    stands in the padding is of no account."""
    x, times = data()
    whole = outcome(build(backward, variant), x, times, LENGTHS)
    padding = torch.arange(T) < T - LENGTHS.unsqueeze(1)
    x[padding], times[padding] = 1e3, -77.0
    garbage = outcome(build(backward, variant), x, times, LENGTHS)
    alone = build(backward, variant)
    logits = []
    for row, length in enumerate(LENGTHS.tolist()):
        one = x[row : row + 1, T - length :], times[row : row + 1, T - length :]
        logits.append(alone(*one).detach())
        weights = torch.arange(B * K).reshape(B, K)[row].double()
        (torch.tanh(alone(*one)) * weights).sum().backward()
    torch.testing.assert_close(torch.cat(logits), whole["logits"], rtol=0, atol=1e-13)
    assert torch.equal(garbage["logits"], whole["logits"])
    for name, parameter in alone.named_parameters():
        torch.testing.assert_close(whole[name], parameter.grad, rtol=1e-9, atol=1e-11, msg=name)
        torch.testing.assert_close(garbage[name], whole[name], rtol=1e-9, atol=1e-11, msg=name)
    assert not whole["x"][padding].any()


def test_padded_steps_are_closed_and_leave_the_state_at_zero():
    x, times = data()
    states = build("autograd").states(x, times, LENGTHS)
    padding = torch.arange(T) < T - LENGTHS.unsqueeze(1)
    assert all((states[name][padding] == 0).all() for name in "hck")


@pytest.mark.parametrize("backward", ["autograd", "manual"])
def test_the_timed_lstm_is_part_1s_lstm_with_the_time_as_an_input(backward):
    x, times = data()
    timed, plain = build(backward, "LSTM"), LSTM(T, D + 1, H, K, B, init="forget1").double()
    assert timed.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(timed(x, times), plain(with_time(x, times)), rtol=0, atol=1e-13)


def test_float32_is_as_near_as_float32_comes():
    found = [outcome(build(way, dtype=torch.float32), *data(torch.float32), LENGTHS) for way in ("autograd", "manual")]
    assert found[0]["logits"].dtype == found[1]["logits"].dtype == torch.float32
    for name in found[0]:
        scale = found[0][name].abs().max().item()
        torch.testing.assert_close(found[1][name], found[0][name], rtol=1e-4, atol=1e-5 * scale, msg=name)


@pytest.mark.parametrize("shift", [0, 1_000_000])
@pytest.mark.parametrize("leak", [0.0, 0.001])
def test_the_gate_at_once_is_the_gate(shift, leak):
    gate = random_gate(H, 2, 9, r_on=0.4, learn=LEARN, leak=leak)
    t = torch.linspace(-30, 60, 400, dtype=f64) + shift  # before the shift, and beyond a million
    weights = torch.randn(400, H, dtype=f64, generator=torch.Generator().manual_seed(2))
    k = GateFunction.apply(t, gate.tau, gate.s, gate.r_on, leak, f64)
    torch.testing.assert_close(k, gate(t), rtol=0, atol=1e-9)
    parameters = list(gate.parameters())
    ours = torch.autograd.grad((k * weights).sum(), parameters)
    theirs = torch.autograd.grad((gate(t) * weights).sum(), parameters)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
    coarse = GateFunction.apply(t, gate.tau, gate.s, gate.r_on, leak, torch.float32)
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse.double(), k, rtol=0, atol=1e-6)  # the phase itself was found in float64


def test_evaluation_has_no_leak_and_an_unknown_backward_is_refused():
    model, open_ = build("manual", leak=0.3), build("manual", leak=0.0)
    x, times = data()
    assert not torch.allclose(model(x, times), open_(x, times))
    assert torch.equal(model.eval()(x, times), open_(x, times))
    with pytest.raises(ValueError, match="autograd or manual"):
        build("magic")


@pytest.mark.parametrize("late", [1e5, 1e7])
def test_the_gradient_of_tau_keeps_its_digits_at_late_times(late):
    """In float32, where the gradient is a small difference of large sums over times; float64 is the measure."""
    t = late + torch.linspace(0, 300, 4000, dtype=f64)
    dk = torch.randn(len(t), 3, generator=torch.Generator().manual_seed(1), dtype=f64)
    found = []
    for dtype in (torch.float32, f64):
        tau, s, r_on = (
            torch.tensor(values, dtype=f64, requires_grad=True) for values in ([3, 7, 11], [1, 2, 3], [0.4] * 3)
        )
        GateFunction.apply(t, tau, s, r_on, 0.001, dtype).backward(dk.to(dtype))
        found.append(tau.grad)
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=0)
