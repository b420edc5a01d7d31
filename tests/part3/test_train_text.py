# SPDX-License-Identifier: MIT
import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from part3 import train_text
from part3.dataset import TextDataset
from part3.model import TextGenerationModel, load_model

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    "--lstm_num_hidden", 8, "--seq_length", 6, "--batch_size", 4, "--train_steps", 6, "--print_every", 1,
    "--sample_every", 2, "--eval_every", 3,
]  # fmt: skip


@pytest.fixture
def tiny(tmp_path, run_script, text_file):
    def run(*argv):
        before = set(tmp_path.glob("runs/*"))
        base = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs"]
        status, out, err = run_script(train_text.main, *base, *argv)
        assert status == 0, err
        (folder,) = set(tmp_path.glob("runs/*")) - before
        output(folder).write_text(out)
        return folder

    return run


def output(folder):
    """Where `tiny` keeps what a run printed."""
    return folder.parents[1] / f"{folder.name}.out"


def rows(folder, name="metrics.csv"):
    with open(folder / name, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def checkpoint(folder, name="checkpoint.pt"):
    return torch.load(folder / name, weights_only=True)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_folder_holds_what_it_should(tiny):
    folder = tiny()
    assert {path.name for path in folder.iterdir() if "tfevents" not in path.name} == {
        "config.json", "metrics.csv", "samples.csv", "checkpoint.pt", "best.pt", "result.json", "curves.png",
    }  # fmt: skip
    result = json.loads((folder / "result.json").read_text())
    for part in ("train", "validation", "test"):
        assert result[f"{part}_bpc"] == pytest.approx(result[f"{part}_loss"] / math.log(2))
    assert [int(row["step"]) for row in rows(folder) if row["loss"]] == [1, 2, 3, 4, 5, 6]
    losses = {int(row["step"]): float(row["validation_loss"]) for row in rows(folder) if row["validation_loss"]}
    assert list(losses) == [3, 6]
    assert result["best_step"] == min(losses, key=losses.get)
    assert result["validation_loss"] == pytest.approx(min(losses.values()))
    assert checkpoint(folder, "best.pt")["standing"]["best_step"] == result["best_step"]


def test_tensorboard_has_the_scalars_and_the_graph(tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tiny())).Reload()
    assert {"loss", "accuracy", "gradient_norm", "validation_loss"} <= set(events.Tags()["scalars"])
    assert events.Tags()["graph"]


def test_samples_at_every_temperature_start_with_the_same_character(tiny):
    samples = rows(tiny("--sample_length", 9), "samples.csv")
    assert [int(row["step"]) for row in samples] == [2] * 4 + [4] * 4 + [6] * 4
    assert [float(row["temperature"]) for row in samples] == [0, 0.5, 1, 2] * 3
    for step in ("2", "4", "6"):
        texts = [row["text"] for row in samples if row["step"] == step]
        assert len({text[0] for text in texts}) == 1
        assert {len(text) for text in texts} == {10}  # the first character and nine more
    assert len({row["text"][0] for row in samples}) > 1


def test_the_loss_is_the_mean_over_all_steps(tiny, text_file):
    """The first loss logged is that of eq. 18 for the initial weights on batch 1."""
    folder = tiny()
    data = TextDataset(text_file, 6)
    model = TextGenerationModel(4, 6, data.vocab_size, 8, 2)
    x, y = data.batch(1, 4)
    log_p = torch.log_softmax(model(x)[0], dim=-1)
    expected = -sum(log_p[b, t, y[b, t]] for b in range(4) for t in range(6)) / 24
    assert float(rows(folder)[0]["loss"]) == pytest.approx(expected.item(), rel=1e-5)


