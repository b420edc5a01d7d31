# SPDX-License-Identifier: MIT
import pytest
import torch

from part2.time_gate import TimeGate, random_gate

f64 = torch.float64


def times(*values):
    return torch.tensor(values, dtype=f64)


def literal(t, tau, s, r_on):
    """Equation 12 as printed, one time at a time (with <= at the peak)."""
    phi = ((t - s) % tau) / tau
    if phi <= r_on / 2:
        return 2 * phi / r_on
    if phi < r_on:
        return 2 - 2 * phi / r_on
    return 0.0


@pytest.mark.parametrize(("tau", "s", "r_on"), [(5, 1.5, 0.4), (1, 0, 1), (3.7, -2.2, 0.05), (100, 250, 0.9)])
def test_the_gate_is_equation_12(tau, s, r_on):
    t = torch.linspace(-300, 700, 4001, dtype=f64)
    expected = times(*(literal(float(x), tau, s, r_on) for x in t))
    torch.testing.assert_close(TimeGate(tau, s, r_on)(t), expected, rtol=0, atol=1e-9)


def test_peak_edges_and_closed_phase():
    tau, s, r_on = 8.0, 3.0, 0.5
    gate = TimeGate(tau, s, r_on)
    phi = times(0, r_on / 2, r_on, 0.75, 0.999)
    torch.testing.assert_close(gate(s + phi * tau), times(0, 1, 0, 0, 0), rtol=0, atol=1e-12)


def test_period_and_shift():
    t = torch.linspace(-20, 20, 801, dtype=f64)
    gate = TimeGate(7.3, 1.1, 0.3)
    torch.testing.assert_close(gate(t + 7.3), gate(t), rtol=0, atol=1e-12)
    torch.testing.assert_close(TimeGate(7.3, 1.1 + 2.5, 0.3)(t), gate(t - 2.5), rtol=0, atol=1e-12)


def test_always_open():
    assert (TimeGate(1, 0.5, 1)(torch.arange(1, 1001)) == 1).all()


def test_times_before_the_shift_and_beyond_a_million_keep_their_phase():
    gate = TimeGate(3.7, 1.2, 0.6)
    t = torch.linspace(0, 3.7, 100, dtype=f64)
    for periods in (-1000, 1_000_000, 300_000_000):
        torch.testing.assert_close(gate(t + periods * 3.7), gate(t), rtol=0, atol=1e-6)
        assert (gate.phase(t + periods * 3.7) >= 0).all()
    assert gate(torch.arange(10_000_000, 10_000_010)).max() > 0


def test_one_rhythm_a_unit():
    tau, s, r_on = times(2, 3, 5), times(0, 1, 2), times(1, 0.5, 0.25)
    t = torch.linspace(0, 30, 301, dtype=f64).reshape(7, 43)
    k = TimeGate(tau, s, r_on)(t)
    assert k.shape == (7, 43, 3)
    for unit in range(3):
        torch.testing.assert_close(k[..., unit], TimeGate(tau[unit], s[unit], r_on[unit])(t))
    assert TimeGate(tau, 0, 1)(t).shape == (7, 43, 3)
    assert TimeGate(2, 0, 1)(t).shape == (7, 43)


def test_gradients_reach_tau_s_and_r_on_where_the_gate_is_open():
    gate = TimeGate(5, 1.5, 0.8, learn=("tau", "s", "r_on"))
    t = times(2, 3, 9, 13.2)  # rising and falling, in the first periods and in later ones
    names = [name for name, _ in gate.named_parameters()]

    def k(*parameters):
        return torch.func.functional_call(gate, dict(zip(names, parameters, strict=True)), t)

    assert torch.autograd.gradcheck(k, tuple(gate.parameters()))
    gate(t).sum().backward()
    for name, parameter in gate.named_parameters():
        assert parameter.grad.isfinite() and parameter.grad != 0, name


def test_a_closed_gate_has_no_gradient_unless_it_leaks():
    for leak, expected in ((0.0, False), (0.001, True)):
        gate = TimeGate(5, 1.5, 0.4, learn=("tau", "s"), leak=leak)
        gate(times(5.0, 6.0)).sum().backward()
        assert (gate.log_tau.grad != 0) == expected == (gate.s.grad != 0)


