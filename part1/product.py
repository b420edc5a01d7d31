# SPDX-License-Identifier: MIT
"""Matrix products as fast as the processor allows, and the function applied to them on the way out.

PyTorch has two libraries for float32 products on a CPU: MKL, which torch.mm calls, and oneDNN, which nn.LSTM calls.
On the AMD processor of report/results/part1/speed.json oneDNN takes half to two thirds of the time, and it applies tanh
or σ to the result while that is still in the cache. It is reached through an operator that torch.compile uses; where
that is missing (and in float64, and on a GPU) the product is torch.mm.
"""

import torch

ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
FUNCTIONS = {"none": lambda z: z, "tanh": torch.tanh_, "sigmoid": torch.sigmoid_}


def product(a, b, function="none"):
    """function(a b), (M, N), for a (M, K) and b (K, N); function is a key of FUNCTIONS. No gradient passes."""
    if ONEDNN and a.dtype == torch.float32 and a.device.type == "cpu":
        return ONEDNN(a, b.T, None, function, [], "")
    return FUNCTIONS[function](torch.mm(a, b))
