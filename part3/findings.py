# SPDX-License-Identifier: MIT
"""What finished runs show, as plain values that JSON takes: samples over training, styles, languages, sentences.

experiments.py writes them, text_plots.py draws them. B texts, N characters of a text, V vocabulary.
"""

from argparse import Namespace
from dataclasses import replace

import numpy as np

from common.run import read_json, read_table
from part3.evaluation import bpc, text_loss
from part3.gutenberg import strip_gutenberg
from part3.model import build_model
from part3.temperature import words
from part3.text import read_text
from part3.trained import SEED, finish_prompts, load_run

POINTS = 200  # of a loss curve
AVERAGED = 200  # updates over whose logged batches the training loss beside a sample is averaged
GRAM = 20  # characters that are the licence's where they stand in it
TEMPERATURES = (0, 0.5, 1.0)
STYLE_LENGTH, SENTENCE_LENGTH, LANGUAGE_LENGTH = 200, 80, 200  # characters after a prompt
TEXTS = 20  # for each prompt, where texts are counted
STYLE_PROMPT = "He did not really like "  # the report of 2018
# The sentences of the 2017 reports, that of 2018, and the assignment's.
SENTENCES = (
    "The prince went to",
    "The princess said:",
    "The forest was",
    "The night was dark",
    "To be, or not to be, that is the question: Whether ",
    "History will be kind to me for I intend to ",
    "Hansel and Gr",
    "Let T be a bounded linear operator in V, a vector space.",
    "Mas vale pajaro en mano que ver un ciento v",
    STYLE_PROMPT,
    "Sleeping beauty is ",
)
ENGLISH_AND_SPANISH = SENTENCES[4:9]  # those that one report gave to both of its models


def training(folder, recipe, device, book=None):
    """One run over its training: curves of at most POINTS points, and its samples with the losses then.

    A sample's training loss is the mean over the batches that were logged in the AVERAGED updates before it; its
    validation loss is the last one that was measured by then.
    """
    result, rows = read_json(folder / "result.json"), read_table(folder / "metrics.csv")
    batches = [(int(row["step"]), float(row["loss"])) for row in rows if row["loss"]]
    validations = {int(row["step"]): float(row["validation_loss"]) for row in rows if row["validation_loss"]}
    last = load_run(folder / "checkpoint.pt", device, book)
    samples = [before_training(last)]
    written = read_table(folder / "samples.csv")
    for row in written:
        step = int(row["step"])
        if not recipe.shown or step in recipe.shown or row["step"] == written[-1]["step"]:
            losses = [loss for at, loss in batches if step - AVERAGED < at <= step]
            by_then = next((loss for at, loss in reversed(validations.items()) if at <= step), None)
            sample = {"step": step, "temperature": float(row["temperature"]), "text": row["text"]}
            samples.append({**sample, **two_losses(np.mean(losses) if losses else None, by_then)})
    return {
        **{key: value for key, value in result.items() if key not in ("versions", "config")},
        "book": last.about["book"],
        "config": last.about["config"],
        "training_curve": thinned(batches),
        "validation_curve": thinned(list(validations.items())),
        "samples": samples,
        "sentences": [row for t in TEMPERATURES for row in begun_sentences(last, recipe.letters, t)],
    }


def begun_sentences(run, letters, temperature):
    """A sentence from each of these first letters, as long as the run's samples."""
    for letter in letters:
        ((text,),) = finish_prompts(run, [letter], run.config["sample_length"], temperature)
        yield {"first": letter, "temperature": temperature, "text": letter + text}


def before_training(run):
    """A sample of the weights that the run began with, and their loss."""
    model = build_model(Namespace(**{**run.config, "device": run.device}), len(run.vocabulary)).eval()
    untrained = replace(run, model=model)
    first = run.vocabulary.characters[np.random.default_rng((run.config["seed"], 0, 1)).integers(len(run.vocabulary))]
    ((text,),) = finish_prompts(untrained, [first], run.config["sample_length"], 1.0)
    train, val = run.data.train[:10_000], run.data.val
    losses = [text_loss(model, part, run.device) if len(part) else None for part in (train, val)]
    return {"step": 0, "temperature": 1.0, "text": first + text, **two_losses(*losses)}


def two_losses(training_loss, validation_loss):
    """The one in nats and in bits, the other in bits; None stays None."""
    return {
        "training_loss": None if training_loss is None else round(float(training_loss), 4),
        "training_bpc": None if training_loss is None else round(bpc(float(training_loss)), 4),
        "validation_bpc": None if validation_loss is None else round(bpc(validation_loss), 4),
    }


