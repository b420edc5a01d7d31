# SPDX-License-Identifier: MIT
"""A Project Gutenberg text without what stands around the book: its header, and the licence behind it.

The licence is 19,000 characters of English law, whatever the book. Left in, it is 70 % of the last twentieth of Grimm,
where the test part lies, and a model would be measured on it.
"""

import re

# "*** START OF THIS PROJECT GUTENBERG EBOOK GRIMMS' FAIRY TALES ***", alone on its line (a long title: on two) or in a
# LaTeX comment; likewise END. The first END has the licence behind it, and often "End of Project Gutenberg's Grimms'
# Fairy Tales, by The Brothers Grimm" before it.
MARKER = r"^[% ]*\*\*\* ?{} OF TH(?:E|IS) PROJECT GUTENBERG E(?:BOOK|TEXT)[^*]{{0,300}}\*\*\*.*$"
START = re.compile(MARKER.format("START"), re.I | re.M)
END = re.compile(MARKER.format("END"), re.I | re.M)
LAST_LINE = re.compile(r"^[% ]*End of (?:the |this )?Project Gutenberg[^\n]*(?:\n[^\n]+)?\s*\Z", re.I | re.M)


def strip_gutenberg(text):
    """The book alone, ending in one newline; a text without Project Gutenberg's marks comes back as it is.

    What is kept stands between the last START before the first END and that END. (A LaTeX source has START twice: in a
    comment, and on the page that it prints; its preamble between the two goes too.) Where several such texts were put
    into one file, the book of each is kept. Older texts have a "small print" without these marks, which stays.

    Args:
        text: with LF line ends and no byte-order mark, as read_text gives it.

    Returns:
        (the book, ending in one newline; a description of what was cut, "" where nothing was).
    """
    before, *after = END.split(text)
    parts = [before, *(part for part in after if START.search(part))]
    books = [START.split(part)[-1].rstrip() for part in parts]
    kept = "\n".join(LAST_LINE.sub("", book).strip() + "\n" for book in books)
    marked = START.search(text) or after or LAST_LINE.search(text)
    if not marked or not kept.strip():
        return text, ""
    return kept, f"{len(text) - len(kept):,} of {len(text):,} characters cut: Project Gutenberg's header and licence"
