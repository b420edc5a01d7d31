# SPDX-License-Identifier: MIT
"""Part 1: palindromes. What can a recurrent network remember?"""
