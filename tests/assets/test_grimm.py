# SPDX-License-Identifier: MIT
"""assets/grimm.txt is prose of its own: long enough, dense enough, and nobody else's."""

import lzma
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "assets" / "grimm.txt").read_text(encoding="utf-8")
TITLES = [line for line in TEXT.splitlines() if line and line == line.upper() and any(map(str.isalpha, line))]
REFRAINS = 3  # lines of six words and more that a tale's own verse says twice


def words(text):
    return re.findall(r"[a-z]+", text.lower().replace("'", "").replace("’", ""))


def test_it_is_long_enough_and_everyone_expected_is_in_it():
    assert len(TEXT) >= 160_000
    assert len(TITLES) >= 40 and len(set(TITLES)) == len(TITLES)
    for name in (
        "Hansel",
        "Gretel",
        "Rapunzel",
        "Red-Cap",
        "Rumpelstiltskin",
        "Snow White",
        "Sleeping Beauty",
        "Cinderella",
    ):
        assert name in TEXT
    for title in ("THE FROG KING", "THE GOLDEN BIRD", "THE BREMEN TOWN MUSICIANS"):
        assert any(title in line for line in TITLES)


def test_characters_and_lines():
    assert set(re.findall(r"[^\x20-\x7e\n]", TEXT)) == set("“”‘’")
    assert '"' not in TEXT and "\t" not in TEXT
    assert max(map(len, TEXT.splitlines())) <= 72
    for paragraph in TEXT.split("\n\n"):
        assert paragraph.count("“") == paragraph.count("”"), paragraph


def test_it_is_as_dense_as_real_prose():
    packed = lzma.compress(TEXT.encode(), preset=9 | lzma.PRESET_EXTREME)
    assert 8 * len(packed) / len(TEXT) >= 2.35


def test_no_long_line_stands_twice_but_refrains():
    lines = Counter(line.strip() for line in TEXT.splitlines() if len(words(line)) >= 6)
    twice = [line for line, count in lines.items() if count > 1]
    verses = {line.strip() for line in TEXT.splitlines() if line.startswith("    ")}
    assert set(twice) <= verses and len(twice) <= REFRAINS, twice


def test_it_shares_no_run_of_ten_words_with_the_translation():
    path = ROOT.parent / "shared" / "books" / "grimms_fairy_tales.txt"
    if not path.exists():
        pytest.skip("the translation is not here to compare with")

    def runs(text):
        all_words = words(text)
        return {tuple(all_words[i : i + 10]) for i in range(len(all_words) - 9)}

    assert not runs(TEXT) & runs(path.read_text(encoding="utf-8-sig"))