FLAGS = {  # flag: (arguments, what they must change)
    "seq_length": ([7], "weights"),
    "val_fraction": ([0.2], "weights"),
    "test_fraction": ([0.2], "weights"),
    "lstm_num_hidden": ([9], "weights"),
    "lstm_num_layers": ([1], "weights"),
    "batch_size": ([5], "weights"),
    "learning_rate": ([0.01], "weights"),
    "learning_rate_decay": ([0.5, "--learning_rate_step", 2], "weights"),
    "learning_rate_step": ([2], "weights"),
    "dropout_keep_prob": ([0.5], "weights"),
    "input_keep_prob": ([0.5], "weights"),
    "recurrent_keep_prob": ([0.5], "weights"),
    "embedding": ([5], "weights"),
    "batching": (["stream"], "weights"),
    "optimizer": (["adam"], "weights"),
    "weight_decay": ([0.1], "weights"),
    "schedule": (["cosine"], "weights"),
    "train_steps": ([5], "weights"),
    "max_norm": ([0.01], "weights"),
    "seed": ([1], "weights"),
    "print_every": ([2], "metrics"),
    "eval_every": ([2], "metrics"),
    "sample_every": ([3], "samples"),
    "sample_length": ([12], "samples"),
    "temperature": ([0.7], "samples"),
    "strip_gutenberg": None,
    "threads": None,
    "checkpoint_every": None,
    "txt_file": None,
    "device": None,
    "summary_path": None,
    "max_minutes": None,
    "patience": None,
    "resume": None,  # each of these has a test of its own
}


PLAIN = []  # the one run that all flags are held against


@pytest.fixture
def plain(tiny):
    if not PLAIN:
        PLAIN.append(tiny())
    return PLAIN[0]


@pytest.mark.parametrize("flag", [flag for flag, given in FLAGS.items() if given])
def test_every_flag_has_an_effect(tiny, plain, flag):
    argv, what = FLAGS[flag]
    changed = tiny(f"--{flag}", *argv)
    if what == "weights":
        assert not same(checkpoint(plain)["model"], checkpoint(changed)["model"])
    else:
        assert rows(plain, f"{what}.csv") != rows(changed, f"{what}.csv")


def test_no_flag_is_left_out():
    assert FLAGS.keys() == vars(train_text.parser().parse_args([])).keys()


def rate(folder, name="checkpoint.pt"):
    return checkpoint(folder, name)["optimizer"]["param_groups"][0]["lr"]


def test_the_cosine_ends_at_two_percent(tiny):
    folder = tiny("--schedule", "cosine", "--learning_rate", 0.01, "--train_steps", 12, "--eval_every", 6)
    assert rate(folder) == pytest.approx(0.0002)
    assert rate(folder, "best.pt") == pytest.approx((0.01 + 0.0002) / 2 if best_step(folder) == 6 else 0.0002)


def best_step(folder):
    return checkpoint(folder, "best.pt")["standing"]["step"]


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "adamw"])
def test_weight_decay_makes_the_weights_smaller(tiny, optimizer):
    sizes = [
        sum(weights.square().sum() for weights in checkpoint(tiny("--optimizer", optimizer, *decay))["model"].values())
        for decay in ([], ["--weight_decay", 1])
    ]
    assert sizes[1] < sizes[0]


def test_the_learning_rate_decays_as_told(tiny):
    folder = tiny("--learning_rate", 0.01, "--learning_rate_decay", 0.5, "--learning_rate_step", 2)
    assert rate(folder) == pytest.approx(0.01 * 0.5**3)


def test_exact_number_of_updates_and_their_order(tiny, monkeypatch):
    calls = []

    def watch(owner, name, label):
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **k: calls.append(label) or original(*a, **k))

    watch(torch.optim.RMSprop, "zero_grad", "zero")
    watch(torch.Tensor, "backward", "backward")
    watch(torch.nn.utils, "clip_grad_norm_", "clip")
    watch(torch.optim.RMSprop, "step", "step")
    tiny("--train_steps", 7)
    assert calls == ["zero", "backward", "clip", "step"] * 7


def test_checkpoints_come_as_often_as_told(tiny, monkeypatch):
    saved = []
    original = train_text.Run.save
    monkeypatch.setattr(train_text.Run, "save", lambda run, name, **a: saved.append(name) or original(run, name, **a))
    tiny("--checkpoint_every", 2, "--train_steps", 7)
    assert saved.count("checkpoint.pt") == 5  # as it begins, at 2, 4, 6 and at the end


