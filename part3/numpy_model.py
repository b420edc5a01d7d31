# SPDX-License-Identifier: MIT
"""A character RNN in NumPy alone, every gradient by hand: the network of the KTH report (Assarsson 2018).

    a_t = W h_{t-1} + U x_t + b
    h_t = tanh(a_t)
    o_t = V h_t + c
    p_t = softmax(o_t)                                              (2)
    L   = -Σ_t log(y_tᵀ p_t) + λ/2 (||U||² + ||W||² + ||V||²)       (6), and (8) with its sign put right

over a chunk of T characters, x_t the one-hot column of a character, y_t that of the next. The gradients, t = T ... 1:

    g_t     = ∂L/∂o_t = p_t - y_t
    ∂L/∂h_t = Vᵀ g_t + Wᵀ ∂L/∂a_{t+1}          (nothing comes back from beyond the chunk: ∂L/∂a_{T+1} = 0)
    ∂L/∂a_t = (1 - h_t²) ⊙ ∂L/∂h_t
    ∂L/∂V = Σ g_t h_tᵀ + λV    ∂L/∂W = Σ ∂L/∂a_t h_{t-1}ᵀ + λW    ∂L/∂U = Σ ∂L/∂a_t x_tᵀ + λU
    ∂L/∂c = Σ g_t              ∂L/∂b = Σ ∂L/∂a_t

λ = 0 is the report's maximum likelihood. λ > 0 is its maximum a posteriori (1.2.4): a prior N(0, 1/λ) on each weight
adds λ/2 w² to the negative logarithm. The report's (8) *subtracts* λW² there, which would reward large weights. As
every chunk carries the penalty, the prior's precision over an epoch of C chunks is Cλ.

K characters of the vocabulary, m hidden units, T characters of a chunk. Rows are times, so that a column formula A v
reads v @ A.T over the chunk; h[t] is h_t, while x, y, o, p, g begin with t = 1 at index 0.
"""

import json

import numpy as np

NAMES = "UWVbc"
KIND, FORMAT = "numpy_rnn", 1
RHO = 0.99  # of RMSprop


class Parameters:
    """U (m, K), W (m, m), V (K, m), b (m,) and c (K,): views into one vector `flat`. Weights and gradients alike."""

    def __init__(self, K, m, dtype=np.float32):
        shapes = {"U": (m, K), "W": (m, m), "V": (K, m), "b": (m,), "c": (K,)}
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        self.flat = np.zeros(ends[-1], dtype)
        pieces = np.split(self.flat, ends[:-1])
        self.U, self.W, self.V, self.b, self.c = (p.reshape(s) for p, s in zip(pieces, shapes.values(), strict=True))


def initial_weights(K, m, seed, dtype=np.float32):
    """Every parameter from N(0, .1²), as in eq. 1 of the report."""
    w = Parameters(K, m, dtype)
    w.flat[:] = np.random.default_rng(seed).normal(0, 0.1, w.flat.size)
    return w


def forward(w, x, h_0):
    """A chunk x (T,) of character numbers, from the state h_0 (m,): h (T+1, m) from h_0 on, and the logits o (T, K)."""
    h = np.empty((len(x) + 1, len(w.b)), w.flat.dtype)
    h[0] = h_0
    # U x_t with x_t one-hot is column x_t of U: a look-up, where one_hot(x) @ U.T would multiply by zeros.
    for t, Ux_b in enumerate(w.U.T[x] + w.b, start=1):
        h[t] = np.tanh(w.W @ h[t - 1] + Ux_b)
    return h, h[1:] @ w.V.T + w.c