def test_the_leak_is_alpha_phi_in_training_and_nothing_else():
    gate = TimeGate(5, 1.5, 0.4, leak=0.001)
    t = times(2.0, 5.0)
    torch.testing.assert_close(gate(t), times(0.5, 0.001 * 0.7), rtol=0, atol=1e-12)
    torch.testing.assert_close(gate.eval()(t), times(0.5, 0), rtol=0, atol=1e-12)


def test_learned_or_fixed():
    assert dict(TimeGate(5).named_parameters()) == {}
    assert {name for name, _ in TimeGate(5, learn=("s", "tau")).named_parameters()} == {"log_tau", "s"}
    assert {"log_tau", "s", "raw_r_on"} == set(TimeGate(5).state_dict())
    with pytest.raises(ValueError, match="learned"):
        TimeGate(5, learn=("t",))


@pytest.mark.parametrize(
    "bad",
    [
        {"tau": 0},
        {"tau": -1},
        {"tau": float("inf")},
        {"tau": 5, "r_on": 0},
        {"tau": 5, "r_on": 1.1},
        {"tau": 5, "s": float("nan")},
        {"tau": 5, "leak": -0.1},
    ],
)
def test_impossible_rhythms_are_refused(bad):
    with pytest.raises(ValueError):
        TimeGate(**bad)


@pytest.mark.parametrize("direction", [1, -1])
def test_the_parameters_stay_valid_at_a_learning_rate_that_is_far_too_large(direction):
    gate = TimeGate(times(5, 6), times(1, 2), times(0.5, 0.9), learn=("tau", "s", "r_on"))
    optimizer = torch.optim.SGD(gate.parameters(), lr=1e4)
    for _ in range(20):
        optimizer.zero_grad()
        k = gate(torch.linspace(0, 20, 50, dtype=f64))
        assert k.isfinite().all() and (k >= 0).all() and (k <= 1 + 1e-12).all()
        assert (gate.tau > 0).all() and gate.tau.isfinite().all()
        assert (gate.r_on > 0).all() and (gate.r_on <= 1).all()
        (direction * k.sum()).backward()
        optimizer.step()
    assert gate.s.isfinite().all()


def test_random_rhythms():
    gate, again, other = (random_gate(1000, 2, 40, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(gate.log_tau, again.log_tau) and not torch.equal(gate.log_tau, other.log_tau)
    assert gate.tau.min() >= 2 and gate.tau.max() <= 40.0001 and 19 < gate.tau.mean() < 23
    assert (gate.s >= 0).all() and (gate.s < gate.tau).all()
    assert 0.45 < (gate.s / gate.tau).mean() < 0.55
    assert (random_gate(4, 2, 40, s=0.5).s == 0.5).all()


def test_the_gate_stays_in_float64_whatever_the_model_is_cast_to():
    t = torch.arange(1_000_000, 1_000_100)
    casts = (torch.nn.Module.float, torch.nn.Module.half, lambda m: m.to(torch.float32))
    for cast in casts:
        gate = TimeGate(3.7, 1.2, 0.6, learn=("tau",))
        before = gate(t)
        assert torch.equal(cast(gate)(t), before)


def test_the_phase_stays_below_one():
    gate = TimeGate(5.0, 0.1 + 0.2, 1.0, leak=0.5)
    assert gate.phase(0.3) == 0 and gate(0.3) == 0  # rounding makes it 1, a whole period late
    assert TimeGate(5.0).phase(-1e-20) == 0


def test_a_gate_that_was_shut_for_good():
    """What the docstring warns of: no sample is in an opening of r_on = 1e-6, and nothing opens it again."""
    gate = TimeGate(5.3, 0.7123, 0.5, learn=("r_on",), leak=0.001)
    with torch.no_grad():
        gate.raw_r_on.fill_(-0.01)
    gate(torch.arange(1000)).sum().backward()
    assert gate.r_on.item() == pytest.approx(1e-6) and gate.raw_r_on.grad == 0


def test_what_an_optimizer_carries_over_the_edge_comes_back():
    gate = TimeGate(5, 0, 1.0, learn=("r_on",))
    with torch.no_grad():
        gate.raw_r_on.fill_(1.3)
    stored = {name: value.clone() for name, value in gate.state_dict().items()}
    k = gate(times(1, 2, 4))
    assert gate.r_on == 1.0
    k.sum().backward()
    assert gate.raw_r_on.grad != 0
    assert all(torch.equal(value, stored[name]) for name, value in gate.state_dict().items())  # reading changes nothing
