# SPDX-License-Identifier: MIT
"""Part 2: the LSTM with a time gate k(t)."""
