# SPDX-License-Identifier: MIT
import numpy as np
import pytest
import torch

from part2.dataset import (
    BASELINE,
    PERIODS,
    SAMPLING,
    TEST_SEED,
    VALIDATION_SEED,
    VALIDATION_SIZE,
    AddingDataset,
    FrequencyDataset,
    random_waves,
    rows,
    wanted,
)

ALL = [*(lambda s=s: FrequencyDataset(s) for s in SAMPLING), lambda: AddingDataset(40)]


def equal(a, b):
    return all(torch.equal(*pair) for pair in zip(a, b, strict=True))


def valid(batch, row):
    """The samples of a row, without the padding in front."""
    return slice(batch.x.shape[1] - int(batch.lengths[row]), None)


@pytest.mark.parametrize("make", ALL)
def test_a_batch_depends_on_seed_and_step_alone(make):
    data, again = make(), make()
    later = data.batch(7, 5)
    again.batch(1, 5)
    assert equal(later, again.batch(7, 5))
    assert not torch.equal(later.y, data.batch(8, 5).y) or not torch.equal(later.lengths, data.batch(8, 5).lengths)
    other = make()
    other.seed = 43
    assert not torch.equal(data.batch(7, 50).times.sum(), other.batch(7, 50).times.sum())


@pytest.mark.parametrize("make", ALL)
def test_held_out_sets_are_fixed_disjoint_and_longest_first(make):
    data, other = make(), make()
    other.seed = 99
    test, validation = data.test_set(200), data.validation_set(200)
    assert equal(test, other.test_set(200)) and equal(validation, other.validation_set(200))
    shown = [{tuple(row[-8:]) for row in part.x[..., 0].tolist()} for part in (test, validation, data.batch(1, 200))]
    assert not (shown[0] & shown[1] or shown[0] & shown[2] or shown[1] & shown[2])
    assert (test.lengths.diff() <= 0).all() and len(data.test_set().y) == 5_000
    assert TEST_SEED != VALIDATION_SEED


@pytest.mark.parametrize("make", ALL)
def test_types_and_padding(make):
    batch = make().batch(3, 20)
    assert batch.x.dtype == torch.float32 and batch.times.dtype == torch.float64 and batch.lengths.dtype == torch.int64
    assert batch.x.shape[:2] == batch.times.shape == (20, int(batch.lengths.max()))
    for row, length in enumerate(batch.lengths):
        front = slice(0, batch.x.shape[1] - int(length))
        assert (batch.x[row, front] == 0).all() and (batch.times[row, front] == 0).all()
        assert (batch.times[row, valid(batch, row)].diff() > 0).all()  # in order, no time twice


@pytest.mark.parametrize("sampling", SAMPLING)
def test_the_values_are_sine_waves_over_a_window_of_15_to_125_units(sampling):
    batch = FrequencyDataset(sampling).held_out(5, 60)
    waves = random_waves(np.random.default_rng((5, 5)), 60)
    assert ((waves.duration >= 15) & (waves.duration <= 125) & (waves.start + waves.duration <= 125)).all()
    interval = SAMPLING[sampling]
    samples = np.ceil(waves.duration / interval) if interval else waves.samples
    for row, wave in enumerate(np.argsort(-samples, kind="stable")):  # the longest sequence comes first
        t, x = batch.times[row, valid(batch, row)].numpy(), batch.x[row, valid(batch, row), 0].numpy()
        assert len(t) == samples[wave]
        assert t[0] >= waves.start[wave] and t[-1] <= waves.start[wave] + waves.duration[wave]
        if interval:
            np.testing.assert_allclose(np.diff(t), interval)
        expected = np.sin(2 * np.pi * t / waves.period[wave] + waves.phase[wave])
        np.testing.assert_allclose(x, expected, atol=1e-5)
        assert batch.y[row] == (5 <= waves.period[wave] <= 6)


def test_periods_half_of_class_1_the_rest_log_uniform_and_labelled_by_what_they_are():
    period = random_waves(np.random.default_rng(1), 40_000).period
    assert wanted(period[:20_000]).all()
    rest = period[20_000:]
    assert rest.min() >= PERIODS[0] and rest.max() <= PERIODS[1]
    assert 0.49 < (rest < 10).mean() < 0.51  # as many from 1 to 10 as from 10 to 100
    assert 0.035 < wanted(rest).mean() < 0.044  # log 1.2 / log 100 = .0396
    batch = FrequencyDataset().batch(1, 4_000)
    assert 0.51 < batch.y.float().mean() < 0.53


def test_the_samplings_have_as_many_samples_as_they_should():
    mean = {sampling: FrequencyDataset(sampling).batch(1, 4_000).lengths.double().mean() for sampling in SAMPLING}
    assert mean["standard"] == pytest.approx(70.5, abs=1.5) and mean["async"] == pytest.approx(69.5, abs=1.5)
    assert mean["highres"] == pytest.approx(700.5, abs=15)
    assert all(FrequencyDataset(s).batch(1, 500).lengths.max() <= FrequencyDataset(s).longest for s in SAMPLING)


def test_the_ceiling_is_what_aliases_leave():
    """Waves of 1.2 to 1.25 units sampled once a unit are waves of 5 to 6, to the last digit."""
    t = 3.7 + np.arange(100)
    alias = np.sin(2 * np.pi * t / 1.22 + 0.4)
    w = 2 * np.pi * (1 - 1 / 1.22)
    fit = np.stack((np.sin(w * t), np.cos(w * t)), axis=1)
    np.testing.assert_allclose(fit @ np.linalg.lstsq(fit, alias, rcond=None)[0], alias, atol=1e-9)
    assert 5 < 1 / (1 - 1 / 1.22) < 6
    many = FrequencyDataset("standard").ceiling(400_000)
    assert many == pytest.approx(1 - 0.5 * np.log(1.25 / 1.2) / np.log(100), abs=5e-4)  # .9956
    assert 0.99 < FrequencyDataset("standard").ceiling() < 1
    assert FrequencyDataset("highres").ceiling() == FrequencyDataset("async").ceiling() == 1


def test_each_held_out_set_has_its_own_ceiling():
    data = FrequencyDataset("standard")
    validation = data.ceiling(VALIDATION_SIZE, VALIDATION_SEED)
    assert validation != data.ceiling() and abs(validation - data.ceiling()) < 0.005


def test_adding_marks_one_number_in_the_first_tenth_and_one_in_the_second_half():
    batch = AddingDataset(100).batch(1, 300)
    assert batch.lengths.min() == 98 and batch.lengths.max() == 102
    for row in range(300):
        numbers, marks = batch.x[row, valid(batch, row)].unbind(dim=1)
        first, second = marks.nonzero().flatten().tolist()
        assert first < len(marks) // 10 and second >= len(marks) // 2
        assert set(marks.tolist()) == {0.0, 1.0}
        assert batch.y[row] == pytest.approx((numbers[first] + numbers[second]).item(), abs=1e-6)
        assert batch.times[row, valid(batch, row)].tolist() == list(range(1, len(marks) + 1))
    assert ((batch.y - 1) ** 2).mean() == pytest.approx(BASELINE, abs=0.03)


def test_rows_are_cut_to_the_longest_of_them():
    batch = FrequencyDataset().test_set(50)
    part = rows(batch, slice(40, 50))
    assert part.x.shape[1] == part.lengths.max() == batch.lengths[40] < batch.x.shape[1]
    assert torch.equal(part.x[3], batch.x[43, -part.x.shape[1] :])


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="samplings"):
        FrequencyDataset("sometimes")
    with pytest.raises(ValueError, match="10 steps"):
        AddingDataset(9)
