# SPDX-License-Identifier: MIT
"""The job files as far as they go without Slurm: sound shell, flags that exist, shares, folders, signals."""

import os
import re
import shutil
import signal
import subprocess
import time
from importlib import import_module
from pathlib import Path

import pytest

from common.files import write_json
from common.signals import StopRequest
from part1 import sweep, train

ROOT = Path(__file__).resolve().parents[2]
JOBS = sorted((ROOT / "jobs").glob("*.sbatch"))
SHELL = [*JOBS, *sorted((ROOT / "jobs").glob("*.sh"))]
TRAINING = [path for path in JOBS if path.name != "plots.sbatch"]
ARRAY = {"SLURM_ARRAY_TASK_ID": 2, "SLURM_ARRAY_TASK_MIN": 0, "SLURM_ARRAY_TASK_MAX": 3, "SLURM_ARRAY_TASK_COUNT": 4}


def name(path):
    return path.name


def bash(*words, cwd=ROOT, **variables):
    """(exit status, stdout, stderr) of bash with these words, in a clean environment plus `variables`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
    for key in ("SITE", "PYTHON", "SUMMARIES", "RUN", "TMPDIR"):
        kept.pop(key, None)
    env = {**kept, **{key: str(value) for key, value in variables.items()}}
    done = subprocess.run(["bash", *map(str, words)], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("path", SHELL, ids=name)
def test_bash_reads_it(path):
    assert bash("-n", path) == (0, "", "")


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("path", SHELL, ids=name)
def test_shellcheck_finds_nothing(path):
    done = subprocess.run(["shellcheck", "-x", "-S", "style", path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("job", "argv"),
    [("part1_sweep", ["tiny"]), ("part2_frequency", []), ("part3_text", ["x.txt"]), ("part3_text", ["x.txt", "again"])],
)
def test_the_script_and_every_flag_exist(run_script, tmp_path, job, argv):
    if "again" in argv:
        (tmp_path / "text_1" / "run").mkdir(parents=True)
        (tmp_path / "text_1" / "run" / "checkpoint.pt").touch()
    _, out, _ = bash(ROOT / f"jobs/{job}.sbatch", *argv[:1], PYTHON="echo", SUMMARIES=tmp_path, RUN=1)
    script, *words = out.split()
    flags = {word for word in words if word.startswith("--")}
    assert len(flags) >= 2 and ("--resume" in flags) == ("again" in argv)
    _, text, _ = run_script(import_module(script[:-3].replace("/", ".")).main, "--help")
    assert flags <= set(re.findall(r"--\w+", text))


def test_the_examples_of_the_sweep_may_write_their_table(tmp_path):
    job = ROOT / "jobs" / "part1_sweep.sbatch"
    examples = re.findall(r"^# +(?:sbatch|bash) .*jobs/part1_sweep.sbatch *([^#\n]*)", job.read_text("utf-8"), re.M)
    assert len(examples) == 3
    for words in examples:
        _, out, _ = bash(job, *words.split(), PYTHON="echo", SUMMARIES=tmp_path)
        config = sweep.parser().parse_args(out.split()[1:])
        own = sweep.RESULTS / f"{config.grid}.csv"
        sweep.refuse_table(own, own, config)


@pytest.mark.parametrize("path", TRAINING, ids=name)
def test_a_training_job_survives_preemption_and_its_time_limit(path):
    text = path.read_text(encoding="utf-8")
    for option in ("--requeue", "--open-mode=append", "--signal=B:USR1@"):
        assert f"#SBATCH {option}" in text
    assert re.search(r'^run "\$PYTHON"', text, flags=re.M)


@pytest.mark.parametrize("path", JOBS, ids=name)
def test_the_folder_of_the_logs_is_in_every_clone(path):
    """Slurm makes no folder for a log: where it is missing the job fails and nothing says why."""
    folder, pattern = re.search(r"#SBATCH --output=(.*)/(\S+)", path.read_text(encoding="utf-8")).groups()
    assert (ROOT / folder / ".gitignore").read_text() == "*\n!.gitignore\n"
    assert pattern == ("%x_%A_%a.out" if "--array" in path.read_text(encoding="utf-8") else "%x_%j.out")


@pytest.mark.parametrize("path", JOBS, ids=name)
def test_from_another_folder_it_says_so(path, tmp_path):
    status, _, err = bash(path, "x", cwd=tmp_path)
    assert status == 2 and "jobs/job.sh" in err and err.count("\n") == 1


def test_each_task_of_an_array_gets_its_share():
    status, out, _ = bash(JOBS[0], "tiny", "--max_minutes", 3, PYTHON="echo", SLURM_CPUS_PER_TASK=5, **ARRAY)
    assert status == 0
    share = "--task_id 2 --num_tasks 4 --workers 5"
    assert out == f"part1/sweep.py --grid tiny {share} --summary_path summaries/sweep --max_minutes 3\n"
    status, out, _ = bash(ROOT / "jobs/part2_frequency.sbatch", PYTHON="echo", SUMMARIES="/there", **ARRAY)
    assert status == 0 and "--task_id 2 --num_tasks 4 --workers 1 --summary_path /there/timed" in out


def test_without_slurm_there_is_one_task():
    assert "--task_id 0 --num_tasks 1 --workers 1" in bash(JOBS[0], "tiny", PYTHON="echo")[1]


@pytest.mark.parametrize(("first", "last", "count"), [(1, 4, 4), (3, 3, 1), (2, 7, 2), (0, 6, 4)])
def test_a_part_of_an_array_is_refused(first, last, count):
    array = dict(zip(ARRAY, (first, first, last, count), strict=True))
    status, out, err = bash(JOBS[0], "tiny", PYTHON="echo", **array)
    assert status == 2 and not out and "whole array" in err and err.count("\n") == 1


@pytest.mark.parametrize(("job", "word"), [("part1_sweep", "which grid"), ("part3_text", "which book")])
def test_a_job_without_its_argument(job, word):
    status, _, err = bash(ROOT / f"jobs/{job}.sbatch", PYTHON="echo")
    assert status == 2 and word in err and err.count("\n") == 1


def test_the_text_job_finds_its_run_again(tmp_path):
    job, book = ROOT / "jobs/part3_text.sbatch", tmp_path / "a b.txt"
    book.write_text("text")
    env = dict(PYTHON="echo", SUMMARIES=tmp_path / "s", SLURM_JOB_ID=7)
    _, out, _ = bash(job, book, "--seed", 1, **env)
    assert out == f"part3/train_text.py --txt_file {book} --seed 1 --summary_path {tmp_path}/s/text_7\n"

    checkpoint = tmp_path / "s" / "text_7" / "a_run" / "checkpoint.pt"
    checkpoint.parent.mkdir(parents=True)
    status, _, err = bash(job, book, **env)  # another Slurm's job 7, long ago
    assert status == 2 and "RUN=7" in err and err.count("\n") == 1
    assert "--summary_path" in bash(job, book, **env, SLURM_RESTART_COUNT=1)[1]  # killed before it saved anything
    checkpoint.touch()
    (checkpoint.parents[1] / "a_run-2").mkdir()
    for again in (dict(SLURM_RESTART_COUNT=1), dict(SLURM_JOB_ID=9, RUN=7)):
        _, out, _ = bash(job, book, "--seed", 1, **{**env, **again})
        assert out == f"part3/train_text.py --txt_file {book} --seed 1 --resume {checkpoint}\n"


def test_the_figures_are_made_with_the_jobs_python():
    status, out, err = bash(ROOT / "jobs/plots.sbatch", "-n", "lint", PYTHON="/there/bin/python")
    assert status == 0, err
    assert "/there/bin/ruff check" in out and "venv" not in out
    status, out, err = bash(ROOT / "jobs/plots.sbatch", "-n", "lint", PYTHON="python3")  # found on the PATH
    assert status == 0 and f"{Path(shutil.which('python3')).parent}/ruff check" in out, err


def test_sites(tmp_path):
    show = "source jobs/site.sh; echo $? ${SBATCH_PARTITION:-none} ${SBATCH_GRES:-none} $SUMMARIES"
    assert bash("-c", show)[1] == "0 none none summaries\n"
    assert bash("-c", show, SITE="gpu_course")[1].startswith("0 gpu_course gpu:")
    status, _, err = bash("-c", show, SITE="lisa")
    assert "lisa" in err and err.count("\n") == 1
    activate = tmp_path / "rnn" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text('PATH=/there:$PATH; echo "active $UNSET"')  # activate scripts use variables that may be unset
    module = 'module() { echo "module $*"; }; source jobs/job.sh; echo $SUMMARIES'
    status, out, err = bash("-c", module, SITE="gpu_course", SLURM_JOB_ID=1, HOME=tmp_path, USER="me")
    assert status == 0, err
    assert "module load" in out and "active" in out and out.endswith("/scratch/me/summaries\n")


def test_the_jobs_python(tmp_path):
    show = f"cd {tmp_path}; source {ROOT}/jobs/site.sh; echo $PYTHON"
    assert bash("-c", show, PYTHON="mine")[1] == "mine\n"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/bin/sh")
    assert bash("-c", show)[1] == ".venv/bin/python\n"


@pytest.mark.parametrize("status", [0, 1, 143])
def test_the_exit_status_is_the_programs(status):
    assert bash("-c", f"source jobs/job.sh; run sh -c 'exit {status}'; echo not reached")[:2] in [
        (status, ""), (0, "not reached\n"),
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "requeued"), [(signal.SIGUSR1, True), (signal.SIGTERM, False)])
@pytest.mark.parametrize(
    ("array", "job"), [({}, "5"), ({"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "3"}, "5_3")]
)
def test_a_signal_reaches_the_program_and_the_time_limits_alone_requeues(tmp_path, number, requeued, array, job):
    """SLURM_JOB_ID may be that of the whole array: a task must name itself by its number in it."""
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho scontrol $*\n")
    (tmp_path / "scontrol").chmod(0o755)
    program = "trap 'echo saved; exit 143' TERM; echo ready; while :; do sleep 0.05; done"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "5", **array}
    command = ["bash", "-c", f'source jobs/job.sh; run sh -c "{program}"']
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the program too
        raise
    assert process.returncode == 143
    assert out == "saved\n" + (f"scontrol requeue {job}\n" if requeued else "")


def test_two_signals_at_once_are_one(monkeypatch):
    """Slurm signals every process of a job where it tracks them by their parents, and the shell passes its own on."""
    later = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: later.append(number))
    try:
        with StopRequest() as stop:
            for _ in range(3):
                signal.raise_signal(signal.SIGTERM)
            assert stop and stop.status == 143 and not later
        monkeypatch.setattr(time, "monotonic", iter([10.0, 11.5]).__next__)
        with StopRequest():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)  # a second and a half later: as it was before
            assert later == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_tasks_that_end_together_leave_the_whole_table(run_script, tmp_path, monkeypatch):
    """One task lists the results, another finishes and writes all, then the first writes its shorter list."""
    values = {"num_hidden": [8], "batch_size": [8], "train_steps": [4], "input_length": [3], "seed": [1, 2]}
    for cell, config in sweep.cells([values], 60).items():
        (tmp_path / cell).mkdir()
        write_json(tmp_path / cell / "config.json", vars(config))
        train.train(config, tmp_path / cell)
    result = tmp_path / cell / "result.json"
    result.rename(tmp_path / "later.json")  # the cell of task 1, which still trains
    argv = [word for flag in values for word in (f"--{flag}", *values[flag])]
    argv += ["--num_tasks", 2, "--summary_path", tmp_path, "--table", tmp_path / "table.csv"]
    write_table = sweep.write_table

    def write_late(path, folder, grid):
        monkeypatch.setattr(sweep, "write_table", write_table)
        write_table(tmp_path / "short.csv", folder, grid)
        (tmp_path / "later.json").rename(result)
        assert run_script(sweep.main, *argv, "--task_id", 1)[0] == 0
        (tmp_path / "short.csv").replace(path)

    monkeypatch.setattr(sweep, "write_table", write_late)
    assert run_script(sweep.main, *argv, "--task_id", 0)[0] == 0
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 3
