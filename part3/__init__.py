# SPDX-License-Identifier: MIT
"""Part 3: books, one character at a time."""
