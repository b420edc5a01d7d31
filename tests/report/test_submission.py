# SPDX-License-Identifier: MIT
"""The archive has code and report in their folders, and nothing that a run leaves behind."""

import zipfile

import pytest

from common.cli import UserError
from report import submission


@pytest.fixture
def project(tmp_path):
    for name in (
        "part1/train.py", "part3/activations.html", "report/report.pdf", "report/report.tex", "assets/grimm.txt",
        "assets/books/long.txt", "part1/__pycache__/train.pyc", "part1/__pycache__/x.py", "jobs/logs/1.txt",
        "jobs/site.sh",
        "report/report.aux", "summaries/run/best.pt", "README.md",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_folders_are_kept(project):
    path = submission.pack(project, "de-Vries", project)
    assert path.name == "de-Vries_assignment2.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None and archive.read("part1/train.py") == b"part1/train.py"
        assert sorted(archive.namelist()) == [
            "README.md", "assets/grimm.txt", "jobs/site.sh", "part1/train.py", "part3/activations.html",
            "report/report.pdf", "report/report.tex",
        ]  # fmt: skip


def test_the_real_one_has_every_script(tmp_path):
    names = {str(path.relative_to(submission.ROOT)) for path in submission.packed(submission.ROOT)}
    assert {"part1/train.py", "part2/train.py", "part3/train_text.py", "assets/grimm.txt", "Makefile"} <= names
    assert not any("__pycache__" in name or name.startswith(("summaries", ".venv")) for name in names)


@pytest.mark.parametrize("name", ["", "a/b", "../x", "van Dyke"])
def test_a_name_that_is_none(project, name):
    with pytest.raises(UserError, match="last name"):
        submission.pack(project, name, project)


def test_without_a_report(project):
    (project / "report" / "report.pdf").unlink()
    with pytest.raises(UserError, match="make report"):
        submission.pack(project, "x", project)
    assert not (project / "x_assignment2.zip").exists()
