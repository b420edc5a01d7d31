# SPDX-License-Identifier: MIT
"""Length curriculum: training starts short, and T grows whenever the network keeps up."""

from dataclasses import dataclass

START = 5  # inputs of the first palindromes
REACHED = 0.98  # accuracy of a training batch that counts as keeping up
IN_A_ROW = 10  # such batches before T grows


@dataclass
class Curriculum:
    """Where the curriculum stands. Plain values: a part of the checkpoint.

    length is T of the next training batch; streak, the batches in a row that have reached REACHED at this length.
    """

    length: int
    streak: int = 0

    @classmethod
    def begin(cls, config):
        """At START where there is a curriculum, else at the full length."""
        return cls(min(START, config.input_length) if config.curriculum else config.input_length)

    def note(self, accuracy, config):
        """Take notice of a training batch's accuracy; T grows by the factor, and by one at least."""
        self.streak = self.streak + 1 if accuracy >= REACHED else 0
        if self.streak >= IN_A_ROW and self.length < config.input_length:
            self.length = min(max(int(round(self.length * config.curriculum, 6)), self.length + 1), config.input_length)
            self.streak = 0