DROPOUT = ("--dropout_keep_prob", 0.5, "--input_keep_prob", 0.8, "--recurrent_keep_prob", 0.7)


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--learning_rate_step", 3, *DROPOUT),
        ("--batching", "stream"),
        ("--batching", "stream", "--seq_length", 50, "--optimizer", "adamw", "--embedding", 5, *DROPOUT),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(tiny, run_script, flags):
    whole, part = tiny(*flags, "--train_steps", 12), tiny(*flags, "--train_steps", 6)
    torch.manual_seed(999)  # another process would stand elsewhere
    status, _, err = run_script(train_text.main, "--resume", part, "--train_steps", 12)
    assert status == 0, err
    a, b = checkpoint(whole), checkpoint(part)
    assert same(a["model"], b["model"])
    for p, q in zip(a["optimizer"]["state"].values(), b["optimizer"]["state"].values(), strict=True):
        assert all(torch.equal(torch.as_tensor(p[key]), torch.as_tensor(q[key])) for key in p)
    assert a["schedule"] == b["schedule"] and torch.equal(a["dropout_rng"], b["dropout_rng"])
    if "stream" in flags:
        assert all(torch.equal(p, q) and p.abs().min() > 0 for p, q in zip(a["state"], b["state"], strict=True))
    assert rows(whole) == rows(part) and rows(whole, "samples.csv") == rows(part, "samples.csv")
    results = [json.loads((folder / "result.json").read_text()) for folder in (whole, part)]
    assert results[0]["test_loss"] == results[1]["test_loss"]


def test_a_cosine_run_resumes_to_the_end_it_was_made_for(tiny, run_script, tmp_path, text_file, monkeypatch):
    flags = ["--schedule", "cosine", "--batching", "stream", "--train_steps", 12, "--sample_every", 5, *DROPOUT]
    whole = tiny(*flags)
    original = train_text.write_samples
    with monkeypatch.context() as patch:
        patch.setattr(train_text, "write_samples", lambda *a: (original(*a), os.kill(os.getpid(), signal.SIGTERM)))
        argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "stopped", *flags]
        assert run_script(train_text.main, *argv)[0] == 128 + signal.SIGTERM
    (part,) = (tmp_path / "stopped").iterdir()
    assert checkpoint(part)["standing"]["step"] == 5
    status, _, err = run_script(train_text.main, "--resume", part, "--train_steps", 20)
    assert status == 2 and "12 updates" in err and err.count("\n") == 1
    assert run_script(train_text.main, "--resume", part)[0] == 0
    assert same(checkpoint(whole)["model"], checkpoint(part)["model"]) and rate(whole) == rate(part)
    assert rows(whole) == rows(part)


def test_resume_finds_the_same_text_under_another_name_and_refuses_another(tiny, run_script, text_file, tmp_path):
    folder = tiny()
    moved = text_file.rename(tmp_path / "moved.txt")
    status, _, err = run_script(train_text.main, "--resume", folder, "--train_steps", 7)
    assert status == 2 and "book.txt" in err
    assert run_script(train_text.main, "--resume", folder, "--train_steps", 7, "--txt_file", moved)[0] == 0
    moved.write_text(moved.read_text(encoding="utf-8").replace("king", "gink"), encoding="utf-8")
    status, _, err = run_script(train_text.main, "--resume", folder, "--train_steps", 8, "--txt_file", moved)
    assert status == 2 and "not the text that this run began with" in err


@pytest.mark.parametrize("first", [2, 4, 7])
def test_where_a_run_stopped_leaves_no_trace(tiny, run_script, first):
    whole, part = tiny("--train_steps", 12), tiny("--train_steps", first)
    assert run_script(train_text.main, "--resume", part, "--train_steps", 12)[0] == 0
    a, b = checkpoint(whole), checkpoint(part)
    a["standing"].pop("seconds"), b["standing"].pop("seconds")
    assert a["standing"] == b["standing"] and same(a["model"], b["model"])
    assert rows(whole) == rows(part) and rows(whole, "samples.csv") == rows(part, "samples.csv")


def test_a_run_that_was_killed_before_its_new_result_ends_all_the_same(tiny, run_script, monkeypatch):
    folder = tiny("--train_steps", 6)
    with monkeypatch.context() as killed:
        killed.setattr(train_text, "finish", lambda *a: None)
        assert run_script(train_text.main, "--resume", folder, "--train_steps", 9)[0] == 0
    assert json.loads((folder / "result.json").read_text())["steps"] == 6
    status, out, _ = run_script(train_text.main, "--resume", folder)
    assert status == 0 and "nothing to do" not in out
    assert json.loads((folder / "result.json").read_text())["steps"] == 9


