# SPDX-License-Identifier: MIT
"""Choosing the next character, and going on for as long as one likes with the state carried.

B texts of a batch, P characters of a prompt, V vocabulary, L layers, H hidden units.
"""

import torch

PIECE = 1_000  # characters of a prompt read at once: a long one takes no more memory than that
ONEDNN_FROM = 32  # characters read at once


def distribution(logits, temperature, top_k=None, top_p=1.0):
    """What the next character is drawn from: logits (B, V) to probabilities (B, V) in double.

    Args:
        temperature: above 0; the logits are divided by it before the softmax (the assignment of 2018; later editions
            multiply).
        top_k: the k likeliest characters alone are left, and their probabilities made to sum to 1; None leaves all.
        top_p: of these the likeliest alone, as few as reach this probability together (Holtzman et al. 2020, "nucleus
            sampling"); 1 leaves all.
    """
    logits = logits.double()
    scaled = (logits - logits.amax(dim=-1, keepdim=True)) / temperature  # 0 for the highest, however small T is
    probabilities = torch.softmax(scaled, dim=-1)
    if top_k is None and top_p == 1:
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ordered[:, top_k:] = 0
        ordered /= ordered.sum(dim=-1, keepdim=True)
    if top_p < 1:
        likelier = ordered.cumsum(dim=-1) - ordered  # the probability of all that stand before
        ordered[likelier >= top_p] = 0
        ordered /= ordered.sum(dim=-1, keepdim=True)
    return torch.zeros_like(probabilities).scatter(-1, order, ordered)


def choose(logits, temperature, rng, top_k=None, top_p=1.0):
    """One character for each row of logits (B, V), as a tensor (B,) of numbers.

    A number u drawn from [0, 1) falls into one of V intervals as long as the probabilities. Temperature 0 is the limit:
    the character with the highest logit, nothing is drawn.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    cumulative = distribution(logits.to(rng.device), temperature, top_k, top_p).cumsum(dim=-1)  # (B, V)
    u = torch.rand(len(logits), 1, generator=rng, device=rng.device, dtype=torch.float64)
    return torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True).squeeze(-1)


@torch.no_grad()
def read(model, prompts):
    """Read each prompt by itself, from state zero: they may differ in length.

    Args:
        prompts: B tensors (P,) of character numbers, P >= 1, or a tensor (B, P).

    Returns:
        (the logits (B, V) of the character after each, the state (h, c) then, each (L, B, H)).
    """
    ends = []
    for prompt in prompts:
        state = None
        for piece in prompt.split(PIECE):
            logits, state = advance(model, piece[None], state)  # (1, V)
        ends.append((logits, *state))
    logits, *state = zip(*ends, strict=True)
    return torch.cat(logits), tuple(torch.cat(part, dim=1) for part in state)


def advance(model, x, state):
    """Read on, x (B, T): the logits (B, V) of the character after the last one, and the state then.

    On the CPU nn.LSTM is handed to oneDNN, which rearranges all weights at each call. For a long sequence or many texts
    that pays; for one character of one text the rearranging takes several times as long as the step itself.
    """
    onednn = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.set_flags(onednn and x.numel() >= ONEDNN_FROM)
    try:
        logits, state = model(x, state)
    finally:
        torch.backends.mkldnn.set_flags(onednn)
    return logits[:, -1], state


def rows(state, index):
    """Those rows of the state's batch, in that order, as often as they are named."""
    return tuple(part.index_select(1, index) for part in state)


@torch.no_grad()
def generate(model, prompts, length, temperature, rng, top_k=None, top_p=1.0, num_samples=1):
    """Yield `length` characters that follow each prompt, one at a time, in constant memory.

    Args:
        model: a TextGenerationModel; its mode is evaluation while this runs.
        prompts: see read(); on the model's device.
        length: characters to generate.
        temperature, top_k, top_p: see distribution(); temperature 0 is greedy.
        rng: the torch.Generator that chooses. The same one gives the same text, up to rounding on any device.
        num_samples: texts for each prompt, which stand side by side in the batch.

    Yields:
        The next character of each text, (B * num_samples,).
    """
    was_training = model.training
    model.eval()
    try:
        logits, state = read(model, prompts)
        index = torch.arange(len(prompts), device=logits.device).repeat_interleave(num_samples)
        logits, state = logits[index], rows(state, index)
        for _ in range(length):
            x = choose(logits, temperature, rng, top_k, top_p).to(logits.device)  # (B * num_samples,)
            yield x
            logits, state = advance(model, x[:, None], state)
    finally:
        model.train(was_training)
