# SPDX-License-Identifier: MIT
"""Beam search: the likeliest text as a whole, where greedy takes the likeliest character at each step.

W width of the beam, V vocabulary, L layers, H hidden units.
"""

import math

import torch

from part3.sampling import advance, read, rows


@torch.no_grad()
def beam_search(model, prompt, length, width, stop=()):
    """The text that follows the prompt with the highest mean log-probability per character, as far as the beam sees.

    At each step every text of the beam is continued by every character, and the `width` likeliest of these W * V stay.
    A width of 1 is greedy, one of V**(length - 1) or more finds the best of all texts.

    A text ends with `stop` or at `length`. One that has ended early has fewer factors below 1 in its probability, so a
    comparison of probabilities favours the shortest text. Texts that have ended are therefore compared by
    log p / (their length), the mean per character. (Within the beam all are equally long.)

    Args:
        model: a TextGenerationModel in evaluation mode.
        prompt: character numbers (P,), P >= 1, on the model's device.
        length: characters of a text, at most.
        width: texts of the beam.
        stop: character numbers that end a text where they appear among its generated characters; () for none.

    Returns:
        (the text's character numbers, a list; its mean log-probability per character in nats).
    """
    logits, state = read(model, [prompt])
    device, scores = logits.device, torch.zeros(1, dtype=torch.float64)  # log p of each text of the beam
    history = []  # for each character: which text of the step before each text continues, and by what
    tails, stop = [()], tuple(stop)
    best_text, best_mean = [], -math.inf
    for n in range(1, length + 1):
        totals = scores[:, None] + torch.log_softmax(logits.cpu().double(), dim=-1)  # (W, V)
        scores, places = totals.flatten().topk(min(width, totals.numel()))  # (W,)
        parents, characters = (places // totals.shape[1]).tolist(), (places % totals.shape[1]).tolist()
        tails = [(*tails[p], c)[-len(stop) :] if stop else () for p, c in zip(parents, characters, strict=True)]
        ended = [n == length or (stop and tail == stop) for tail in tails]
        for row, score in enumerate(scores.tolist()):
            if ended[row] and score / n > best_mean:
                best_text, best_mean = [*path(history, parents[row]), characters[row]], score / n
        live = [row for row in range(len(scores)) if not ended[row]]
        # log p only falls: a text at s can reach a mean of s / length at most.
        if not live or scores[live].max().item() / length <= best_mean:
            break
        scores, tails = scores[live], [tails[row] for row in live]
        history.append(([parents[row] for row in live], [characters[row] for row in live]))
        parents, characters = (torch.tensor(part, device=device) for part in history[-1])
        logits, state = advance(model, characters[:, None], rows(state, parents))
    return best_text, best_mean


def path(history, row):
    """The characters of that text of the beam, followed back to the first."""
    text = []
    for parents, characters in reversed(history):
        text.append(characters[row])
        row = parents[row]
    return text[::-1]