def softmax(o):
    """Eq. 2 for each row. The largest logit is taken off first: exp() then overflows for none, and nothing changes."""
    e = np.exp(o - o.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(o, y):
    """-Σ_t log(y_tᵀ p_t), eq. 6, in nats of the whole chunk; from the logits, as p_t may round to zero."""
    o = o - o.max(axis=-1, keepdims=True)
    return float((np.log(np.exp(o).sum(axis=-1)) - o[np.arange(len(y)), y]).sum())


def penalty(w, l2):
    """λ/2 (||U||² + ||W||² + ||V||²). The biases b and c go free."""
    return l2 / 2 * sum(float(np.vdot(A, A)) for A in (w.U, w.W, w.V)) if l2 else 0.0


def backward(w, dL, x, y, h, p, l2):
    """Fill dL, a Parameters, with the gradients of L: the lines of the module's head, in their order."""
    g = p.copy()
    g[np.arange(len(y)), y] -= 1  # p_t - y_t, (T, K)
    dL_da, slope = np.empty_like(h[1:]), 1 - h[1:] ** 2  # (T, m)
    from_later = 0  # Wᵀ ∂L/∂a_{t+1}
    for t, Vg in reversed(list(enumerate(g @ w.V))):
        dL_da[t] = slope[t] * (Vg + from_later)
        from_later = dL_da[t] @ w.W
    np.matmul(g.T, h[1:], out=dL.V)
    np.matmul(dL_da.T, h[:-1], out=dL.W)
    dL.U[:] = 0
    np.add.at(dL.U.T, x, dL_da)  # x_t one-hot: ∂L/∂a_t is added to column x_t, here as well without a product
    dL.b[:], dL.c[:] = dL_da.sum(axis=0), g.sum(axis=0)
    if l2:
        for name in "UWV":
            getattr(dL, name)[:] += l2 * getattr(w, name)


def loss_and_gradients(w, dL, x, y, h_0, l2=0.0):
    """Forward and backward over one chunk; the gradients of L come into dL.

    Returns:
        (the cross-entropy, the penalty, h_T): L is the sum of the two, in nats of the chunk; h_T is the next h_0.
    """
    h, o = forward(w, x, h_0)
    backward(w, dL, x, y, h, softmax(o), l2)
    return cross_entropy(o, y), penalty(w, l2), h[-1]


def clip(g, limit):
    """Each entry of the gradient to ±limit, in place; a limit of 0 stands for none."""
    if limit:
        np.clip(g, -limit, limit, out=g)


# An optimizer moves the vector of all weights in place; s is its memory, zeros at first. Divisors as in PyTorch.


def adagrad(w, g, s, learning_rate):
    s += g * g  # the sum of all squared gradients so far: the steps of a weight only shrink
    w -= learning_rate * g / (np.sqrt(s) + 1e-10)


def rmsprop(w, g, s, learning_rate):
    s += (1 - RHO) * (g * g - s)  # a running mean of them: old gradients are forgotten
    w -= learning_rate * g / (np.sqrt(s) + 1e-8)


def sgd(w, g, s, learning_rate):
    w -= learning_rate * g


OPTIMIZERS = {"adagrad": adagrad, "rmsprop": rmsprop, "sgd": sgd}


def text_loss(w, numbers, chunk=1_000):
    """Mean cross-entropy in nats per character of `numbers` (N,), each predicted from all before it but the first.

    Characters are read in chunks for the sake of memory; the state is carried from one chunk to the next.
    """
    total, h_0 = 0.0, np.zeros_like(w.b)
    for start in range(0, len(numbers) - 1, chunk):
        x, y = numbers[start : start + chunk], numbers[start + 1 : start + chunk + 1]
        h, o = forward(w, x[: len(y)], h_0)
        total, h_0 = total + cross_entropy(o, y), h[-1]
    return total / (len(numbers) - 1)


def sample(w, first, length, temperature, rng):
    """`length` character numbers that follow the character `first`, from h_0 = 0, drawn by the NumPy Generator `rng`.

    The logits are divided by the temperature before the softmax; 0 is its limit, the most probable character.
    """
    numbers, h_t = [first], np.zeros_like(w.b)
    for _ in range(length):
        h, o = forward(w, numbers[-1:], h_t)
        h_t, o = h[-1], o[0].astype(np.float64)
        o -= o.max()  # before the division, which would overflow at a temperature near 0
        numbers.append(int(rng.choice(len(o), p=softmax(o / temperature)) if temperature else o.argmax()))
    return numbers[1:]


def save(file, facts, w, s, h):
    """Write a checkpoint, an .npz, into an open binary file.

    Args:
        facts: what JSON can hold.
        w, s, h: the weights, the optimizer's memory (the size of w.flat), and the state h_t (m,) at this place.
    """
    facts = json.dumps({"kind": KIND, "format": FORMAT, **facts})
    np.savez(file, facts=np.array(facts), s=s, h=h, **{name: getattr(w, name) for name in NAMES})


def load(file):
    """(facts, w, s, h) of a checkpoint, from a path or an open binary file. Nothing in it is ever executed.

    Raises:
        OSError: it cannot be read. Others, ValueError above all: it is damaged or no such checkpoint.
    """
    with np.load(file, allow_pickle=False) as arrays:
        facts = json.loads(str(arrays["facts"]))
        if facts["kind"] != KIND or facts["format"] > FORMAT:
            raise ValueError(f"a checkpoint of kind {facts['kind']}, format {facts['format']}")
        m, K = arrays["U"].shape
        w = Parameters(K, m, arrays["U"].dtype)
        for name in NAMES:
            if arrays[name].shape != getattr(w, name).shape:
                raise ValueError(f"{name} has the shape {arrays[name].shape}")
            getattr(w, name)[:] = arrays[name]
        return facts, w, arrays["s"].reshape(w.flat.shape), arrays["h"].reshape(w.b.shape)
