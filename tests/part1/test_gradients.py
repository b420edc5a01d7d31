# SPDX-License-Identifier: MIT
"""Question 1.1: the gradients by hand are right, what they say of time is measured rightly, and they train the same."""

import json
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from common.cli import UserError
from part1 import gradient_flow, gradient_plots, gradients, product, train
from part1.dataset import PalindromeDataset, encode
from part1.gradients import FORMS, autograd_gradients, example, from_zero, parameter_count, relative_error
from part1.lstm import LSTM
from part1.manual_backward import BACKWARD, LSTMFunction, RNNFunction
from part1.vanilla_rnn import VanillaRNN, time_first

SIZE = (3, 6, 2, 5, 4)  # B, T, D, H, K
BORDERS = [SIZE, (1, 6, 2, 5, 4), (3, 1, 10, 5, 4), (2, 7, 1, 3, 10)]


def test_check_prints_every_tensor_and_passes(capsys):
    assert gradients.main(["--check"]) == 0
    out = capsys.readouterr().out
    assert "290 of 290 errors within their bound" in out  # (3 forms x 5 + 14) tensors x 5 sizes x 2 references
    for form, (cls, _) in FORMS.items():
        for name, _ in cls(1, 1, 1, 1, 1).named_parameters():
            assert sum(line.split()[:3] == [*form.split(), name] for line in out.splitlines()) == 2, (form, name)


@pytest.mark.parametrize("form", FORMS)
def test_check_fails_where_a_gradient_is_wrong(form, monkeypatch, capsys):
    cls, by_hand = FORMS[form]

    def slightly_wrong(model, x, y):
        result = by_hand(model, x, y)
        result["W_ph"][0, 0] += 1e-8
        return result

    monkeypatch.setattr(gradients, "SIZES", [SIZE])
    monkeypatch.setitem(FORMS, form, (cls, slightly_wrong))
    assert gradients.main(["--check"]) == 1
    assert "of 58 errors" in capsys.readouterr().out


@pytest.mark.parametrize("form", FORMS)
def test_no_autograd_inside_and_the_batch_is_a_mean(form):
    cls, by_hand = FORMS[form]
    model, x, y = example(cls, SIZE)
    whole = by_hand(model, x, y)
    alone = [by_hand(model, x[b : b + 1], y[b : b + 1]) for b in range(len(y))]
    for name, gradient in whole.items():
        assert gradient.grad_fn is None and not gradient.requires_grad
        assert gradient.shape == getattr(model, name).shape and getattr(model, name).grad is None
        torch.testing.assert_close(gradient, sum(one[name] for one in alone) / len(y), rtol=1e-12, atol=1e-15)


def test_one_step_leaves_exact_zeros():
    for cls, by_hand in FORMS.values():
        model, x, y = example(cls, (3, 1, 2, 5, 4))
        zero = {name for name, gradient in by_hand(model, x, y).items() if not gradient.any()}
        assert zero == ({"W_hh"} if cls is VanillaRNN else {"W_gh", "W_ih", "W_fh", "W_oh", "W_fx", "b_f"})
    nothing, little = torch.zeros(2), torch.tensor([0.0, 1e-300], dtype=torch.float64)
    assert relative_error(nothing, nothing) == 0 and relative_error(nothing, little) == float("inf")
    assert relative_error(torch.tensor([2.0, 0.0]), torch.tensor([2.0, 0.5])) == 0.25


