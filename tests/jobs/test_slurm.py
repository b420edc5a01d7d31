# SPDX-License-Identifier: MIT
"""The job files on a real Slurm of one node, which jobs/local_slurm.sh starts for these tests and stops after them."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "jobs" / "local_slurm.sh"
DAEMONS = ("munged", "slurmctld", "slurmd")
PATH = os.environ["PATH"] + ":/usr/sbin"
MISSING = not all(shutil.which(name, path=PATH) for name in DAEMONS)
needs_slurm = pytest.mark.skipif(MISSING, reason="Slurm is not installed: apt install slurm-wlm munge")
TEXT = ["--seq_length", 10, "--lstm_num_hidden", 16, "--batch_size", 8, "--sample_every", 1000, "--sample_length", 5]


def clean_environment(**variables):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_", "LOCAL_SLURM"))}
    for key in ("SITE", "RUN"):
        env.pop(key, None)
    return {**env, "PYTHON": sys.executable, **{key: str(value) for key, value in variables.items()}}


def free_port():
    """The first of two neighbouring ports that are free now."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):
                continue


class Slurm:
    """sbatch, scancel, ... in the environment of one local Slurm."""

    def __init__(self, folder):
        self.env = clean_environment(LOCAL_SLURM=folder, LOCAL_SLURM_PORT=free_port(), LOCAL_SLURM_CPUS=8)
        self.env["SLURM_CONF"] = f"{folder}/slurm.conf"
        self.env["PATH"] = PATH

    def __call__(self, *words, **variables):
        """Run a command from the root; returns what it prints."""
        env = {**self.env, **{key: str(value) for key, value in variables.items()}}
        done = subprocess.run(list(map(str, words)), cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def sbatch(self, *words, **variables):
        """Submit; returns the job's id."""
        return self("sbatch", "--parsable", *words, **variables).strip()

    def show(self, job):
        """The fields of a job, or of each task of an array, as dicts."""
        lines = self("scontrol", "--oneliner", "show", "job", job).splitlines()
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines if line]

    def wait(self, job, seconds=300):
        """Until the job has ended; returns its state, or the list of its tasks' states."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
        until(lambda: all(one["JobState"] in ended for one in self.show(job)), seconds)
        return [one["JobState"] for one in sorted(self.show(job), key=lambda one: int(one.get("ArrayTaskId", 0)))]


def until(condition, seconds=120):
    """Look five times a second; returns what the condition gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, condition
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def slurm():
    folder = tempfile.mkdtemp(prefix="slurm_")  # not tmp_path: the path of a socket has 107 characters at most
    local = Slurm(folder)
    try:
        local(LOCAL, "start")
        yield local
    finally:
        local(LOCAL, "stop")
    shutil.rmtree(folder)


def lines(path):
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def one(folder, pattern):
    """The file of that pattern, or None; more than one is an error."""
    found = list(folder.glob(pattern))
    assert len(found) <= 1
    return found[0] if found else None


def logged(folder):
    """The last update in metrics.csv of the run below `folder`, 0 before there is one."""
    metrics = one(folder, "*/metrics.csv")
    rows = lines(metrics)[1:] if metrics else []
    return int(rows[-1].split(",")[0]) if rows and "," in rows[-1] else 0


def sweep(slurm, folder, *words):
    """Submit the grid `tiny`, results below `folder`; returns the job's id."""
    output = f"--output={folder}/%x_%A_%a.out"
    arguments = ["jobs/part1_sweep.sbatch", "tiny", "--table", folder / "table.csv"]
    return slurm.sbatch(output, *words, *arguments, SUMMARIES=folder)


@needs_slurm
def test_an_array_runs_every_cell_once_and_the_figures_wait_for_it(slurm, tmp_path):
    job = sweep(slurm, tmp_path, "--array=0-2%2", "--cpus-per-task=1")
    plots = slurm.sbatch(f"--dependency=afterok:{job}", f"--output={tmp_path}/%x_%j.out", "jobs/plots.sbatch", "help")
    assert slurm.wait(job) == ["COMPLETED"] * 3
    assert len(list(tmp_path.glob("sweep/*/result.json"))) == len(list((tmp_path / "sweep").iterdir())) == 6
    assert sorted(path.name for path in tmp_path.glob("part1*")) == [f"part1_sweep_{job}_{k}.out" for k in range(3)]
    said = [line for k in range(3) for line in lines(tmp_path / f"part1_sweep_{job}_{k}.out")]
    assert said.count("2 cells of 6, 0 finished, 2 to do") == 3
    for folder in (tmp_path / "sweep").iterdir():
        assert sum(line.startswith(f"{folder.name}: ") for line in said) == 1
    with open(tmp_path / "table.csv", newline="") as f:
        assert len(list(csv.DictReader(f))) == 6
    assert slurm.wait(plots) == ["COMPLETED"]
    assert any("make demo" in line for line in lines(tmp_path / f"plots_{plots}.out"))


