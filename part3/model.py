# SPDX-License-Identifier: MIT
"""The text model: characters in, the logits of the next characters out, through a stack of LSTM layers.

B batch, T steps, V vocabulary, H hidden units, L layers.
"""

from argparse import Namespace

import torch
from torch import nn

from common.checkpoint import load_checkpoint
from part3.text import Vocabulary


class TextGenerationModel(nn.Module):
    """A stacked nn.LSTM over one-hot characters and a linear read-out at every step.

    The state goes in as an argument and comes out as a value: (h, c), each (L, B, H); None stands for zeros.

    Args:
        batch_size, seq_length: what the template gives; a forward pass takes any B and T, whatever stands here.
        vocabulary_size, lstm_num_hidden, lstm_num_layers: V, H, L.
        device: where the parameters live.
        dropout_keep_prob: the probability to *keep* a unit between the layers and before the read-out, in training.
        seed: of the initial weights, U(-1/sqrt(H), 1/sqrt(H)) as in nn.LSTM and nn.Linear.
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
    ):
        super().__init__()
        dropout = 1 - dropout_keep_prob
        between = dropout if lstm_num_layers > 1 else 0.0  # nn.LSTM warns of dropout between the layers of one
        self.lstm = nn.LSTM(vocabulary_size, lstm_num_hidden, lstm_num_layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(lstm_num_hidden, vocabulary_size)
        self.initialise(torch.Generator().manual_seed(seed))
        self.to(device)

    @torch.no_grad()
    def initialise(self, rng):
        bound = self.lstm.hidden_size**-0.5
        for parameter in self.parameters():
            parameter.uniform_(-bound, bound, generator=rng)

    def forward(self, x, state=None):
        """x (B, T) of character numbers to the logits (B, T, V) of the characters after them, and the state then."""
        one_hot = nn.functional.one_hot(x, self.lstm.input_size).to(self.linear.weight.dtype)  # (B, T, V)
        h, state = self.lstm(one_hot, state)  # (B, T, H)
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
    )


def load_model(path, device):
    """The model of a checkpoint or a run's folder, on that device, and its Vocabulary. Nothing else is needed.

    Raises:
        UserError: the checkpoint is missing, damaged or not one of part 3.
    """
    checkpoint = load_checkpoint(path, "part3")
    vocabulary = Vocabulary(checkpoint["vocabulary"])
    model = build_model(Namespace(**{**checkpoint["config"], "device": device}), len(vocabulary))
    model.load_state_dict(checkpoint["model"])
    return model.eval(), vocabulary
