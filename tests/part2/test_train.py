# SPDX-License-Identifier: MIT
import json

import pytest
import torch

from part1 import train as part1_train
from part2 import train

TINY = ["--num_hidden", 8, "--input_length", 3, "--batch_size", 16, "--train_steps", 4, "--print_every", 2]


@pytest.fixture
def tiny(tmp_path, run_script):
    def run(*argv):
        before = set(tmp_path.glob("runs/*"))
        status, _, err = run_script(train.main, *TINY, "--summary_path", tmp_path / "runs", *argv)
        assert status == 0, err
        (folder,) = set(tmp_path.glob("runs/*")) - before
        return folder

    return run


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["model"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


GATE_FLAGS = {
    "task": None,  # see test_train_timed.py for the others
    "backward": None,  # see test_manual_backward.py: the same gradients
    "tau": ("--tau", 3, 4),
    "s": ("--s", 0.3),
    "r_on": ("--r_on", 0.7),
    "learn": ("--learn", "tau", "s"),
    "leak": ("--leak", 0.01, "--r_on", 0.5),
    "variant": ("--variant", "phased"),
}


@pytest.mark.parametrize("flag", [flag for flag, argv in GATE_FLAGS.items() if argv])
def test_every_flag_of_the_gate_has_an_effect(tiny, flag):
    argv = GATE_FLAGS[flag]
    plain = tiny(*argv[2:]) if flag == "leak" else tiny()
    assert not same(weights(plain), weights(tiny(*argv)))


def test_no_flag_is_left_out():
    common = vars(part1_train.parser().parse_args([])).keys() - {"model_type", "backward"}
    assert GATE_FLAGS.keys() | common == vars(train.parser().parse_args([])).keys()


def test_what_is_learned_moves_and_the_rest_stays(tiny):
    start = weights(tiny("--train_steps", 1, "--learn"))
    moved = weights(tiny("--learn", "tau"))
    assert not torch.equal(start["gate.log_tau"], moved["gate.log_tau"])
    assert torch.equal(start["gate.s"], moved["gate.s"]) and torch.equal(start["gate.raw_r_on"], moved["gate.raw_r_on"])


def test_a_resumed_run_equals_an_uninterrupted_one(tiny, run_script):
    flags = ["--learn", "tau", "s", "r_on", "--variant", "phased", "--leak", 0.01]
    whole, part = tiny(*flags, "--train_steps", 8), tiny(*flags)
    assert run_script(train.main, "--resume", part, "--train_steps", 8)[0] == 0
    assert same(weights(whole), weights(part))
    status, _, err = run_script(train.main, "--resume", part, "--variant", "assignment")
    assert status == 2 and "--variant" in err


def test_the_run_is_named_by_its_rhythm(tiny):
    name = tiny("--tau", 3, 4, "--learn", "tau", "s", "--variant", "phased").name
    assert name.startswith("GatedLSTM-phased-tau-3.0-4.0-learn-tau-s_T3_")


def test_rhythms_at_the_edge_train_or_are_refused(tiny, run_script):
    tiny("--r_on", 1, "--learn", "r_on", "tau", "--learning_rate", 0.5)
    status, _, err = run_script(train.main, *TINY, "--tau", 1e-300, "--learn", "tau")
    assert status == 2 and "--tau" in err and err.count("\n") == 1
    status, _, err = run_script(train.main, *TINY, "--learn", "tau", "--reservoir")  # which learns the read-out alone
    assert status == 2 and "--learn" in err and err.count("\n") == 1


def test_checkpoints_of_the_two_parts_are_kept_apart(tiny, run_script):
    status, _, err = run_script(part1_train.main, "--resume", tiny())
    assert status == 2 and "not a checkpoint of part1" in err


def test_the_two_backward_passes_train_alike(tiny):
    flags = ["--learn", "tau", "s", "r_on", "--r_on", 0.6, "--variant", "phased", "--leak", 0.01]
    a, b = (weights(tiny(*flags, "--backward", backward)) for backward in ("manual", "autograd"))
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.slow
def test_the_gated_lstm_solves_ten(tmp_path, run_script):
    status, _, _ = run_script(train.main, "--task", "palindrome", "--input_length", 10, "--summary_path", tmp_path)
    (result,) = tmp_path.glob("*/result.json")
    assert status == 0 and json.loads(result.read_text())["solved_at"]