@needs_slurm
def test_a_cell_that_fails_leaves_the_others_and_a_second_submission_runs_what_is_missing(slurm, tmp_path):
    grid = slurm("bash", "jobs/part1_sweep.sbatch", "tiny", "--dry_run", SUMMARIES=tmp_path).splitlines()
    broken = tmp_path / "sweep" / grid[2].split()[-1]  # the second cell: task 1 of two
    broken.mkdir(parents=True)
    (broken / "checkpoint.pt").write_bytes(b"half a checkpoint")
    job = sweep(slurm, tmp_path, "--array=0-1")
    assert slurm.wait(job) == ["COMPLETED", "FAILED"]
    assert slurm.show(job)[0]["Restarts"] == "0"  # a failure is no reason to requeue
    results = {path: path.stat().st_mtime_ns for path in tmp_path.glob("sweep/*/result.json")}
    assert len(results) == 5 and broken / "result.json" not in results
    assert any("failed: " in line and broken.name in line for line in lines(tmp_path / f"part1_sweep_{job}_1.out"))

    shutil.rmtree(broken)
    job = sweep(slurm, tmp_path, "--array=0-1")
    assert slurm.wait(job) == ["COMPLETED"] * 2
    assert (broken / "result.json").exists()
    assert {path: path.stat().st_mtime_ns for path in results} == results
    assert len(lines(tmp_path / "table.csv")) == 7


@needs_slurm
def test_a_text_job_stopped_twice_equals_one_that_was_not(slurm, tmp_path):
    """First the signal that comes before a time limit, on which it requeues itself; then an urgent job preempts it."""
    words = ["jobs/part3_text.sbatch", "assets/grimm.txt", *TEXT, "--train_steps", 5000]
    straight = subprocess.Popen(  # without Slurm, which must be the same
        ["bash", *map(str, words)], cwd=ROOT, env=clean_environment(SUMMARIES=tmp_path), stdout=subprocess.DEVNULL
    )
    job = slurm.sbatch(f"--output={tmp_path}/%x_%j.out", *words, SUMMARIES=tmp_path)
    folder, log = tmp_path / f"text_{job}", tmp_path / f"part3_text_{job}.out"
    until(lambda: logged(folder) >= 100)
    slurm("scancel", "--batch", "--signal=USR1", job)
    stopped = int(until(lambda: [line for line in lines(log) if "stopped after" in line])[0].split()[3].strip(";"))
    until(lambda: logged(folder) >= stopped + 100)
    urgent = slurm.sbatch("--partition=urgent", "--exclusive", f"--output={tmp_path}/urgent.out", "--wrap=true")
    assert slurm.wait(urgent) == ["COMPLETED"]
    assert slurm.wait(job) == ["COMPLETED"]
    assert slurm.show(job)[0]["Restarts"] == "2"
    assert sum("stopped after update" in line for line in lines(log)) == 2
    assert straight.wait(timeout=300) == 0

    a, b = (torch.load(one(path, "*/checkpoint.pt"), weights_only=True) for path in (folder, tmp_path / "text_local"))
    assert a["standing"]["step"] == b["standing"]["step"] == 5000
    assert a["model"].keys() == b["model"].keys()
    assert all(torch.equal(a["model"][name], b["model"][name]) for name in a["model"])
    for name in ("metrics.csv", "samples.csv"):
        assert one(folder, f"*/{name}").read_bytes() == one(tmp_path, f"text_local/*/{name}").read_bytes()


@needs_slurm
def test_a_cancelled_job_is_not_requeued_and_another_may_go_on_with_its_run(slurm, tmp_path):
    words = [f"--output={tmp_path}/%j.out", "jobs/part3_text.sbatch", "assets/grimm.txt", *TEXT]
    job = slurm.sbatch(*words, SUMMARIES=tmp_path)
    folder = tmp_path / f"text_{job}"
    until(lambda: logged(folder) >= 20)
    slurm("scancel", job)
    assert slurm.wait(job) == ["CANCELLED"] and slurm.show(job)[0]["Restarts"] == "0"
    until(lambda: "stopped after" in (tmp_path / f"{job}.out").read_text())
    step = torch.load(one(folder, "*/checkpoint.pt"), weights_only=True)["standing"]["step"]
    again = slurm.sbatch(*words, "--train_steps", step + 20, SUMMARIES=tmp_path, RUN=job)
    assert slurm.wait(again) == ["COMPLETED"]
    assert json.loads(one(folder, "*/result.json").read_text())["steps"] == step + 20
    assert f"Train Step {step // 5 * 5:04d}" not in (tmp_path / f"{again}.out").read_text()