def test_what_the_reports_have_is_not_the_gradient():
    """The slips that part1/gradients.py names change the result; the first line shows that the frame is right."""
    model, x, y = example(VanillaRNN, (1, 6, 2, 5, 5))  # K = H: Belli's product has a shape
    truth = autograd_gradients(model, x, y)["W_hh"]
    with torch.no_grad():
        h = from_zero(model.states(x)["h"])[:, 0]
        dL_dp = gradients.error(model, h[-1:], y)[0]
        W_hh, W_ph, T = model.W_hh, model.W_ph, len(h) - 1

        def gradient(dL_dh_T, first_j=1, tanh_from=0):
            slope = [torch.diag(1 - h[max(t - tanh_from, 0)] ** 2) for t in range(T + 1)]
            total = torch.zeros_like(W_hh)
            for t in range(1, T + 1):
                product = torch.eye(len(W_hh), dtype=h.dtype)
                for j in range(t + first_j, T + 1):
                    product = slope[j] @ W_hh @ product
                total += torch.outer(slope[t] @ product.T @ dL_dh_T, h[t - 1])
            return total

        assert relative_error(gradient(W_ph.T @ dL_dp), truth) < 1e-12
        assert relative_error(gradient(W_ph.T @ dL_dp, first_j=0), truth) > 0.1  # Chouliaras: j = t
        assert relative_error(gradient(W_ph.T @ dL_dp, tanh_from=1), truth) > 0.1  # Gallego: tanh' at h(t-1)
        assert relative_error(gradient(W_ph @ dL_dp), truth) > 0.1  # Belli: W_ph not transposed


@pytest.mark.parametrize(("d", "n", "k"), [(1, 128, 10), (10, 128, 10), (3, 1, 2), (7, 5, 1)])
def test_parameter_count(d, n, k):
    counts = {name: weight.numel() for name, weight in LSTM(9, d, n, k, 6).named_parameters()}
    assert parameter_count(d, n, k) == sum(counts.values())
    assert parameter_count(d, n) == sum(count for name, count in counts.items() if name not in ("W_ph", "b_p"))


def tiny_config():
    config = gradient_flow.parser().parse_args(["--input_length", "12", "--num_hidden", "8"])
    config.batch_size, config.max_norm = 4, 10.0
    return config


@pytest.mark.parametrize("cls", [VanillaRNN, LSTM])
def test_state_gradients_equal_autograd(cls):
    """∂L/∂h(t) and ∂L/∂c(t) at each step, of each example's own loss."""
    model, x, y = example(cls, SIZE)
    steps = list(model.steps(x))
    wanted = {name: [getattr(step, name) for step in steps] for name in "hc"} if cls is LSTM else {"h": steps}
    loss = cross_entropy(wanted["h"][-1].T @ model.W_ph.T + model.b_p, y, reduction="sum")
    with torch.no_grad():
        states = {name: from_zero(value) for name, value in model.states(x).items()}
        dL_dh_T = gradients.error(model, states["h"][-1], y) @ model.W_ph
        if cls is LSTM:
            ours = gradients.lstm_backward(model, states, dL_dh_T)
        else:
            ours = {"h": gradients.rnn_backward(model.W_hh, 1 - states["h"] ** 2, dL_dh_T)}
    for name, values in wanted.items():
        theirs = torch.stack(torch.autograd.grad(loss, values, retain_graph=True)).mT
        torch.testing.assert_close(ours[name][1:], theirs, rtol=1e-10, atol=1e-14)


def test_norms_are_taken_before_the_quartiles():
    """The same digits with every answer once: the gradients cancel in a mean over the batch, the norms do not."""
    model = VanillaRNN(8, 10, 6, 10, 2, init="orthogonal")
    digits, _ = PalindromeDataset(9).batch(1, 1)
    x, y = encode(digits.repeat(10, 1).double(), 10), torch.arange(10)
    flow, one = gradient_flow.measure(model, x, y), gradient_flow.measure(model, x[3:4], y[3:4])
    assert len(flow["share"]) == len(flow["bound"]) == 8 and min(flow["h"]["low"]) > 0.01
    assert all(low <= middle <= high for low, middle, high in zip(*flow["h"].values(), strict=True))
    assert sum(one["share"]) == pytest.approx(1, abs=1e-2) and one["share"][0] == 0  # h(0) = 0
    assert one["h"]["low"] == one["h"]["median"] == one["h"]["high"]


