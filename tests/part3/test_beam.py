# SPDX-License-Identifier: MIT
"""Against all texts of a small model, one by one."""

import itertools

import pytest
import torch

from part3.beam import beam_search
from part3.model import TextGenerationModel
from part3.sampling import generate

V, LENGTH = 3, 5
PROMPT = torch.tensor([0, 2, 1])


def small_model(seed):
    model = TextGenerationModel(1, 1, V, lstm_num_hidden=4, lstm_num_layers=1, seed=seed).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    return model


@torch.no_grad()
def log_probability(model, text):
    """Of the whole text after the prompt."""
    x = torch.cat([PROMPT, torch.tensor(text)])
    logits, _ = model(x[None, :-1])
    steps = torch.log_softmax(logits[0], dim=-1)[len(PROMPT) - 1 :]
    return steps.gather(1, torch.tensor(text)[:, None]).sum().item()


def all_texts(stop):
    """Each text of LENGTH characters, or up to its first stop."""
    texts = set()
    for text in itertools.product(range(V), repeat=LENGTH):
        ends = [n for n in range(len(stop), LENGTH + 1) if stop and text[n - len(stop) : n] == stop]
        texts.add(text[: min(ends, default=LENGTH)])
    return sorted(texts)


@pytest.mark.parametrize("seed", range(8))
def test_width_one_is_greedy(seed):
    model = small_model(seed)
    greedy = [x.item() for x in generate(model, [PROMPT], 30, 0, None)]
    text, mean = beam_search(model, PROMPT, 30, 1)
    assert text == greedy and mean == pytest.approx(log_probability(model, text) / 30)


@pytest.mark.parametrize("stop", [(), (1,), (2, 0)])
def test_a_full_beam_finds_the_best_text(stop):
    better_than_greedy = ended_early = 0
    for seed in range(8):
        model = small_model(seed)
        means = {text: log_probability(model, text) / len(text) for text in all_texts(stop)}
        best = max(means, key=means.get)
        text, mean = beam_search(model, PROMPT, LENGTH, V ** (LENGTH - 1), stop)
        assert tuple(text) == best and mean == pytest.approx(means[best], abs=1e-12)
        better_than_greedy += mean > beam_search(model, PROMPT, LENGTH, 1, stop)[1] + 1e-9
        ended_early += len(text) < LENGTH
    assert better_than_greedy >= 1  # the search is worth something on these models
    assert (ended_early >= 1) == bool(stop)


def test_the_length_is_taken_out_of_the_comparison():
    """The likeliest text as a whole is shorter than the best by the mean, in some model."""
    shorter = 0
    for seed in range(8):
        model = small_model(seed)
        likeliest = max(all_texts((1,)), key=lambda text: log_probability(model, text))
        text, _ = beam_search(model, PROMPT, LENGTH, V ** (LENGTH - 1), (1,))
        shorter += len(likeliest) < len(text)
    assert shorter >= 1


@pytest.mark.parametrize("width", [2, 4])
def test_a_narrow_beam(width):
    for seed in range(8):
        model = small_model(seed)
        text, mean = beam_search(model, PROMPT, 20, width)
        assert len(text) == 20 and mean == pytest.approx(log_probability(model, text) / 20)
        stopped, _ = beam_search(model, PROMPT, 20, width, (1, 1))
        places = [n for n in range(2, len(stopped) + 1) if stopped[n - 2 : n] == [1, 1]]
        assert places in ([], [len(stopped)]) and (places or len(stopped) == 20)