@needs_slurm
def test_a_task_of_an_array_requeues_itself_alone(slurm, tmp_path):
    """The last task to start bears the id of the whole array. (A cell of `curves` takes seconds: one is running.)"""
    job = slurm.sbatch(
        "--array=0-1", "--cpus-per-task=1", f"--output={tmp_path}/%a.out", "jobs/part1_sweep.sbatch", "curves",
        "--table", tmp_path / "table.csv", SUMMARIES=tmp_path,
    )  # fmt: skip
    until(lambda: len(list(tmp_path.glob("sweep/*/metrics.csv"))) >= 2)
    (last,) = (task for task in slurm.show(job) if task["JobId"] == job)
    slurm("scancel", "--batch", "--signal=USR1", job + "_" + last["ArrayTaskId"])
    until(lambda: [task for task in slurm.show(job) if task["JobId"] == job and task["Restarts"] == "1"])
    assert sorted(task["Restarts"] for task in slurm.show(job)) == ["0", "1"]
    assert any("stopped after update" in log.read_text() for log in tmp_path.glob("sweep/*/log.txt"))
    slurm("scancel", job)
    assert slurm.wait(job) == ["CANCELLED"] * 2


@needs_slurm
@pytest.mark.slow
def test_before_its_time_limit_a_job_saves_and_requeues_itself(slurm, tmp_path):
    """Slurm looks at the limits every half minute, so the signal comes somewhere in the first."""
    limit = ["--time=1", "--signal=B:USR1@20", f"--output={tmp_path}/%j.out"]
    job = slurm.sbatch(*limit, "jobs/part3_text.sbatch", "assets/grimm.txt", *TEXT, SUMMARIES=tmp_path)
    folder, log = tmp_path / f"text_{job}", tmp_path / f"{job}.out"
    stops = until(lambda: [line for line in lines(log) if "stopped after update" in line], 300)
    stopped = int(stops[0].split()[3].strip(";"))
    until(lambda: logged(folder) > stopped + 100, 300)
    assert slurm.show(job)[0]["JobState"] in ("RUNNING", "PENDING", "COMPLETING")  # no TIMEOUT
    assert int(slurm.show(job)[0]["Restarts"]) >= 1
    slurm("scancel", job)
    slurm.wait(job)
    steps = [int(line.split(",")[0]) for line in lines(one(folder, "*/metrics.csv"))[1:]]
    assert list(dict.fromkeys(steps)) == list(range(5, steps[-1] + 1, 5))  # none is missing or comes twice


@needs_slurm
def test_a_second_start_is_harmless_and_status_says_what_runs(slurm, tmp_path):
    before = slurm(LOCAL, "status")
    assert "runs already" in slurm(LOCAL, "start")
    assert [line for line in before.splitlines() if line.startswith(DAEMONS)] == [
        line for line in slurm(LOCAL, "status").splitlines() if line.startswith(DAEMONS)
    ]
    assert slurm(LOCAL, "env").strip() == f"export SLURM_CONF={slurm.env['SLURM_CONF']}"


@needs_slurm
def test_stop_ends_what_start_began_and_nothing_else(slurm):
    """A second one beside the first."""
    folder = tempfile.mkdtemp(prefix="slurm_")
    other = Slurm(folder)
    other(LOCAL, "start")
    job = other.sbatch("--output=/dev/null", "--wrap=sleep 1000")
    until(lambda: other.show(job)[0]["JobState"] == "RUNNING")
    assert other(LOCAL, "stop").split() == ["stopped:", "slurmd", "slurmctld", "munged"]
    assert "nothing ran" in other(LOCAL, "stop")
    assert not any(folder in text for text in command_lines())
    assert "runs already" in slurm(LOCAL, "start")
    shutil.rmtree(folder)


def command_lines():
    """Of every process: those of Slurm name their configuration or socket."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().decode(errors="replace") + path.with_name("environ").read_bytes().decode("latin1")
        except OSError:
            continue


def test_local_slurm_refuses_with_one_line(tmp_path):
    (tmp_path / "precious.txt").touch()
    for words in (["start"], ["strat"], []):
        env = clean_environment(LOCAL_SLURM=tmp_path)
        done = subprocess.run([LOCAL, *words], env=env, capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert done.stderr.startswith("local_slurm.sh: error: ")
        assert ("apt install slurm-wlm munge" if MISSING else "LOCAL_SLURM") in done.stderr or words != ["start"]
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