def test_the_bound_holds_and_is_sharp_without_tanh():
    config = tiny_config()
    digits, y = PalindromeDataset(13).batch(1, 20)
    x = encode(digits.double(), 10)
    for gain in (0.5, 1.0, 3.0):
        linear = gradient_flow.explode(gain, "linear", x, y, config)
        assert linear["h"] == pytest.approx(linear["bound"], rel=2e-3)
        assert linear["h"][0] / linear["h"][-1] == pytest.approx(gain**11, rel=2e-3)
        bent = gradient_flow.explode(gain, "tanh", x, y, config)
        assert all(norm <= bound * 1.001 for norm, bound in zip(bent["h"], bent["bound"], strict=True))
        for row in (linear, bent):
            assert row["clipped_norm"] == pytest.approx(min(row["norm"], 10.0), rel=1e-5)
            shrunk = row["clipped_norm"] / row["norm"]
            assert row["clipped_W_ph_norm"] == pytest.approx(row["W_ph_norm"] * shrunk, rel=1e-5)
    model = gradient_flow.build(VanillaRNN, "orthogonal", None, config).double()
    with torch.no_grad():
        model.W_hh.mul_(3.0)
    norm = torch.stack([gradient.norm() for gradient in autograd_gradients(model, x, y).values()]).norm().item()
    assert bent["norm"] == pytest.approx(norm, rel=1e-10)


def test_measurements_and_figures(tmp_path):
    small = ["--input_length", "12", "--num_hidden", "8", "--train_steps", "2"]
    for path in (paths := [tmp_path / "deep" / "one.json", tmp_path / "two.json"]):
        assert gradient_flow.main(["--to", str(path), *small]) == 0
    one, two = (json.loads(path.read_text()) for path in paths)
    assert one.pop("date") <= two.pop("date") and one == two and one["versions"]["torch"] == torch.__version__
    networks = one["networks"]
    assert [network["name"] for network in networks] == list(gradient_flow.NETWORKS)
    for network in networks:
        assert network["updates"] == 2 and network["solved_at"] is None
        names = {"h", "share", "bound"} if "RNN" in network["name"] else {"h", "c", "share"}
        assert network["untrained"].keys() == network["trained"].keys() == names
        assert len(network["trained"]["h"]["median"]) == 12 and network["untrained"] != network["trained"]
    assert gradient_plots.main(["--results", str(paths[1]), "--to", str(tmp_path / "figures")]) == 0
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "figures").iterdir()}
    assert {name.split(".")[0] for name in sizes} == {f"gradient_{n}" for n in ("rnn", "lstm", "share", "explosion")}
    assert len(sizes) == 8 and min(sizes.values()) > 5_000  # each as PNG and PDF


def test_forget_biases():
    for name in ("LSTM forget bias 0", "LSTM forget bias 1", "LSTM forget bias 2"):
        cls, init, forget_bias, _ = gradient_flow.NETWORKS[name]
        assert gradient_flow.build(cls, init, forget_bias, tiny_config()).b_f.unique().item() == int(name[-1])


def test_bad_paths(tmp_path):
    file = tmp_path / "file"
    file.write_text("{")
    with pytest.raises(UserError, match="another --to"):
        gradient_flow.main(["--to", str(file / "x" / "flow.json")])
    with pytest.raises(UserError, match="is missing; make it with"):
        gradient_plots.main(["--results", str(tmp_path / "none.json")])
    with pytest.raises(UserError, match="is damaged"):
        gradient_plots.main(["--results", str(file)])
    file.write_text('{"rows": []}')
    with pytest.raises(UserError, match="of another program"):
        gradient_plots.main(["--results", str(file), "--to", str(tmp_path)])


def test_a_length_beyond_double_precision(run_script):
    status, _, err = run_script(gradient_flow.main, "--input_length", gradient_flow.LONGEST + 1)
    assert status == 2 and "is above 400" in err
    config = tiny_config()
    x, y = PalindromeDataset(gradient_flow.LONGEST + 1).test_set()
    row = gradient_flow.explode(max(gradient_flow.GAINS), "linear", encode(x[:8].double(), 10), y[:8], config)
    assert math.isfinite(row["norm"]) and row["norm"] > 1e50


