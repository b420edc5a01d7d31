# SPDX-License-Identifier: MIT
import gc
import tracemalloc

import pytest
import torch

from part3 import sampling
from part3.model import TextGenerationModel
from part3.sampling import advance, choose, distribution, generate, read, rows

V = 8


@pytest.fixture
def logits():
    return torch.randn(50, V, generator=torch.Generator().manual_seed(3)) * 2


@pytest.fixture
def model():
    """In double, so that a row of a batch has the logits that it has alone; weights wide enough to prefer something."""
    model = TextGenerationModel(1, 1, V, lstm_num_hidden=6, lstm_num_layers=2, seed=5).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return model


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def entropy(probabilities):
    return torch.special.entr(probabilities).sum(dim=-1)


def text(model, prompts, length, temperature=0.0, seed=1, **choice):
    """(B, length)"""
    return torch.stack(list(generate(model, prompts, length, temperature, seeded(seed), **choice)), dim=1)


@pytest.mark.parametrize("temperature", [0, 1e-3, 1e-300])
def test_a_temperature_towards_zero_is_greedy(logits, temperature):
    assert torch.equal(choose(logits, temperature, seeded()), logits.argmax(dim=-1))
    assert not torch.equal(choose(logits, 1.0, seeded()), logits.argmax(dim=-1))


def test_the_temperature_divides_the_logits(logits):
    for temperature in (0.5, 1, 3):
        expected = torch.softmax(logits.double() / temperature, dim=-1)
        assert torch.allclose(distribution(logits, temperature), expected, rtol=1e-12)


def test_entropy_grows_with_the_temperature(logits):
    entropies = torch.stack([entropy(distribution(logits, T)) for T in (0.1, 0.25, 0.5, 1, 1.5, 2, 5)])
    assert (entropies.diff(dim=0) > 0).all()


def test_top_k(logits):
    likeliest = logits.argmax(dim=-1)
    assert torch.equal(choose(logits, 1.0, seeded(), top_k=1), likeliest)
    assert torch.equal(choose(logits, 5.0, seeded(), top_k=1), likeliest)
    every = distribution(logits, 1.0)
    for k in (2, 5):
        left = distribution(logits, 1.0, top_k=k)
        assert ((left > 0).sum(dim=-1) == k).all() and torch.allclose(left.sum(dim=-1), torch.ones(50).double())
        scale = (left / every).amax(dim=-1, keepdim=True)
        assert torch.allclose(left[left > 0], (every * scale)[left > 0])
        assert every[left == 0].max() < 1 and (left.argmax(dim=-1) == likeliest).all()
    for k in (V, V + 1, 1000):
        assert torch.allclose(distribution(logits, 1.0, top_k=k), every, rtol=1e-12)


def test_top_p(logits):
    assert torch.equal(choose(logits, 5.0, seeded(), top_p=1e-9), logits.argmax(dim=-1))
    every = distribution(logits, 1.3)
    assert torch.equal(distribution(logits, 1.3, top_p=1.0), every)
    for p in (0.3, 0.6, 0.9):
        for row, left in zip(every.tolist(), distribution(logits, 1.3, top_p=p).tolist(), strict=True):
            kept, mass = [], 0.0
            for place in sorted(range(V), key=lambda place: -row[place]):
                kept.append(place)
                mass += row[place]
                if mass >= p:
                    break
            assert {place for place in range(V) if left[place] > 0} == set(kept)
            assert left == pytest.approx([row[place] / mass if place in kept else 0 for place in range(V)])


def test_top_p_counts_within_top_k():
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log()
    assert (distribution(logits, 1.0, top_k=3) > 0).sum() == 3
    assert (distribution(logits, 1.0, top_p=0.65) > 0).sum() == 2
    assert (distribution(logits, 1.0, top_k=3, top_p=0.75) > 0).sum() == 2  # 7/9 of what top_k left; .7 of all
    assert (distribution(logits, 1.0, top_p=0.75) > 0).sum() == 3


@pytest.mark.parametrize("choice", [{}, {"top_k": 4}, {"top_p": 0.7}])
def test_frequencies_match_the_probabilities(logits, choice):
    N = 40_000
    expected = distribution(logits[:1], 1.5, **choice)[0] * N
    drawn = torch.bincount(choose(logits[:1].expand(N, V), 1.5, seeded(), **choice), minlength=V)
    left = expected > 0
    assert drawn[~left].sum() == 0
    chi_square = ((drawn - expected)[left] ** 2 / expected[left]).sum()
    assert 0.1 < chi_square < 24.3  # the 99.9 % point for seven degrees of freedom; fewer have a lower one


