# SPDX-License-Identifier: MIT
"""What generate.py goes on with: prompts as a model knows them, and how a book goes on after the same words."""

import re
import sys

import torch

from common.cli import UserError
from part3.text import read_text

NAMED = 10  # of the characters left out


def known(prompt, vocabulary, unknown="refuse"):
    """The prompt, all of whose characters the model knows.

    With unknown="skip" the others are left out, and a line on stderr says so.

    Raises:
        UserError: the prompt is empty, or has a character that the model does not know (the line names it and its
            place); with "skip", nothing is left.
    """
    if not prompt:
        raise UserError("the prompt is empty; give at least one character, or no prompt for a random one")
    if unknown == "skip":
        places = [(place, c) for place, c in enumerate(prompt, 1) if c not in vocabulary.characters]
        if len(places) == len(prompt):
            raise UserError(f"the model knows no character of {prompt[:40]!r}; it knows {vocabulary.characters!r}")
        if places:
            named = ", ".join(f"{character!r} (number {place})" for place, character in places[:NAMED])
            named += f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
            print(f"left out of {prompt[:40]!r}, as the model does not know it: {named}", file=sys.stderr)
        prompt = vocabulary.without_unknown(prompt)
    try:
        vocabulary.encode(prompt)
    except UserError as error:
        raise UserError(f"{error}; --unknown skip leaves it out") from None
    return prompt


def of_file(path, vocabulary, unknown="refuse"):
    """The lines of a file, each a prompt; those without a visible character are skipped. Blanks at an end count.

    Raises:
        UserError: the file cannot be read or has no prompt, or a line does not serve (see known()); it is numbered.
    """
    prompts = []
    for number, line in enumerate(text_of(path, "--prompt_file").split("\n"), 1):
        if line.strip():
            try:
                prompts.append(known(line, vocabulary, unknown))
            except UserError as error:
                raise UserError(f"line {number} of {path}: {error}") from None
    if not prompts:
        raise UserError(f"{path} has no line with a prompt; write one prompt a line")
    return prompts


def random_characters(number, vocabulary, rng):
    """So many first characters, each as likely as any other."""
    return list(vocabulary.decode(torch.randint(len(vocabulary), (number,), generator=rng)))


def text_of(path, flag):
    """A text file's content, see read_text(); its complaint names the flag that the path was given with."""
    try:
        return read_text(path)
    except UserError as error:
        raise UserError(str(error).replace("--txt_file", flag)) from None


def true_continuation(book, prompt, length, stop=""):
    """How the book itself goes on after the prompt: (the text, the place where it begins, how many places there are).

    Books break their lines anywhere, so white space of the prompt is found as any white space. The first place counts;
    None where there is none. The text has `length` characters, or fewer where `stop` or the book ends it.
    """
    words = r"\s+".join(re.escape(word) for word in re.split(r"\s+", prompt))
    places = [match.end() for match in re.finditer(words, book)]
    if not places:
        return None
    text = book[places[0] : places[0] + length]
    if stop and stop in text:
        text = text[: text.index(stop) + len(stop)]
    return text, places[0], len(places)