def test_a_resume_that_is_refused_takes_no_checkpoint_away(tiny, run_script, tmp_path):
    folder = tiny("--train_steps", 12, "--eval_every", 3)
    before = (folder / "checkpoint.pt").read_bytes()
    (tmp_path / "other.txt").write_text("another book altogether. " * 60)
    for argv in (["--txt_file", tmp_path / "other.txt"], ["--seq_length", 9]):
        assert run_script(train_text.main, "--resume", folder / "best.pt", *argv)[0] == 2
        assert (folder / "checkpoint.pt").read_bytes() == before


def test_a_run_that_is_killed_in_its_first_update_can_be_resumed(tiny, run_script, monkeypatch, tmp_path, text_file):
    def killed(*argv):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(train_text, "clip_gradient", killed)
        argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", "--train_steps", 6]
        assert run_script(train_text.main, *argv)[0] == 130
    (folder,) = tmp_path.glob("runs/*")
    assert run_script(train_text.main, "--resume", folder)[0] == 0
    assert same(checkpoint(folder)["model"], checkpoint(tiny("--train_steps", 6))["model"])


def test_the_result_is_that_of_the_best_weights(tiny, text_file):
    text_file.write_text("ab" * 500 + "b" * 60 + "ba" * 30, encoding="utf-8")  # validation gets worse and worse
    folder = tiny("--train_steps", 60, "--eval_every", 5, "--learning_rate", 0.02)
    result = json.loads((folder / "result.json").read_text())
    losses = {int(row["step"]): float(row["validation_loss"]) for row in rows(folder) if row["validation_loss"]}
    assert result["best_step"] == min(losses, key=losses.get) < 60
    assert result["validation_loss"] == pytest.approx(min(losses.values()))
    assert len({result["train_loss"], result["validation_loss"], result["test_loss"]}) == 3
    assert any(float(row["accuracy"]) > 0 for row in rows(folder) if row["accuracy"])


def test_the_last_weights_count_where_no_validation_fell_on_them(tiny):
    folder = tiny("--train_steps", 7, "--eval_every", 100)
    result = json.loads((folder / "result.json").read_text())
    assert result["best_step"] == 7 and checkpoint(folder, "best.pt")["standing"]["step"] == 7
    assert not any(row["validation_loss"] for row in rows(folder))


def test_the_best_weights_at_an_earlier_end_are_not_those_of_a_longer_run(tiny, run_script, monkeypatch):
    at_3, at_the_end, at_6, at_9, result = 2.0, 1.5, 3.0, 3.0, [9.0] * 3
    losses = iter([at_3, at_the_end, *result, at_6, at_9, *result])
    monkeypatch.setattr(train_text, "text_loss", lambda *argv: next(losses))
    folder = tiny("--train_steps", 5, "--eval_every", 3)
    assert best_step(folder) == 5 and json.loads((folder / "result.json").read_text())["best_step"] == 5
    assert run_script(train_text.main, "--resume", folder, "--train_steps", 9)[0] == 0
    assert best_step(folder) == 3 and json.loads((folder / "result.json").read_text())["best_step"] == 3
    assert next(losses, None) is None


def test_a_checkpoint_without_its_best_weights_is_refused_before_the_work(tiny, run_script):
    folder = tiny("--train_steps", 6, "--eval_every", 3)
    (folder / "best.pt").unlink()
    before = (folder / "checkpoint.pt").read_bytes()
    status, _, err = run_script(train_text.main, "--resume", folder, "--train_steps", 12)
    assert status == 2 and "lacks best.pt" in err and err.count("\n") == 1
    assert (folder / "checkpoint.pt").read_bytes() == before


TEMPLATE = dict(
    seq_length=30, lstm_num_hidden=128, lstm_num_layers=2, batch_size=64, learning_rate=2e-3,
    learning_rate_decay=0.96, learning_rate_step=5000, dropout_keep_prob=1.0, train_steps=1_000_000, max_norm=5.0,
    summary_path="./summaries/", print_every=5, sample_every=100,
)  # fmt: skip


def test_the_defaults_are_the_templates():
    config = vars(train_text.parser().parse_args([]))
    assert {name: config[name] for name in TEMPLATE} == TEMPLATE


def test_everything_can_be_trained_on(tiny):
    folder = tiny("--val_fraction", 0, "--test_fraction", 0)
    result = json.loads((folder / "result.json").read_text())
    assert result["validation_loss"] is None and result["test_loss"] is None and result["train_loss"] > 0
    assert not (folder / "best.pt").exists()


