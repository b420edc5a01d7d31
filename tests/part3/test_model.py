# SPDX-License-Identifier: MIT
import math

import pytest
import torch

from part3.dropout import LockedLSTM
from part3.evaluation import bpc, character_losses, text_loss
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


def drops(model):
    """The model's input to its read-out, before and after dropout, in one forward pass."""
    seen = []
    hook = model.dropout.register_forward_hook(lambda module, x, y: seen.extend((x[0], y)))
    model(torch.randint(12, (64, 20), generator=torch.Generator().manual_seed(1)))
    hook.remove()
    return seen


@pytest.mark.parametrize("keep", [1.0, 0.75, 0.5])
def test_dropout_keeps_with_the_probability_given_and_keeps_the_mean(keep):
    model = TextGenerationModel(4, 6, 12, 64, 1, dropout_keep_prob=keep)
    before, after = drops(model)
    assert (after != 0).double().mean() == pytest.approx(keep, abs=0.02)
    torch.testing.assert_close(after[after != 0], before[after != 0] / keep)
    before, after = drops(model.eval())
    assert torch.equal(before, after)


def test_a_mask_is_held_over_time_and_is_another_for_every_sequence_and_pass():
    model = TextGenerationModel(4, 6, 12, 64, 1, dropout_keep_prob=0.5)
    kept = drops(model)[1] != 0  # (B, T, H)
    assert torch.equal(kept, kept[:, :1].expand_as(kept))
    assert len(kept[:, 0].unique(dim=0)) == 64
    assert not torch.equal(kept, drops(model)[1] != 0)


def stack_of(lstm):
    """The layers of an nn.LSTM as a LockedLSTM that keeps everything."""
    stack = LockedLSTM(lstm.input_size, lstm.hidden_size, lstm.num_layers, 1.0, 1.0, torch.Generator()).double()
    with torch.no_grad():
        for number, layer in enumerate(stack.layers):
            for name, parameter in layer.named_parameters():
                parameter.copy_(getattr(lstm, name.replace("_l0", f"_l{number}")))
    return stack


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_stack_that_keeps_everything_equals_nn_lstm(layers):
    lstm = torch.nn.LSTM(5, 7, layers, batch_first=True).double()
    stack = stack_of(lstm)
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(3, 6, 5, dtype=torch.float64, generator=rng)
    state = tuple(torch.randn(layers, 3, 7, dtype=torch.float64, generator=rng) for _ in "hc")
    for given in (None, state):
        (h, after), (expected, expected_after) = stack(x, given), lstm(x, given)
        torch.testing.assert_close(h, expected, rtol=0, atol=1e-14)
        torch.testing.assert_close(after, expected_after, rtol=0, atol=1e-14)


def test_the_same_seed_gives_the_stack_the_weights_of_nn_lstm(text):
    plain = TextGenerationModel(4, 6, 12, 8, 2, seed=3).eval()
    thinned = TextGenerationModel(4, 6, 12, 8, 2, seed=3, dropout_keep_prob=0.5, recurrent_keep_prob=0.5).eval()
    assert isinstance(plain.lstm, torch.nn.LSTM) and isinstance(thinned.lstm, LockedLSTM)
    torch.testing.assert_close(plain(text)[0], thinned(text)[0])


def test_dropout_stands_between_the_layers_too():
    model = TextGenerationModel(4, 6, 12, 8, 2, dropout_keep_prob=0.6)
    seen = []
    model.lstm.layers[1].register_forward_hook(lambda module, x, y: seen.append(x[0] == 0))
    model(torch.zeros(50, 6, dtype=torch.int64))
    assert seen[0].double().mean() == pytest.approx(0.4, abs=0.06)
    assert torch.equal(seen[0], seen[0][:, :1].expand_as(seen[0]))


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_recurrent_dropout_thins_the_weights_and_their_gradient(keep):
    model = TextGenerationModel(4, 6, 12, 32, 2, recurrent_keep_prob=keep)
    model(torch.zeros(5, 6, dtype=torch.int64))[0].sum().backward()
    for layer in model.lstm.layers:
        assert (layer.weight_hh_l0.grad != 0).double().mean() == pytest.approx(keep, abs=0.05)
        assert (layer.weight_ih_l0.grad != 0).double().mean() > 0.9 or layer.weight_ih_l0.shape[1] == 12
    x = torch.zeros(5, 6, dtype=torch.int64)
    assert not torch.equal(model(x)[0], model(x)[0])
    assert torch.equal(model.eval()(x)[0], model(x)[0])


@pytest.mark.parametrize("embedding", [0, 7])
def test_input_dropout_takes_features_of_the_input(text, embedding):
    model = TextGenerationModel(4, 6, 12, 8, 1, input_keep_prob=0.5, embedding=embedding)
    seen = []
    model.lstm.register_forward_hook(lambda module, x, y: seen.append(x[0]))
    model(text)
    assert seen[0].shape == (3, 40, embedding or 12)
    gone = (seen[0] == 0).all(dim=1)  # (B, D): a feature that is nowhere in the sequence
    assert 0.2 < gone.double().mean() < 0.8


def test_the_input_is_one_hot_or_embedded(text):
    seen = []
    model = TextGenerationModel(4, 6, 12, 8, 1)
    model.lstm.register_forward_hook(lambda module, x, y: seen.append(x[0]))
    model(text)
    assert torch.equal(seen[0], torch.nn.functional.one_hot(text, 12).float())
    assert "embedding" not in model.state_dict()
    model = TextGenerationModel(4, 6, 12, 8, 1, embedding=5)
    assert model.state_dict()["embedding"].shape == (12, 5)
    assert model.embedding.std().item() == pytest.approx(1, abs=0.3)
    model(text)[0].sum().backward()
    assert (model.embedding.grad != 0).all(dim=1).sum() == len(text.unique())


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


def test_losses_of_single_characters_and_of_text_in_two_parts(model, text):
    numbers = text[0].numpy()
    losses, _ = character_losses(model, numbers, "cpu", 7)
    assert losses.shape == (39,) and losses.mean() == pytest.approx(text_loss(model, numbers, "cpu"))
    first, state = character_losses(model, numbers[:21], "cpu", 7)
    second, _ = character_losses(model, numbers[20:], "cpu", 7, state)
    assert [*first, *second] == pytest.approx(losses, abs=1e-14)
    assert len(character_losses(model, numbers[:1], "cpu")[0]) == 0


def test_bits():
    assert bpc(math.log(2)) == 1
