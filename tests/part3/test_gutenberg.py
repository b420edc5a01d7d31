# SPDX-License-Identifier: MIT
"""What Project Gutenberg put around a book goes; the book, and texts from elsewhere, stay as they are."""

import re
from pathlib import Path

import pytest

from part3 import train_text
from part3.gutenberg import strip_gutenberg
from part3.text import read_text

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "books"

HEADER = "The Project Gutenberg EBook of Tales, by Nobody\n\nThis eBook is for the use of anyone anywhere.\n\n"
LICENCE = "\n\n*** START: FULL LICENSE ***\n\nThe licence of Project Gutenberg.\n"
BOOK = "A TALE\n\n  Once upon a time,\n* * *\nand that was the end of the project.\n"
START = "*** START OF THIS PROJECT GUTENBERG EBOOK TALES ***"
END = "*** END OF THIS PROJECT GUTENBERG EBOOK TALES ***"
LAST = "End of Project Gutenberg's Tales, by Nobody\n\n"

# Of each book: its characters; those of the book alone; how that begins and ends.
BOOKS = {
    "grimms_fairy_tales.txt": (540_240, 520_793, "Produced by Emma Dudding", "reading ever\nsince.\n"),
    "democracy_in_america.txt": (1_148_434, 1_129_001, "Produced by David Reed", "rapidly in proportion.]\n"),
    "calculus_made_easy.tex": (434_571, 343_695, "\\end{PGtext}", "\\License\n\n\\begin{PGtext}\n"),
    "don_quijote.txt": (2_117_497, 2_098_083, "Produced by an anonymous", "Vale.\n\n\n\nFin\n"),
    "anna_karenina.txt": (1_983_511, 1_964_571, "Chapter 1\n\nHappy families", "power to put into it.”\n"),
    "shakespeare.txt": (1_115_394, 1_115_394, "First Citizen:", "Whiles thou art waking.\n"),
}


@pytest.mark.parametrize(
    "text",
    [
        HEADER + START + "\n\n\n" + BOOK + "\n\n\n" + LAST + END + LICENCE,
        HEADER + START + "\n" + BOOK + END + LICENCE,  # newer: no last line
        HEADER + START.replace("THIS", "THE") + "\n" + BOOK + END.replace("THIS", "THE") + LICENCE,
        HEADER + START.replace("*** ", "***") + "\n" + BOOK + END.replace("*** ", "***") + LICENCE,
        HEADER + START.replace("EBOOK", "ETEXT") + "\n" + BOOK + END.replace("EBOOK", "ETEXT") + LICENCE,
        HEADER + START.replace("TALES", "TALES OF\nA LONG TITLE") + "\n" + BOOK + LAST + END + LICENCE,
        HEADER + START + "\n" + BOOK + LAST.replace("'", "’") + END + LICENCE,
        HEADER + START + "\n" + BOOK + "End of The Project Gutenberg Etext of Tales by Nobody\n\n\n" + END + LICENCE,
        HEADER + START + "\n" + BOOK + "End of the Project Gutenberg EBook of Tales, by \nNobody\n\n" + END + LICENCE,
        "% " + START + "\n" + BOOK + "% " + LAST + "% " + END + "\n" + LICENCE,  # in comments
        BOOK + LAST + END + LICENCE,  # the header was taken off before
        HEADER + START + "\n" + BOOK,  # the licence was
        BOOK + "\n\n" + LAST,  # all but the last line was
    ],
)
def test_every_form_leaves_the_book(text):
    book, cut = strip_gutenberg(text)
    assert book == BOOK
    assert cut == f"{len(text) - len(BOOK)} of {len(text)} characters cut: Project Gutenberg's header and licence"


def test_a_latex_source_loses_both_headers_and_its_log():
    comment = "".join(f"% {line:<60} %\n" for line in [*HEADER.splitlines(), START])
    page = "\\begin{document}\n" + HEADER + START + "\n"
    end = "\\end{document}\n% " + END + " %\nThis is pdfTeX\n"
    assert strip_gutenberg(comment + "\\def\\x{1}\n" + page + BOOK + LAST + END + LICENCE + end)[0] == BOOK


def test_two_books_in_one_file_are_both_kept():
    text = HEADER + START + "\n" + BOOK + LAST + END + LICENCE
    assert strip_gutenberg(text + text)[0] == BOOK + "\n" + BOOK


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n  A poem without marks  \n\n",
        "The end of the Project Gutenberg library.\n",
        "He said: *** START OF THE PROJECT GUTENBERG EBOOK *** and laughed.\nSo did we.\n",
        LAST + BOOK,  # not at the end
        HEADER + START + "\n" + END + LICENCE,  # no book at all
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert strip_gutenberg(text) == (text, "")


def test_the_tales_of_this_repository():
    text = read_text(ROOT / "assets/grimm.txt")
    assert strip_gutenberg(text) == (text, "")
    assert {c for c in text if not c.isascii()} == set("“”‘’")


@pytest.mark.parametrize("name", BOOKS)
def test_the_real_books(name):
    characters, kept, first, last = BOOKS[name]
    text = read_text(shared(name))
    assert len(text) == characters
    assert "\r" not in text
    assert not text.startswith("\ufeff")
    book, cut = strip_gutenberg(text)
    assert len(book) == kept
    assert book.startswith(first)
    assert book.endswith(last)
    assert book[:-1] in text
    assert not re.search("Project Gutenberg-tm|PROJECT GUTENBERG EBOOK|GUTENBERG LICENSE\n", book)
    assert bool(cut) == (name != "shakespeare.txt")


@pytest.mark.parametrize("name", BOOKS)
def test_the_real_books_train(name, tmp_path, capsys):
    sizes = "--seq_length 8 --lstm_num_hidden 8 --batch_size 4 --train_steps 20 --print_every 10 --sample_every 20"
    fractions = "--val_fraction 0.001 --test_fraction 0.001 --sample_length 5 --device cpu"
    flags = [*sizes.split(), *fractions.split(), "--summary_path", str(tmp_path)]
    assert train_text.main(["--txt_file", str(shared(name)), *flags]) == 0
    (result,) = tmp_path.glob("*/result.json")
    assert '"steps": 20' in result.read_text(encoding="utf-8")
    out, err = capsys.readouterr()
    assert "Train Step 0020/0020" in out
    assert ("read as Latin-1" in err) == (name == "calculus_made_easy.tex")


def shared(name):
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not here")
    return SHARED / name