def test_the_licence_is_left_out_unless_asked_for(tiny, text_file):
    book = text_file.read_text(encoding="utf-8")
    mark = "*** {} OF THIS PROJECT GUTENBERG EBOOK A TALE ***\n"
    text_file.write_text(f"head\n{mark.format('START')}{book}\n{mark.format('END')}The licence.\n", encoding="utf-8")
    plain, whole = tiny(), tiny("--no_strip_gutenberg")
    assert "*" not in checkpoint(plain)["vocabulary"] and "*" in checkpoint(whole)["vocabulary"]
    assert "characters cut" in output(plain).read_text()
    assert "characters cut" not in output(whole).read_text()


def test_threads(tiny):
    tiny("--threads", 2)
    assert torch.get_num_threads() == 2
    tiny()
    assert torch.get_num_threads() == 1


def test_a_run_that_has_ended_is_left_alone(tiny, run_script):
    folder = tiny()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, out, _ = run_script(train_text.main, "--resume", folder, "--train_steps", 3)
    assert status == 0 and "nothing to do" in out
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_the_time_to_the_last_step_is_estimated(tiny):
    out = output(tiny("--train_steps", 25)).read_text()
    assert re.search(r"About \d+ min to the last step at this speed. Ctrl-C keeps everything", out)


@pytest.mark.parametrize("batching", ["random", "stream"])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(
    tmp_path, run_script, text_file, monkeypatch, batching
):
    norms = iter([1.0, 1.0, 1.0, math.nan])
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *a: torch.tensor(next(norms)))
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", "--checkpoint_every", 1]
    status, _, err = run_script(train_text.main, *argv, "--batching", batching)
    assert status == 2 and "not finite at step 4" in err and err.count("\n") == 1
    (path,) = tmp_path.glob("runs/*/checkpoint.pt")
    assert torch.load(path, weights_only=True)["standing"]["step"] == 3