@pytest.mark.parametrize("cls", [VanillaRNN, LSTM])
@pytest.mark.parametrize("size", BORDERS)
def test_manual_backward_equals_autograd(cls, size):
    model, x, y = example(cls, size)
    tensors = [x.requires_grad_(), *model.parameters()]
    logits = model(x)
    theirs = torch.autograd.grad(cross_entropy(logits, y), tensors)
    model.backward = "manual"
    torch.testing.assert_close(model(x), logits, rtol=1e-13, atol=1e-13)
    loss = cross_entropy(model(x), y)
    for _ in range(2):  # the graph may be used again
        ours = torch.autograd.grad(loss, tensors, retain_graph=True)
        assert all(relative_error(a, n) <= 1e-10 for a, n in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("cls", [VanillaRNN, LSTM])
def test_gradcheck(cls):
    model, x, _ = example(cls, (2, 4, 2, 3, 2))
    W_x, W_h, b = model.joined() if cls is LSTM else (model.W_hx, model.W_hh, model.b_h)
    arguments = [value.detach().requires_grad_() for value in (time_first(x), W_x, W_h, b)]
    function = (LSTMFunction if cls is LSTM else RNNFunction).apply
    assert torch.autograd.gradcheck(function, arguments)
    dL_dh = torch.ones(2, 3, dtype=torch.float64)
    torch.autograd.grad(function(*arguments), arguments, dL_dh)
    assert dL_dh.eq(1).all()  # autograd's own tensor is left as it was


@pytest.mark.parametrize("cls", [VanillaRNN, LSTM])
def test_manual_backward_trains_the_same(cls):
    """The same loss over 50 updates in float64, with the optimizer and the palindromes of part 1."""
    losses = []
    for backward in BACKWARD:
        model = cls(9, 10, 16, 10, 32, backward=backward).double()
        optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
        curve = []
        for step in range(1, 51):
            digits, y = PalindromeDataset(10).batch(step, 32)
            optimizer.zero_grad()
            logits = model(encode(digits.double(), 10))
            curve.append(cross_entropy(logits, y))
            curve[-1].backward()
            optimizer.step()
        h_T = logits.grad_fn.next_functions[0][0].next_functions[0][0]  # through + b_p and @ W_ph.T
        assert ("Function" in h_T.name()) == (backward == "manual")
        losses.append(torch.stack(curve))
    assert losses[0][-1] < losses[0][0] - 0.02  # it learns
    assert (losses[0] - losses[1]).abs().max() <= 1e-10


@pytest.mark.parametrize("cls", [VanillaRNN, LSTM])
def test_small_weights_keep_their_gradient_in_float32(cls):
    """tanh as 2σ(2z) - 1 would not: it rounds small z."""
    model = cls(10, 10, 32, 10, 16, init="normal", backward="manual")
    digits, y = PalindromeDataset(11).batch(1, 16)
    x = encode(digits, 10)
    ours = autograd_gradients(model, x, y)
    model.backward = "autograd"
    exact = autograd_gradients(model.double(), x.double(), y)
    assert all(relative_error(ours[name].double(), exact[name]) < 1e-5 for name in exact)


def test_backward_on_the_command_line(tmp_path):
    small = ["--input_length", "5", "--num_hidden", "8", "--train_steps", "2", "--summary_path", str(tmp_path)]
    for model_type in train.MODELS:
        assert train.main([*small, "--backward", "autograd", "--model_type", model_type]) == 0
    with pytest.raises(ValueError, match="backward is autograd or manual, not 'none'"):
        LSTM(5, 1, 8, 10, 4, backward="none")


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 5, 2), (64, 139, 128)])
def test_product(monkeypatch, onednn, size):
    if not onednn:
        monkeypatch.setattr(product, "ONEDNN", None)
    elif product.ONEDNN is None:
        pytest.skip("this build of PyTorch has no oneDNN")
    M, K, N = size
    rng = torch.Generator().manual_seed(1)
    a, b = torch.randn(M, K, generator=rng), torch.randn(N, K, generator=rng).T
    for function, exact in {"none": torch.clone, "tanh": torch.tanh, "sigmoid": torch.sigmoid}.items():
        expected = exact(a.double() @ b.double())
        torch.testing.assert_close(product.product(a, b, function).double(), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(product.product(a.double(), b.double(), function), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("cls", [VanillaRNN, LSTM])
@pytest.mark.parametrize("size", BORDERS)
def test_manual_backward_in_float32(cls, size):
    model, x, y = example(cls, size)
    model, x = model.float(), x.float()
    theirs = autograd_gradients(model, x, y)
    model.backward = "manual"
    ours = autograd_gradients(model, x, y)
    assert all(relative_error(ours[name].double(), theirs[name].double()) < 1e-4 for name in theirs)
