# SPDX-License-Identifier: MIT
"""Texts finished as generate.py's flags say: drawn character by character, side by side, or found by beam search."""

import sys

import numpy as np
import torch
from tqdm import tqdm

from part3.beam import beam_search
from part3.model import best_of, load_model
from part3.sampling import generate


class Finisher:
    """A checkpoint's model with the flags of generate.py.

    After a Ctrl-C `interrupted` is true; what was made by then is there.
    """

    def __init__(self, config):
        self.config = config
        self.model, self.vocabulary = load_model(best_of(config.checkpoint), config.device)
        self.rng = torch.Generator().manual_seed(config.seed)  # on the CPU: the same numbers with every device
        self.stop = self.vocabulary.encode(config.stop or "").tolist()
        self.interrupted = False

    def batch(self, prompts, num_samples):
        """Yield each prompt with its texts, all of which are made side by side; a character takes one byte."""
        length, stop = self.config.length, self.stop
        texts = np.zeros((len(prompts) * num_samples, length), self.vocabulary.dtype)
        ends = np.full(len(texts), length)
        n = 0
        try:
            for x in self.characters(prompts, num_samples, None):
                texts[:, n] = x.cpu()
                n += 1
                if stop and n >= len(stop):
                    stopped = (texts[:, n - len(stop) : n] == stop).all(axis=1)
                    ends[stopped & (ends > n)] = n
                    if ends.max() <= n:
                        break
        except KeyboardInterrupt:
            self.interrupted = True
        for number, prompt in enumerate(prompts):
            of_it = range(number * num_samples, (number + 1) * num_samples)
            yield prompt, [self.vocabulary.decode(texts[row, : min(ends[row], n)]) for row in of_it]

    def beams(self, prompts):
        """Yield each prompt with the text that beam search finds for it, in a list."""
        for number, prompt in enumerate(prompts):
            try:
                text, _ = beam_search(
                    self.model, self.numbers(prompt), self.config.length, self.config.beam_width, self.stop
                )
            except KeyboardInterrupt:
                if number == 0:
                    raise  # there is nothing to keep
                self.interrupted = True
                return
            yield prompt, [self.vocabulary.decode(text)]

    def characters(self, prompts, num_samples, out):
        """The next characters of all texts, again and again; with a progress bar where they do not show at once."""
        config = self.config
        following = generate(
            self.model,
            [self.numbers(prompt) for prompt in prompts],
            config.length,
            config.temperature,
            self.rng,
            config.top_k,
            config.top_p,
            num_samples,
        )
        if out is sys.stdout:
            return following
        return tqdm(following, total=config.length, unit="char", disable=None, leave=False)

    def numbers(self, prompt):
        """A prompt as the model reads it, a tensor (P,)."""
        return torch.from_numpy(self.vocabulary.encode(prompt).astype(np.int64)).to(self.config.device)
