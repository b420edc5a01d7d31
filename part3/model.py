# SPDX-License-Identifier: MIT
"""The text model: characters in, the logits of the next characters out, through a stack of LSTM layers.

B batch, T steps, V vocabulary, E size of the embedding, H hidden units, L layers.
"""

from argparse import Namespace
from pathlib import Path

import torch
from torch import nn

from common.checkpoint import checkpoint_path, load_checkpoint
from common.cli import UserError
from part3.dropout import LockedDropout, LockedLSTM
from part3.flags import with_defaults
from part3.text import Vocabulary


class TextGenerationModel(nn.Module):
    """A stacked nn.LSTM over one-hot characters, or over embedded ones, and a linear read-out at every step.

    The state goes in as an argument and comes out as a value: (h, c), each (L, B, H); None stands for zeros.

    Args:
        batch_size, seq_length: what the template gives; a forward pass takes any B and T, whatever stands here.
        vocabulary_size, lstm_num_hidden, lstm_num_layers: V, H, L.
        device: where the parameters live.
        dropout_keep_prob: the probability to *keep* a unit between the layers and before the read-out, in training.
        seed: of the initial weights, U(-1/sqrt(H), 1/sqrt(H)) as in nn.LSTM and nn.Linear (an embedding's: N(0, 1)),
            and of the dropout masks.
        embedding: E; 0 for one-hot characters.
        input_keep_prob: to keep a feature of the input: an entry of the embedding, or a character of the vocabulary.
        recurrent_keep_prob: to keep an entry of W_hh.

    Attributes:
        rng: the generator of all dropout masks. Its state belongs into a checkpoint.
    """

    def __init__(
        self,
        batch_size,
        seq_length,
        vocabulary_size,
        lstm_num_hidden=256,
        lstm_num_layers=2,
        device="cpu",
        dropout_keep_prob=1.0,
        seed=42,
        embedding=0,
        input_keep_prob=1.0,
        recurrent_keep_prob=1.0,
    ):
        super().__init__()
        self.rng = torch.Generator().manual_seed(seed)
        if embedding:
            self.embedding = nn.Parameter(torch.empty(vocabulary_size, embedding))
        else:  # row x is the one-hot vector of character x
            self.register_buffer("embedding", torch.eye(vocabulary_size), persistent=False)
        sizes = (embedding or vocabulary_size, lstm_num_hidden, lstm_num_layers)
        self.input_dropout = LockedDropout(input_keep_prob, self.rng)
        if dropout_keep_prob == recurrent_keep_prob == 1:
            self.lstm = nn.LSTM(*sizes, batch_first=True)
        else:
            self.lstm = LockedLSTM(*sizes, dropout_keep_prob, recurrent_keep_prob, self.rng)
        self.dropout = LockedDropout(dropout_keep_prob, self.rng)
        self.linear = nn.Linear(lstm_num_hidden, vocabulary_size)
        self.initialise(torch.Generator().manual_seed(seed))
        self.to(device)

    @torch.no_grad()
    def initialise(self, rng):
        bound = self.linear.in_features**-0.5
        for parameter in (*self.lstm.parameters(), *self.linear.parameters()):
            parameter.uniform_(-bound, bound, generator=rng)
        if self.embedding.requires_grad:
            self.embedding.normal_(generator=rng)  # as in nn.Embedding

    def forward(self, x, state=None):
        """x (B, T) of character numbers to the logits (B, T, V) of the characters after them, and the state then."""
        x = nn.functional.embedding(x, self.embedding)  # (B, T, E) or (B, T, V)
        h, state = self.lstm(self.input_dropout(x), state)  # (B, T, H)
        return self.linear(self.dropout(h)), state


def build_model(config, vocabulary_size):
    """The model of a configuration (the flags of train_text.py as attributes), with its initial weights."""
    return TextGenerationModel(
        config.batch_size,
        config.seq_length,
        vocabulary_size,
        config.lstm_num_hidden,
        config.lstm_num_layers,
        config.device,
        config.dropout_keep_prob,
        config.seed,
        config.embedding,
        config.input_keep_prob,
        config.recurrent_keep_prob,
    )


def best_of(path):
    """The checkpoint to read: of a run's folder best.pt, or checkpoint.pt where nothing was validated."""
    best = Path(path) / "best.pt"
    return best if best.exists() else checkpoint_path(path)


def load_model(path, device):
    """The model of a checkpoint or a run's folder, on that device, and its Vocabulary. Nothing else is needed.

    Raises:
        UserError: the checkpoint is missing, damaged or not one of part 3.
    """
    return model_of(load_checkpoint(path, "part3"), path, device)


def model_of(checkpoint, path, device):
    """The same of a checkpoint that has been read from that path."""
    try:
        vocabulary = Vocabulary(checkpoint["vocabulary"])
        config = with_defaults(Namespace(**{**checkpoint["config"], "device": device}))
        model = build_model(config, len(vocabulary))
        model.load_state_dict(checkpoint["model"])
    except torch.cuda.OutOfMemoryError:
        raise
    except (KeyError, AttributeError, TypeError, ValueError, RuntimeError):
        raise UserError(f"{path} does not hold a model that this program knows; train it again") from None
    return model.eval(), vocabulary
