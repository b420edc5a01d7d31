# SPDX-License-Identifier: MIT
import json

import pytest

from part3 import markup, train_text
from part3.markup import beginnings, count, summary


def of(text, language, kind, start=0):
    """(opened, closed, open at the end, stray)"""
    return tuple(count(text, language, start)[kind].values())


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        (r"\begin{center} x \end{center}", "environment", (1, 1, 0, 0)),
        (r"\begin{center} x", "environment", (1, 0, 1, 0)),
        (r"x \end{center}", "environment", (0, 0, 0, 1)),
        (r"\begin{a} \begin{b} \end{b} \end{a}", "environment", (2, 2, 0, 0)),
        (r"\begin{a} \begin{b} \end{a} \end{b}", "environment", (2, 1, 0, 1)),  # b is not closed within a
        (r"\begin{align*} \end{align}", "environment", (1, 0, 1, 1)),
        (r"\begin{a} \begin{a} \end{a}", "environment", (2, 1, 1, 0)),
        (r"\begin x \end{a}", "environment", (1, 0, 0, 1)),  # no name
        (r"\begingroup \endgroup \beginning", "environment", (0, 0, 0, 0)),
        ("% \\begin{a}\n", "environment", (0, 0, 0, 0)),
        (r"\[ x \]", "display", (1, 1, 0, 0)),
        (r"\\[2ex] x", "display", (0, 0, 0, 0)),  # a line's end with some space
        (r"\begin{a} \[ x \end{a} \]", "display", (1, 0, 0, 1)),
        ("$x$ and $y$", "dollar", (2, 2, 0, 0)),
        ("$x$ and $y", "dollar", (2, 1, 1, 0)),
        (r"\$5 and $5$, 7\$", "dollar", (1, 1, 0, 0)),
        ("$$ x $$", "dollar", (1, 1, 0, 0)),
        ("$x\n\n$y$", "dollar", (2, 1, 0, 0)),  # the paragraph ends the first
        ("$x\n $", "dollar", (1, 1, 0, 0)),
        ("$x\n  \n$", "dollar", (2, 0, 1, 0)),
        ("$ % $\n $", "dollar", (1, 1, 0, 0)),
        (r"5\% $x$", "dollar", (1, 1, 0, 0)),
        (r"$x_{\text{for $y$}} + 1$", "dollar", (2, 2, 0, 0)),
        (r"$\frac{1}{x$", "dollar", (2, 0, 2, 0)),
        ("{ { } }", "brace", (2, 2, 0, 0)),
        ("} {", "brace", (1, 0, 1, 1)),
        (r"\{ {", "brace", (1, 0, 1, 0)),
        (r"\\{ }", "brace", (1, 1, 0, 0)),  # \\ and a brace
        (r"\begin{a} { \end{a} }", "brace", (1, 0, 0, 1)),
        ("$ { $", "brace", (1, 0, 1, 0)),
        ("$ {\n\n } $", "brace", (1, 0, 0, 1)),
    ],
)
def test_latex(text, kind, expected):
    assert of(text, "latex", kind) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>x</p>", (1, 1, 0, 0)),
        ("<p>x", (1, 0, 1, 0)),
        ("x</p>", (0, 0, 0, 1)),
        ("<b><i>x</i></b>", (2, 2, 0, 0)),
        ("<b><i>x</b></i>", (2, 1, 0, 1)),
        ("<P>x</p >", (1, 1, 0, 0)),
        ("<br><img src='a'><hr/><meta x=y>", (0, 0, 0, 0)),
        ("<path d='M0' /><svg></svg>", (1, 1, 0, 0)),
        ("<a href=\"x>y\" title='a'>z</a>", (1, 1, 0, 0)),
        ("<h1>1 < 2 &lt; 3 <</h1>", (1, 1, 0, 0)),
        ("<h1>x</h2>", (1, 0, 1, 1)),
        ("<div <p>x</p>", (2, 1, 0, 0)),  # a tag without an end
        ("<!DOCTYPE html><!-- <p> --><p></p>", (1, 1, 0, 0)),
        ("<!-- <p>", (0, 0, 0, 0)),
        ("<script>if (a<b) '<p>'</script><i></i>", (2, 2, 0, 0)),
        ("<style>p > b {}</style>", (1, 1, 0, 0)),
        ("<script>x", (1, 0, 1, 0)),
    ],
)
def test_html(text, expected):
    assert of(text, "html", "element") == expected


