# SPDX-License-Identifier: MIT
"""The README keeps its word: each command runs (in tiny form), each file it names is there, and none is left out."""

import importlib
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"```bash\n(.*?)```", README, flags=re.S)
COMMANDS = [line.split("  #")[0].strip() for block in CODE for line in block.splitlines()]
ALL_SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("part1", "part2", "part3", "assets", "report")
    for path in ROOT.glob(f"{folder}/*.py")
    if 'if __name__ == "__main__":' in path.read_text("utf-8")
)
TINY = {
    "part1/train.py": "--train_steps 2 --batch_size 4 --eval_every 100",
    "part2/train.py": "--train_steps 2 --batch_size 4 --eval_every 100 --num_hidden 8",
    "part2/learnability.py": "--quick --to learnability.json",
    "part3/train_text.py": "--train_steps 2",
    "part3/generate.py": "--length 20",
    "part3/evaluate.py": "--part validation --warm_up 100",
    "part3/temperature.py": "--num_samples 2 --length 50 --output x.json --figures figures",
    "part3/activations.py": "--output a.json --page p.html --figures figures",
    "part3/novelty.py": "--num_samples 2 --length 50 --output x.json --figures figures",
    "part1/gradient_flow.py": "--train_steps 3 --input_length 6 --num_hidden 8 --to flow.json",
    "part1/gradient_plots.py": "--results flow.json --to figures",
    "part3/numpy_rnn.py": "--max_updates 3",
    "part1/sweep.py": "--table table.csv",
    "part1/benchmark.py": "--help",  # tests/part1/test_benchmark.py runs it in small, and part 3's likewise
    "part3/benchmark.py": "--help",
}


def test_every_python_command_of_the_readme_runs(tmp_path, monkeypatch, run_script):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "grimm.txt").write_bytes((ROOT / "assets" / "grimm.txt").read_bytes()[:30_000])
    monkeypatch.chdir(tmp_path)  # as from the root of a clone, but the runs go elsewhere
    commands = [shlex.split(line) for line in COMMANDS if line.startswith("python ")]
    assert len(commands) >= 10
    for _, script, *argv in commands:
        if script == "assets/download.py" and argv != ["--list"]:
            argv = ["--list"]  # no test reaches for the network; tests/test_download.py serves books itself
        main = importlib.import_module(script[:-3].replace("/", ".")).main
        tiny = "" if "--check" in argv else "--train_steps 3" if "--resume" in argv else TINY.get(script, "")
        status, _, err = run_script(main, *argv, *tiny.split())
        assert status == 0, (script, argv, err)


def test_other_commands_are_known():
    known = {
        "make demo",
        "make test",
        "make figures",
        "make report",
        "make submission",
        "pip install",
        "tensorboard --logdir",
    }
    for line in COMMANDS:
        words = line.split()
        job = re.search(r"\bjobs/[\w.]+", line)  # tests/jobs runs them
        assert words[0] == "python" or " ".join(words[:2]) in known or (job and (ROOT / job.group()).exists()), line
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "figures", "report", "submission", "lint", "clean", "help"):
        assert re.search(rf"^{target}:", makefile, flags=re.M)


def test_the_tree_names_every_file_and_no_other():
    tree = re.search(r"```\n(part1/.*?)```", README, flags=re.S).group(1)
    named = {line.split()[0] for line in tree.splitlines()}
    for name in named:
        assert (ROOT / name).exists(), name
    present = {
        str(path.relative_to(ROOT))
        for part in ("part1", "part2", "part3", "common", "report")
        for path in ROOT.glob(f"{part}/*.py")
    }
    assert {name for name in present if not name.endswith("__init__.py")} <= named


@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_each_script_starts_three_ways(script, tmp_path):
    """As a file from the root, as a module, and as a file from another folder; with no environment variable."""
    module = script[:-3].replace("/", ".")
    ways = [
        ([sys.executable, script, "--help"], ROOT),
        ([sys.executable, "-m", module, "--help"], ROOT),
        ([sys.executable, str(ROOT / script), "--help"], tmp_path),
    ]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda way: subprocess.run(way[0], cwd=way[1], capture_output=True, text=True), ways))
    for process in done:
        assert process.returncode == 0, process.stderr
        assert process.stdout.startswith(f"usage: {Path(script).name}"), process.stdout