def thinned(points):
    """A curve [(step, loss)] as at most POINTS means over equal pieces of it, each at its middle."""
    pieces = np.array_split(np.array(points).reshape(-1, 2), min(len(points), POINTS)) if points else []
    means = [piece.mean(axis=0) for piece in pieces]
    return {"step": [round(mean[0], 1) for mean in means], "loss": [round(mean[1], 4) for mean in means]}


def styles(runs):
    """One prompt gone on with by each model, and each model's loss on the test part of each book."""
    tests = {run.name: run.data.convert_to_string(run.data.test) for run in runs}
    return {
        "prompt": STYLE_PROMPT,
        "runs": {
            run.name: {
                **run.about,
                "texts": {
                    f"{temperature:g}": finish_prompts(run, [STYLE_PROMPT], STYLE_LENGTH, temperature)[0][0]
                    for temperature in TEMPERATURES
                },
                "test_parts": {name: loss_on(run, text) for name, text in tests.items()},
            }
            for run in runs
        },
    }


def loss_on(run, text):
    """The loss of a text, the state carried, without the characters that the model does not know; and their share."""
    known = run.vocabulary.without_unknown(text)
    loss = text_loss(run.model, run.vocabulary.encode(known), run.device)
    return {"loss": round(loss, 4), "bpc": round(bpc(loss), 4), "unknown_share": round(1 - len(known) / len(text), 5)}


def languages(runs):
    """Prompts in English and Spanish to models of either, with and without the licence in their training text: which
    language, and how much of the licence, they go on with.

    A word is English where it stands in an English text and in no Spanish one, and the other way round; the share of
    Spanish words is among these. (English: the books but Don Quijote, and the licence.)
    """
    books = {run.about["book"]: strip_gutenberg(read_text(run.book))[0] for run in runs}
    licences = {run.about["book"]: licence_of(read_text(run.book)) for run in runs}
    licence = one_line("\n".join(licences.values()))
    grams = {licence[i : i + GRAM] for i in range(len(licence) - GRAM + 1)}
    spanish = {word for book, text in books.items() if "quijote" in book for word in words(text)}
    english = {word for book, text in books.items() if "quijote" not in book for word in words(text)}
    english |= set(words(licence))
    found = {}
    for run in runs:
        rows = []
        for temperature in TEMPERATURES[1:]:
            texts = dict(
                zip(
                    ENGLISH_AND_SPANISH,
                    finish_prompts(run, ENGLISH_AND_SPANISH, LANGUAGE_LENGTH, temperature, TEXTS),
                    strict=True,
                )
            )
            of_any = finish_prompts(run, any_characters(run), LANGUAGE_LENGTH, temperature)
            texts["(any character)"] = [text for (text,) in of_any]
            for prompt, some in texts.items():
                measured = measure_languages(some, grams, english, spanish)
                rows.append({"prompt": prompt, "temperature": temperature, **measured, "text": some[0]})
        found[run.name] = {**run.about, "rows": rows}
    return {"texts": TEXTS, "length": LANGUAGE_LENGTH, "licence_characters": len(licence), "runs": found}


def any_characters(run):
    """TEXTS characters of the vocabulary."""
    rng = np.random.default_rng(SEED)
    return list(run.vocabulary.decode(rng.integers(len(run.vocabulary), size=TEXTS)))


def measure_languages(texts, grams, english, spanish):
    """Of texts: how many name Gutenberg, the share of the licence's 20-grams, and that of Spanish words."""
    pieces = [text[i : i + GRAM] for text in map(one_line, texts) for i in range(len(text) - GRAM + 1)]
    told = [word in spanish for text in texts for word in words(text)[:-1] if (word in spanish) != (word in english)]
    return {
        "name_gutenberg": sum("gutenberg" in text.lower() for text in texts) / len(texts),
        "licence_20_grams": round(float(np.mean([piece in grams for piece in pieces])), 4) if pieces else None,
        "spanish_words": round(float(np.mean(told)), 4) if told and spanish else None,
    }


def one_line(text):
    """White space of any kind and length as one blank: the licence is set in lines of its own length."""
    return " ".join(text.split())


def licence_of(text):
    """What strip_gutenberg leaves out of a text with one book in it."""
    book = strip_gutenberg(text)[0].strip()
    return "\n".join(text.split(book, 1))


def sentences(runs):
    """The bonus question's sentences, finished by each model at several temperatures."""
    found = {}
    for run in runs:
        finished = {f"{t:g}": finish_prompts(run, SENTENCES, SENTENCE_LENGTH, t) for t in TEMPERATURES}
        rows = [
            {
                "prompt": prompt,
                "unknown": run.vocabulary.unknown(prompt),  # left out of it
                "texts": {temperature: texts[place][0] for temperature, texts in finished.items()},
            }
            for place, prompt in enumerate(SENTENCES)
        ]
        found[run.name] = {**run.about, "rows": rows}
    return {"length": SENTENCE_LENGTH, "runs": found}