def test_counted_is_what_is_opened_from_a_place_on():
    text = "<p><b>x</b></p><i></i></u>"
    assert of(text, "html", "element", 3) == (2, 2, 0, 1)
    assert of("{ { } } }", "latex", "brace", 2) == (1, 1, 0, 1)
    assert of("} {}", "latex", "brace", 1) == (1, 1, 0, 0)
    assert of("{ x", "latex", "brace", 2) == (0, 0, 0, 0)


def test_summary():
    rows = summary(["<p>x</p>" + " " * 92, "<p>" + " " * 97], "html")
    assert rows == {"element": dict(opened=2, closed=1, open_at_end=1, stray=0, share_closed=0.5, opened_per_1000=10.0)}
    assert summary(["x" * 10], "latex", 5)["dollar"]["share_closed"] is None
    assert summary(["x" * 10 + "{}" * 5], "latex", 10)["brace"]["opened_per_1000"] == 500


def test_beginnings():
    text = "a\n\nbcde\n \nfgh\n\n\ni\n\nj"
    assert [text[place] for place in beginnings(text, 1, 9)] == ["b", "f", "i", "j"]
    assert [text[place] for place in beginnings(text, 5, 9)] == ["b", "f"]  # five characters stand after each
    assert [text[place] for place in beginnings(text, 8, 9)] == ["b"]  # and do not overlap
    assert [text[place] for place in beginnings(text, 1, 2)] == ["b", "j"]
    assert beginnings("no end", 1, 9) == []


@pytest.fixture(scope="module")
def run_folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("markup")
    (folder / "b.tex").write_text("\\begin{center}\n $x^{2}$ and \\[ y \\]\n\\end{center}\n\n" * 150, encoding="utf-8")
    (folder / "b.html").write_text("<div><p>Some words<br></p>\n</div>\n\n" * 200, encoding="utf-8")
    (folder / "b.txt").write_text("Some words.\n\n" * 200, encoding="utf-8")
    argv = ["--lstm_num_hidden", 16, "--seq_length", 9, "--batch_size", 8, "--train_steps", 60, "--learning_rate", 0.02]
    for ending in ("tex", "html", "txt"):
        book = ["--txt_file", folder / f"b.{ending}", "--summary_path", folder / ending]
        train_text.main([str(word) for word in [*argv, *book]])
        next((folder / ending).iterdir()).rename(folder / ending / ending)
    return {ending: folder / ending / ending for ending in ("tex", "html", "txt")}


def test_the_whole(run_folders, run_script, tmp_path):
    outputs = []
    for name in ("a", "b"):
        argv = ["--checkpoint", run_folders["tex"], run_folders["html"], "--length", 130, "--num_samples", 3]
        status, out, err = run_script(markup.main, *argv, "--output", tmp_path / name / "m.json")
        assert status == 0 and err == ""
        outputs.append(json.loads((tmp_path / name / "m.json").read_text(encoding="utf-8")))
    assert [output.pop("date") for output in outputs] and outputs[0] == outputs[1]
    assert "training text, in pieces" in out
    latex, html = outputs[0]["runs"]["tex"], outputs[0]["runs"]["html"]
    assert latex["language"] == "latex" and html["language"] == "html"
    assert latex["training_text"]["dollar"]["share_closed"] == html["training_text"]["element"]["share_closed"] == 1
    assert 0.5 < latex["training_pieces"]["environment"]["share_closed"] < 1  # the cut costs something
    assert set(latex["generated"]) == {"0", "0.5", "1"} and latex["texts"] == 3
    assert latex["generated"]["1"]["brace"]["opened"] > 0
    assert [sample["temperature"] for sample in html["samples"]] == [0, 0, 0.5, 0.5]


@pytest.mark.parametrize(
    ("run", "argv", "word"),
    [
        ("txt", [], ".tex"),
        ("tex", ["--length", 10_000], "--length"),
        ("tex", ["--output", "."], "is a folder"),
        ("tex", ["--num_samples", 0], "--num_samples"),
        ("tex", ["--checkpoint", "a", "a"], "cannot read"),
    ],
)
def test_what_does_not_serve_is_one_line(run_folders, run_script, tmp_path, monkeypatch, run, argv, word):
    monkeypatch.chdir(tmp_path)
    status, out, err = run_script(markup.main, "--checkpoint", run_folders[run], "--output", "m.json", *argv)
    assert status == 2 and err.count("\n") == 1 and word in err and out == ""


def test_two_of_one_name(run_folders, run_script, tmp_path):
    argv = ["--checkpoint", run_folders["tex"], run_folders["tex"], "--output", tmp_path / "m.json"]
    status, _, err = run_script(markup.main, *argv)
    assert status == 2 and err.count("\n") == 1 and "'tex'" in err
