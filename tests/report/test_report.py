# SPDX-License-Identifier: MIT
"""The report says what the results say: its numbers and tables are made anew, and none is typed in by hand."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from common.cli import UserError
from report import latex, make, sources, tables_part1, tables_text

REPORT = Path(__file__).resolve().parents[2] / "report"
TEXTS = [REPORT / "report.tex", *sorted((REPORT / "text").glob("*.tex"))]
ALLOWED = {  # numbers of equations, questions and figures, T, years, settings
    "part1": "0 1 3 10 .001 .2 .1 .5 11 15 30 40 50 100 1.1 1.2 1.3 1.4 1.5 1.6 20 250 2017 2018",
    "part2": "1 2 5 6 12 .001 125 14 15 16 100 1.1 2.1 2.2 2.3 1.2 1.25",  # the task's periods
    "part3": "18 2.1 2.3 3.1 .5 600 2017",
    # T, H, the latch's numbers, the KTH report's, nanoGPT's
    "beyond": ".001 .03 .1 16 30 64 128 256 500 .96 .5 .533 .08 .17 .98 20 50 200 10 39 42 25 1.56 1.68 90 1.47 100",
    "comparison": "",
    "report": "",
}


def test_the_committed_numbers_and_tables_are_those_of_the_results(tmp_path, run_script):
    status, _, _ = run_script(make.main, "--to", tmp_path)
    assert status == 0
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in (REPORT / "generated").iterdir()}
    assert made == committed, "run make figures"


@pytest.mark.parametrize("path", [path for path in TEXTS if path.stem != "references"], ids=lambda path: path.stem)
def test_no_number_is_typed_in_by_hand(path):
    allowed = set(ALLOWED[path.stem].split())
    text = re.sub(
        r"(?<!\\)%.*|\\(val|generated|drawn\{[^}]*\}|label|ref|cite|code|input)\{[^}]*\}", "", path.read_text("utf-8")
    )
    text = re.sub(r"10\{,\}000|\d[\d.,]*\\linewidth", "", text.partition(r"\begin{document}")[2] or text)
    typed = numbers(text)
    assert {word for word in typed if len(word) > 1} <= allowed
    words = re.sub(
        r"(?s)\\begin\{equation\*\}.*?\\end\{equation\*\}|\$[^$]*\$|\(\d\)", "", text
    )  # no formulas, equations
    assert numbers(words) <= allowed


def test_all_that_the_report_names_is_there():
    text = "".join(path.read_text("utf-8") for path in [*TEXTS, *(REPORT / "generated").glob("*.tex")])
    text = re.sub(r"(?<!\\)%.*", "", text)
    made = (REPORT / "generated" / "values.tex").read_text("utf-8")
    named = {macro: set(re.findall(rf"\\{macro}\{{([^#}}]+)\}}", text)) for macro in ("val", "generated")}
    drawn = set(re.findall(r"\\drawn\{[^}]*\}\{([^#}]+)\}", text))
    assert all(named.values()) and drawn
    assert {name for name in named["val"] if rf"\csname val:{name}\endcsname" not in made} == set()
    assert {name for name in named["generated"] if not (REPORT / "generated" / f"{name}.tex").exists()} == set()
    assert {name for name in drawn if not (REPORT / "figures" / f"{name}.pdf").exists()} == set()


def test_the_readme_counts_the_runs_that_agree_as_the_report_does():
    readme = " ".join((REPORT.parent / "README.md").read_text("utf-8").split())
    values = tables_part1.agreement(REPORT / "results")["values"]
    assert f"of {values['agreement.runs']} runs" in readme
    assert f"{values['agreement.same']} are solved at the same update in all of them and" in readme
    assert f"{values['agreement.opposed']} in one but not in another" in readme


def numbers(text):
    return {word.rstrip(".,") for word in re.findall(r"\.?\d[\d.,]*", text)}


def test_a_number_follows_its_result(tmp_path):
    shutil.copytree(REPORT / "results" / "part1", tmp_path / "part1")
    before = tables_part1.gradients(tmp_path)["values"]["check.count"]
    path = tmp_path / "part1" / "gradient_check.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "errors": 12345}))
    assert (before, tables_part1.gradients(tmp_path)["values"]["check.count"]) == ("290", "12,345")


def test_what_is_missing_is_named(tmp_path, run_script):
    (tmp_path / "empty").mkdir()
    status, out, _ = run_script(make.main, "--results", tmp_path / "empty", "--to", tmp_path)
    assert status == 0 and "left out, reach: part1/reach.csv is missing" in out


def test_a_table_of_an_earlier_call_goes_and_nothing_else(tmp_path, run_script):
    (tmp_path / "results").mkdir()
    (tmp_path / "reach.tex").write_text(make.MARK + "old")
    (tmp_path / "report.tex").write_text("mine")
    assert run_script(make.main, "--results", tmp_path / "results", "--to", tmp_path)[0] == 0
    assert not (tmp_path / "reach.tex").exists() and (tmp_path / "report.tex").read_text() == "mine"


def test_a_failed_ablation_has_no_smooth_loss():
    rows = [{"optimizer": "adagrad", "lowest_smooth_loss": 1.5}, {"optimizer": "adagrad", "failed": "not finite"}]
    rows.append({"optimizer": "sgd", "lowest_smooth_loss": 1.4})
    assert tables_text.best_adagrad({"rows": rows}) == rows[0]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="not there"):
        make.main(["--results", str(tmp_path / "none"), "--to", str(tmp_path / "to")])
    assert not (tmp_path / "to").exists()


def test_values_and_texts_as_latex():
    assert (
        latex.decimals(0.99961, 4) == ".9996" and latex.decimals(1.0, 2) == "1.00" and latex.decimals(1.4, 2) == "1.40"
    )
    assert latex.setting(0.001) == ".001" and latex.setting(128) == "128" and latex.setting(0.0) == "0"
    assert latex.count(10_000) == "10,000" and latex.power(1.57e-15) == r"$1.6\cdot 10^{-15}$"
    assert latex.escape("5% & $x_1$ \\{") == r"5\% \& \$x\_1\$ \textbackslash{}\{"


def test_solved_of():
    rows = [{"solved_at": 100}, {"solved_at": None}, {"solved_at": 300}]
    assert tables_part1.solved_of(rows) == "2/3 (200)" and tables_part1.solved_of(rows[1:2]) == "0/1"


def test_one_training_in_two_tables_does_not_agree_with_itself(tmp_path):
    rows = (REPORT / "results" / "part1" / "lengths.csv").read_text("utf-8").splitlines()
    head, row = rows[0], next(line for line in rows[1:] if ",solved," in line)
    date = dict(zip(head.split(","), row.split(","), strict=True))["date"]
    (tmp_path / "part1").mkdir()
    counts = []
    for of_b in (row, row.replace(date, "2018-11-01T00:00:00+00:00")):
        for name, line in (("a", row), ("b", of_b)):
            (tmp_path / "part1" / f"{name}.csv").write_text(f"{head}\n{line}\n")
        counts.append(tables_part1.agreement(tmp_path)["values"]["agreement.same"])
    assert counts == ["0", "1"]


def test_the_committed_pdf_is_made_of_these_sources():
    pdf = (REPORT / "report.pdf").read_bytes()
    assert sources.digest().encode() in pdf, "run make report"
    assert 10 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 16


def test_the_digest_follows_the_text(tmp_path):
    shutil.copytree(REPORT, tmp_path / "report", ignore=shutil.ignore_patterns("results", "figures", "*.pdf"))
    assert sources.digest(tmp_path / "report") == sources.digest()
    with open(tmp_path / "report" / "text" / "part1.tex", "a") as f:
        f.write("more")
    assert sources.digest(tmp_path / "report") != sources.digest()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="TeX is not installed")
def test_it_compiles(tmp_path):
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-output-directory", tmp_path, "report.tex"]
    process = subprocess.run(command, cwd=REPORT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout[-1000:]


def test_damaged_results_take_nothing_away(tmp_path, run_script):
    shutil.copytree(REPORT / "results", tmp_path / "results")
    assert run_script(make.main, "--results", tmp_path / "results", "--to", tmp_path / "made")[0] == 0
    before = {path.name: path.read_text("utf-8") for path in (tmp_path / "made").iterdir()}
    (tmp_path / "results" / "part1" / "lengths.csv").write_bytes(b"\xff")
    (tmp_path / "results" / "part2" / "learnability.json").write_text("[1]")
    status, _, err = run_script(make.main, "--results", tmp_path / "results", "--to", tmp_path / "made")
    assert status == 2 and "lengths (" in err and "learnability (" in err and err.count("\n") == 1
    assert before == {path.name: path.read_text("utf-8") for path in (tmp_path / "made").iterdir()}
