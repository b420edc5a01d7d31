# SPDX-License-Identifier: MIT
"""Choosing the next character, and going on for as long as one likes with the state carried."""

import torch


def choose(logits, temperature, rng):
    """One character for each row of logits (B, V), as a tensor (B,).

    The logits are divided by the temperature before the softmax (the assignment of 2018; later editions multiply).
    Temperature 0 is the limit: the character with the highest logit.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits.double()
    scaled = (logits - logits.amax(dim=-1, keepdim=True)) / temperature  # 0 for the highest, however small T is
    probabilities = torch.softmax(scaled, dim=-1)
    return torch.multinomial(probabilities, 1, generator=rng).squeeze(-1)


@torch.no_grad()
def generate(model, prompt, length, temperature, rng):
    """Yield `length` characters that follow the prompt, one at a time, in constant memory.

    Args:
        model: a TextGenerationModel; its mode is evaluation while this runs.
        prompt: character numbers (B, P), P >= 1, on the model's device.
        length: characters to generate.
        temperature: see choose().
        rng: the torch.Generator that chooses, on the model's device.

    Yields:
        The next character of each row, (B,).
    """
    was_training = model.training
    model.eval()
    try:
        logits, state = model(prompt)
        for _ in range(length):
            x = choose(logits[:, -1], temperature, rng)  # (B,)
            yield x
            logits, state = model(x.unsqueeze(1), state)
    finally:
        model.train(was_training)
