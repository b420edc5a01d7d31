# SPDX-License-Identifier: MIT
"""The benchmark of part 1 measures what it says (how fast anything is, no test asks)."""

import functools
import json
import os

import pytest
import torch

from part1 import benchmark


@pytest.mark.slow  # a process for each peak of memory, and the sweep's workers
def test_benchmark_in_tiny_form(tmp_path, run_script):
    argv = ["--model_type", "RNN", "--input_length", 3, "--threads", 1, "--rounds", 3, "--updates", 5]
    argv += ["--to", tmp_path / "new" / "speed.json", "--figure", tmp_path / "speed.png"]
    status, out, _ = run_script(benchmark.main, *argv)
    assert status == 0 and "two workers do" in out
    found = json.loads((tmp_path / "new" / "speed.json").read_text())
    assert [row["form"] for row in found["rows"]] == 2 * benchmark.FORMS
    assert [row["memory"] for row in found["rows"]] == 5 * ["fresh"] + 5 * ["kept"]
    assert all(row["seconds"] > 0 and row["rounds"] == 3 for row in found["rows"])
    assert all(row["peak_bytes"] >= 0 for row in found["rows"][:5])
    assert [row["speed_to_torch_nn"] for row in found["rows"] if row["form"] == "torch.nn"] == [1, 1]
    assert all(value > 0 for ways in found["operations"].values() for value in ways.values())
    assert found["train"][0]["updates"] == 5 and found["sweep"]["cells"] == 4 and found["machine"]["torch"]
    assert (tmp_path / "speed.png").exists() and (tmp_path / "speed.pdf").exists()


def test_all_forms_take_turns():
    order = []
    forms = {name: lambda name=name: order.append(name) for name in "abc"}
    seconds = benchmark.take_turns(forms, 2)
    assert "".join(order) == "abc" + "bca" + "cab" and all(len(values) == 2 for values in seconds.values())


def test_a_process_of_its_own_begins_as_it_is_told():
    assert benchmark.apart(torch.get_num_threads, begin=functools.partial(torch.set_num_threads, 1)) == 1
    assert benchmark.apart(os.getpid) != os.getpid()


def test_every_step_trains(monkeypatch):
    for cell in benchmark.CELLS:
        forms = benchmark.contestants(cell, 4)
        for form in ("readable", "by hand", "torch.nn"):
            cells = dict(zip(forms[form].__code__.co_freevars, forms[form].__closure__, strict=True))
            model = cells["model"].cell_contents
            before = [parameter.detach().clone() for parameter in model.parameters()]
            forms[form]()
            changed = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
            assert all(changed), (cell, form)


def test_the_products_are_those_of_an_update():
    seen = []
    step = benchmark.bare_products(3, 512, lambda a, b: seen.append((tuple(a.shape), tuple(b.shape))))
    step()
    S = benchmark.H + 10 + 1
    assert seen == [((512, S), (S, 128)), ((128, 512), (512, 128)), ((512, 128), (128, S))] * 3
