# SPDX-License-Identifier: MIT
"""What the train scripts of the three parts truly share. It imports none of the parts."""