@pytest.mark.parametrize("u", [0.0, 1 - 2**-53])
def test_no_number_draws_what_has_no_probability(monkeypatch, u):
    monkeypatch.setattr(torch, "rand", lambda *shape, dtype, **_: torch.full(shape, u, dtype=dtype))
    logits = torch.randn(500, 30, generator=seeded())  # rows whose probabilities sum to a little less than 1, or more
    drawn = choose(logits, 0.7, seeded(), top_k=3)
    assert (distribution(logits, 0.7, top_k=3).gather(1, drawn[:, None]) > 0).all()


def test_the_seed_decides(model):
    prompts = torch.tensor([[1, 2]])
    assert torch.equal(text(model, prompts, 40, 1.0), text(model, prompts, 40, 1.0))
    assert not torch.equal(text(model, prompts, 40, 1.0), text(model, prompts, 40, 1.0, seed=2))


def test_the_state_is_carried(model):
    """Against a model that reads the whole text again for each character."""
    prompt = torch.tensor([3, 1, 4])
    read_again = prompt
    for _ in range(60):
        logits, _ = model(read_again[None])
        read_again = torch.cat([read_again, logits[0, -1:].argmax(dim=-1)])
    generated = text(model, [prompt], 60)[0]
    assert torch.equal(generated, read_again[3:])
    assert len(set(generated.tolist())) > 2  # so that it could have differed


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_a_prompt_in_pieces_is_the_prompt_in_one(model, monkeypatch, piece):
    prompts = torch.randint(V, (2, 7), generator=seeded())
    logits, state = read(model, prompts)
    whole, whole_state = model(prompts)
    assert torch.allclose(logits, whole[:, -1], rtol=0, atol=1e-12)
    monkeypatch.setattr(sampling, "PIECE", piece)
    again, again_state = read(model, prompts)
    assert torch.allclose(again, logits, rtol=0, atol=1e-12)
    for one, other, third in zip(state, again_state, whole_state, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12) and torch.allclose(one, third, rtol=0, atol=1e-12)


def test_prompts_of_different_lengths_get_what_they_get_alone(model):
    prompts = [torch.randint(V, (P,), generator=seeded(P)) for P in (1, 9, 4, 30)]
    together = text(model, prompts, 80)
    for prompt, row in zip(prompts, together, strict=True):
        assert torch.equal(text(model, [prompt], 80)[0], row)
    assert len({tuple(row.tolist()) for row in together}) == 4


def test_samples_side_by_side(model):
    prompts = [torch.tensor([1]), torch.tensor([2, 3])]
    samples = text(model, prompts, 50, 1.0, num_samples=3)
    assert samples.shape == (6, 50) and len({tuple(row.tolist()) for row in samples}) == 6
    greedy = text(model, prompts, 50, num_samples=3)
    assert torch.equal(greedy, text(model, prompts, 50).repeat_interleave(3, dim=0))


def test_rows_of_a_state():
    state = (torch.arange(6).view(2, 3, 1), torch.arange(6, 12).view(2, 3, 1))
    h, c = rows(state, torch.tensor([2, 0, 2, 1]))
    assert h[..., 0].tolist() == [[2, 0, 2, 1], [5, 3, 5, 4]] and c[0, 0, 0] == 8


def test_memory_is_constant():
    model = TextGenerationModel(1, 1, V, lstm_num_hidden=4, lstm_num_layers=1)
    following = generate(model, torch.tensor([[1]]), 3_000, 1.0, seeded())

    def live_tensors():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    for _ in range(500):
        next(following)
    tensors = live_tensors()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(2_000):
        next(following)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert live_tensors() <= tensors and grown < 20_000


@pytest.mark.parametrize("train", [True, False])
def test_the_mode_is_put_back_and_nothing_is_dropped(train):
    model = TextGenerationModel(1, 1, V, lstm_num_hidden=6, dropout_keep_prob=0.3).train(train)
    prompts = torch.tensor([[1, 2]])
    assert torch.equal(text(model, prompts, 50), text(model, prompts, 50)) and model.training == train
    unfinished = generate(model, prompts, 50, 0, None)
    next(unfinished)
    unfinished.close()
    assert model.training == train and not text(model, prompts, 2).requires_grad


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("B", [1, 40])
def test_reading_on_is_the_model_s_own_forward_pass(B, onednn):
    model = TextGenerationModel(1, 1, V, lstm_num_hidden=6).eval()
    x = torch.randint(V, (B, 1), generator=seeded())
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.set_flags(onednn)
    try:
        with torch.no_grad():
            logits, (h, c) = advance(model, x, None)
            expected, (expected_h, expected_c) = model(x)
        assert torch.backends.mkldnn.enabled == onednn  # left as it was
    finally:
        torch.backends.mkldnn.set_flags(before)
    assert torch.allclose(logits, expected[:, -1], atol=1e-6)
    assert torch.allclose(h, expected_h, atol=1e-6) and torch.allclose(c, expected_c, atol=1e-6)
