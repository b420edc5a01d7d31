# SPDX-License-Identifier: MIT
import math

import pytest
import torch

from part3.evaluation import bpc, text_loss
from part3.model import TextGenerationModel
from part3.sampling import choose, generate


@pytest.fixture
def model():
    return TextGenerationModel(4, 6, 12, 8, 2).double().eval()


@pytest.fixture
def text():
    return torch.randint(12, (3, 40), generator=torch.Generator().manual_seed(1))


def test_shapes_and_any_batch_and_length(model):
    for B, T in ((1, 1), (8, 6), (5, 30)):
        logits, (h, c) = model(torch.zeros(B, T, dtype=torch.int64))
        assert logits.shape == (B, T, 12) and h.shape == c.shape == (2, B, 8)


def test_a_pass_in_one_piece_equals_pieces_with_the_state_carried(model, text):
    whole, last = model(text)
    pieces, state = [], None
    for piece in text.split([1, 7, 30, 2], dim=1):
        logits, state = model(piece, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-14)
    for a, b in zip(last, state, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


def test_no_state_hides_in_the_module(model, text):
    first, _ = model(text)
    model.train().eval()
    assert torch.equal(first, model(text)[0])


def test_initial_weights_depend_on_the_seed_alone():
    a, b, c = (TextGenerationModel(4, 6, 12, 8, 2, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) and not torch.equal(a[name], c[name]) for name in a)


@pytest.mark.parametrize("keep", [1.0, 0.75, 0.5])
def test_dropout_keeps_with_the_probability_given(keep):
    torch.manual_seed(0)
    model = TextGenerationModel(4, 6, 12, 64, 1, dropout_keep_prob=keep)
    kept = []
    model.dropout.register_forward_hook(lambda module, x, y: kept.append((y[x[0] != 0] != 0).double().mean()))
    model(torch.zeros(64, 20, dtype=torch.int64))
    assert kept[0] == pytest.approx(keep, abs=0.01)
    model.eval()(torch.zeros(64, 20, dtype=torch.int64))
    assert kept[1] == 1


def test_dropout_stands_between_the_layers_too():
    model = TextGenerationModel(4, 6, 12, 8, 2, dropout_keep_prob=0.6)
    assert model.lstm.dropout == pytest.approx(0.4)
    model.dropout.p = 0.0
    x = torch.zeros(4, 6, dtype=torch.int64)
    torch.manual_seed(0)
    assert not torch.equal(model(x)[0], model(x)[0])


def test_greedy_is_the_limit_of_temperature_zero():
    logits = torch.randn(50, 12, generator=torch.Generator().manual_seed(1))
    rng = torch.Generator().manual_seed(1)
    assert torch.equal(choose(logits, 0, rng), logits.argmax(-1))
    assert torch.equal(choose(logits, 1e-6, rng), logits.argmax(-1))
    assert choose(logits * 1e4, 1e-300, rng).shape == (50,)  # no overflow


def test_sampling_follows_the_softmax_of_logits_over_temperature():
    logits = torch.tensor([0.0, 1.0, 2.0])
    entropies = []
    for temperature in (0.25, 0.5, 1.0, 2.0, 8.0):
        drawn = choose(logits.expand(40_000, 3), temperature, torch.Generator().manual_seed(1))
        shares = torch.bincount(drawn, minlength=3) / 40_000
        expected = torch.softmax(logits / temperature, dim=0)
        torch.testing.assert_close(shares, expected, rtol=0, atol=0.01)
        entropies.append(-(shares * shares.clamp_min(1e-9).log()).sum().item())
    assert entropies == sorted(entropies)
    assert entropies[-1] > 0.95 * math.log(3)


def follow(model, prompt, length, temperature=1.0, seed=3):
    return torch.stack(list(generate(model, prompt, length, temperature, torch.Generator().manual_seed(seed))), dim=1)


def test_the_state_is_carried_however_long(model, text):
    """Generation one character at a time equals recomputing everything from the beginning, with the same choices."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)  # so that what came before counts
    prompt, rng = text[:1, :5], torch.Generator().manual_seed(3)
    generated = follow(model, prompt, 70, temperature=3, seed=3)
    assert len(generated.unique()) > 4
    so_far = prompt
    for t in range(70):
        following = choose(model(so_far)[0][:, -1], 3, rng)
        assert following == generated[:, t]
        so_far = torch.cat((so_far, following[:, None]), dim=1)
    assert not torch.equal(
        generated, follow(model, prompt[:, -1:], 70, temperature=3, seed=3)
    )  # all of the prompt counts


def test_temperatures_at_the_ends():
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    assert choose(logits, 1e-310, torch.Generator().manual_seed(1)) == 1
    drawn = choose(logits.expand(3000, 3), 1e30, torch.Generator().manual_seed(1))
    assert torch.bincount(drawn).min() > 900


def test_generation_is_seeded_and_leaves_the_mode_alone(model, text):
    a, b, c = (follow(model, text[:, :5], 30, seed=seed) for seed in (1, 1, 2))
    assert a.shape == (3, 30)
    assert torch.equal(a, b) and not torch.equal(a, c)
    for mode in (True, False):
        model.train(mode)
        follow(model, text[:, :5], 2)
        assert model.training is mode


def test_dropout_is_off_while_generating():
    model = TextGenerationModel(4, 6, 12, 8, 2, dropout_keep_prob=0.5).train()
    prompt = torch.zeros(1, 3, dtype=torch.int64)
    assert torch.equal(follow(model, prompt, 40, temperature=0), follow(model, prompt, 40, temperature=0))


@pytest.mark.parametrize("chunk", [1, 7, 39, 1000])
def test_the_held_out_loss_carries_the_state(model, text, chunk):
    numbers = text[0].numpy()
    logits, _ = model(text[:1, :-1])
    expected = torch.nn.functional.cross_entropy(logits[0], text[0, 1:]).item()
    assert text_loss(model, numbers, "cpu", chunk) == pytest.approx(expected, abs=1e-12)


def test_the_held_out_loss_is_measured_without_dropout():
    model = TextGenerationModel(4, 6, 12, 8, 2, dropout_keep_prob=0.5).train()
    numbers = torch.arange(300).numpy() % 12
    assert text_loss(model, numbers, "cpu") == text_loss(model, numbers, "cpu")
    assert model.training


def test_bits():
    assert bpc(math.log(2)) == 1