def test_weights_that_are_not_finite_are_never_saved(tmp_path, run_script, text_file):
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", "--checkpoint_every", 1]
    status, _, err = run_script(train_text.main, *argv, "--learning_rate", 1e38, "--max_norm", 1e38)
    assert status == 2 and "not finite at step" in err and err.count("\n") == 1
    (path,) = tmp_path.glob("runs/*/*.pt")  # the one that a run begins with
    assert path.name == "checkpoint.pt" and checkpoint(path.parent)["standing"]["step"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves_and_the_resumed_run_equals_the_uninterrupted(tiny, text_file, tmp_path, number):
    argv = [*TINY, "--train_steps", 3000, "--print_every", 100, "--sample_every", 1000, "--eval_every", 1000]
    whole = tiny(*argv[len(TINY) :])
    command = [sys.executable, ROOT / "part3/train_text.py", "--txt_file", text_file, "--summary_path", tmp_path / "s"]
    process = subprocess.Popen([str(word) for word in (*command, *argv)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "Step 0300" in line:
            break
    process.send_signal(number)
    rest = process.stdout.read()
    assert process.wait(timeout=60) == 128 + number
    (folder,) = (tmp_path / "s").iterdir()
    assert f"--resume {folder}" in rest
    subprocess.run([*command[:2], "--resume", folder], check=True, capture_output=True)
    assert same(checkpoint(whole)["model"], checkpoint(folder)["model"])
    assert rows(whole) == rows(folder)


def read_streams(data, B, steps, carried=True):
    """Training with the state carried, written once more: the loss of each update."""
    model = TextGenerationModel(B, data.seq_length, data.vocab_size, 8, 2)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.05)
    losses, state = [], None
    for step in range(1, steps + 1):
        if not carried or data.streams_begin(step, B):
            state = None
        x, y = data.stream(step, B)
        optimizer.zero_grad()
        logits, (h, c) = model(x, state)
        state = (h.detach(), c.detach())
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_streams_carry_the_state_from_window_to_window_and_begin_anew(tiny, text_file):
    flags = ["--batching", "stream", "--seq_length", 60, "--train_steps", 10, "--learning_rate", 0.05]
    losses = [float(row["loss"]) for row in rows(tiny(*flags)) if row["loss"]]
    data = TextDataset(text_file, 60)
    assert [step for step in range(1, 11) if data.streams_begin(step, 4)] == [1, 5, 9]
    assert losses == pytest.approx(read_streams(data, 4, 10), rel=1e-4)
    assert losses != pytest.approx(read_streams(data, 4, 10, carried=False), rel=1e-4)


def test_random_windows_start_from_a_zero_state(tiny, text_file):
    folder = tiny()
    assert checkpoint(folder)["state"] is None
    data, model = TextDataset(text_file, 6), TextGenerationModel(4, 6, 26, 8, 2)
    before = checkpoint(tiny("--train_steps", 3), "checkpoint.pt")["model"]
    model.load_state_dict(before)
    x, y = data.batch(4, 4)
    expected = torch.nn.functional.cross_entropy(model(x)[0].transpose(1, 2), y).item()
    assert float(rows(folder)[4]["loss"]) == pytest.approx(expected, rel=1e-5)


def test_dropout_masks_come_from_a_generator_of_their_own(tiny):
    torch.manual_seed(1)
    first = tiny(*DROPOUT)
    torch.manual_seed(2)
    assert same(checkpoint(first)["model"], checkpoint(tiny(*DROPOUT))["model"])


def test_patience_ends_a_run_that_no_longer_improves(tiny, text_file, run_script):
    text_file.write_text("ab" * 500 + "b" * 60 + "ba" * 30, encoding="utf-8")  # validation gets worse and worse
    folder = tiny("--train_steps", 400, "--eval_every", 5, "--learning_rate", 0.02, "--patience", 4)
    result = json.loads((folder / "result.json").read_text())
    losses = {int(row["step"]): float(row["validation_loss"]) for row in rows(folder) if row["validation_loss"]}
    assert result["ended_by"] == "patience"
    assert result["steps"] == min(losses, key=losses.get) + 4 * 5 == max(losses) < 400
    status, out, _ = run_script(train_text.main, "--resume", folder)
    assert status == 0 and "nothing to do" in out and "--patience" in out
    assert run_script(train_text.main, "--resume", folder, "--patience", 5)[0] == 0
    assert json.loads((folder / "result.json").read_text())["steps"] == result["steps"] + 5


def test_max_minutes_end_a_run(tiny):
    folder = tiny("--train_steps", 10_000, "--max_minutes", 0.002)
    result = json.loads((folder / "result.json").read_text())
    assert result["ended_by"] == "max_minutes" and 0 < result["steps"] < 10_000 and result["seconds"] >= 0.12
    assert result["test_loss"] > 0
    assert json.loads((tiny() / "result.json").read_text())["ended_by"] == "train_steps"


def test_an_older_checkpoint_without_the_younger_flags_still_generates(tiny):
    folder = tiny()
    content = checkpoint(folder)
    for name in ("embedding", "input_keep_prob", "recurrent_keep_prob", "batching", "patience"):
        del content["config"][name]
    torch.save(content, folder / "old.pt")
    model, vocabulary = load_model(folder / "old.pt", "cpu")
    assert same(model.state_dict(), content["model"]) and len(vocabulary) == 26


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--schedule", "cosine", "--learning_rate_step", 9], ["--learning_rate_step", "--schedule step"]),
        (["--schedule", "cosine", "--learning_rate_decay", 0.96], ["--learning_rate_decay"]),
        (["--patience", 3, "--val_fraction", 0], ["--patience", "--val_fraction"]),
        (["--batching", "stream", "--batch_size", 181], ["181 streams of 6", "--batch_size"]),
    ],
)
def test_flags_that_do_not_go_together(run_script, text_file, tmp_path, flags, words):
    argv = [*TINY, "--txt_file", text_file, "--summary_path", tmp_path / "runs", *flags]
    status, _, err = run_script(train_text.main, *argv)
    assert status == 2 and err.count("\n") == 1 and all(word in err for word in words), err
    assert not (tmp_path / "runs").exists()


def test_flags_that_do_not_go_together_on_resume(tiny, run_script):
    folder = tiny("--val_fraction", 0)
    before = (folder / "checkpoint.pt").read_bytes()
    status, _, err = run_script(train_text.main, "--resume", folder, "--patience", 3)
    assert status == 2 and err.count("\n") == 1 and "--patience" in err
    assert (folder / "checkpoint.pt").read_bytes() == before
