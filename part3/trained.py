# SPDX-License-Identifier: MIT
"""A finished run as the scripts that look at it need it: the model, the book in its parts, and what it writes."""

from argparse import Namespace
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from common.checkpoint import load_checkpoint
from common.cli import UserError
from common.machine import today, versions
from part3.dataset import TextDataset
from part3.flags import with_defaults
from part3.model import TextGenerationModel, best_of, model_of
from part3.sampling import generate
from part3.text import Vocabulary, check_text

SEED = 1  # of all texts that are generated for the report


@dataclass
class Trained:
    """A checkpoint: its model, and what it says of its training. `about` is for the results."""

    name: str
    model: TextGenerationModel
    vocabulary: Vocabulary
    config: dict
    about: dict
    book: str
    checkpoint: dict
    device: str

    @cached_property
    def data(self):
        """The book in the parts that it was trained with.

        Raises:
            UserError: it is gone, or another book.
        """
        c = self.config
        data = TextDataset(
            self.book, c["seq_length"], c["val_fraction"], c["test_fraction"], c["seed"], c["strip_gutenberg"]
        )
        check_text(self.checkpoint, data, self.book)
        return data


def load_run(path, device, book=None, name=None):
    """The checkpoint of a path, of a run's folder the best one; `book` where the text has moved since. It is named
    after the folder, a file also after itself.

    Raises:
        UserError: it does not serve.
    """
    path = Path(path)
    file = best_of(path)
    checkpoint = load_checkpoint(file, "part3")
    model, vocabulary = model_of(checkpoint, file, device)
    config = vars(with_defaults(Namespace(**checkpoint["config"])))
    if name is None:
        name = path.resolve().name if path.is_dir() else f"{path.resolve().parent.name} {path.stem}"
    book = str(book or config["txt_file"])
    about = {
        "checkpoint": file.name,
        "step": checkpoint["standing"]["step"],
        "book": Path(book).name,
        "config": {
            key: value for key, value in checkpoint["config"].items() if key not in ("txt_file", "summary_path")
        },
    }
    return Trained(name, model, vocabulary, config, about, book, checkpoint, device)


def load_runs(paths, device, book=None):
    """Several of them, which the results tell apart by their names.

    Raises:
        UserError: see load_run; or two have one name.
    """
    runs = [load_run(path, device, book) for path in paths]
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two of the checkpoints have the name {name!r}; give one, or rename a run's folder")
    return runs


def facts():
    """What every result says of itself: seed, versions, date."""
    return {"seed": SEED, "versions": versions(), "date": today()}


def finish_prompts(run, prompts, length, temperature, num_samples=1):
    """Each prompt's texts of `length` characters, as strings, in a list for each prompt.

    Characters that the model does not know are left out of a prompt; of one that it knows nothing of, the first
    character of its vocabulary is left.
    """
    known = [run.vocabulary.without_unknown(prompt) or run.vocabulary.characters[0] for prompt in prompts]
    numbers = [torch.from_numpy(run.vocabulary.encode(prompt).astype(np.int64)).to(run.device) for prompt in known]
    rng = torch.Generator().manual_seed(SEED)
    following = generate(run.model, numbers, length, temperature, rng, num_samples=num_samples)
    texts = torch.stack([x.cpu() for x in following], dim=1).numpy()  # (B, N)
    texts = [run.vocabulary.decode(text) for text in texts]
    return [texts[start : start + num_samples] for start in range(0, len(texts), num_samples)]
