# SPDX-License-Identifier: MIT
"""Go on with a text, from a checkpoint of train_text.py: questions 3.1 b and c and the bonus question.

python part3/generate.py --checkpoint summaries/grimm_... --prompt "The prince went to" --temperature 0.8
python part3/generate.py --checkpoint summaries/grimm_... --prompt_file prompts.txt --length 80 --beam_width 5
python part3/generate.py --checkpoint summaries/grimm_... --interactive --stop .
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from collections import deque

from common import cli
from common.cli import UserError
from common.files import replacing
from part3.finishing import Finisher
from part3.outputs import refuse_folder
from part3.prompts import known, of_file, random_characters, text_of, true_continuation

APART = [  # pairs of flags of which one would be without effect
    ("prompt", "prompt_file"),
    ("prompt", "interactive"),
    ("prompt_file", "interactive"),
    ("output", "interactive"),
    ("beam_width", "temperature"),
    ("beam_width", "top_k"),
    ("beam_width", "top_p"),
    ("beam_width", "num_samples"),
]
BOOK = "the book"  # the name of a row of the table


def parser():
    p = cli.Parser(prog="generate.py", description="Generate text from a checkpoint, the state carried at any length.")
    p.add_argument(
        "--checkpoint",
        required=True,
        metavar="PATH",
        help="a checkpoint, or a run's folder (its best.pt, or checkpoint.pt where there is none)",
    )
    g = p.add_argument_group("what to go on with (without any of these, a random character)")
    g.add_argument("--prompt", metavar="TEXT", help="one beginning")
    g.add_argument("--prompt_file", metavar="FILE", help="a beginning on each line; each is finished, as a table")
    g.add_argument("--interactive", action="store_true", help="type a beginning, see it finished, type another")
    g.add_argument(
        "--unknown", choices=["refuse", "skip"], default="refuse", help="characters that the model does not know"
    )
    g = p.add_argument_group("how far")
    g.add_argument("--length", type=cli.positive_int, default=500, help="characters to generate, at most")
    g.add_argument("--stop", metavar="TEXT", help="a text ends where it has written this")
    g.add_argument("--num_samples", type=cli.positive_int, default=1, help="texts for each beginning, side by side")
    g = p.add_argument_group("how the next character is chosen")
    g.add_argument("--temperature", type=cli.real(0), default=0.8, help="the logits are divided by it; 0 is greedy")
    g.add_argument("--top_k", type=cli.positive_int, help="draw from the k likeliest characters alone")
    g.add_argument(
        "--top_p",
        type=cli.probability,
        default=1.0,
        help="draw from the likeliest characters alone, as few as have this probability together",
    )
    g.add_argument(
        "--beam_width",
        type=cli.positive_int,
        help="nothing is drawn: follow that many texts at once, and give the one with the highest mean log-probability"
        " per character",
    )
    g.add_argument("--seed", type=cli.natural, default=1, help="of all that is drawn")
    g = p.add_argument_group("output")
    g.add_argument("--output", metavar="FILE", help="write there in place of the screen")
    g.add_argument(
        "--true_continuation", metavar="TXT", help="a book; show beside the model's text how this one goes on"
    )
    g = p.add_argument_group("machine")
    g.add_argument("--threads", type=cli.threads, default=1, help="of the CPU")
    g.add_argument("--device", type=cli.device, default=cli.default_device(), help="cpu, cuda, cuda:1, ...")
    return p


def refuse(config, given):
    """Flags that do not fit together.

    Raises:
        UserError: there are some.
    """
    for one, other in APART:
        if {one, other} <= given:
            raise UserError(f"--{one} and --{other} do not fit together; leave one of them out")
    if config.prompt == "":
        raise UserError("--prompt is empty; give at least one character, or leave it out for a random one")
    if config.stop == "":
        raise UserError("--stop is empty; give the text to end with, or leave it out")
    if config.output is not None:
        refuse_lost(config)
    has_prompt = given & {"prompt", "prompt_file", "interactive"}
    for flag in ("true_continuation", "unknown"):
        if flag in given and not has_prompt:
            raise UserError(f"--{flag} is about a prompt; give one with --prompt, --prompt_file or --interactive")
    if config.temperature == 0:
        for flag in ("top_k", "top_p"):
            if flag in given:
                raise UserError(f"--temperature 0 is greedy, whatever --{flag} is; leave one of them out")
        if config.num_samples > 1 and has_prompt:
            raise UserError("--temperature 0 gives the same text --num_samples times; leave one of them out")


def refuse_lost(config):
    """Raises UserError where --output is a folder, or would take the place of what is read here or of what is no
    text."""
    refuse_folder(config.output)
    output = Path(config.output)
    for flag in ("checkpoint", "prompt_file", "true_continuation"):
        path = getattr(config, flag)
        if path is not None and output.exists() and Path(path).exists() and output.samefile(path):
            raise UserError(f"--output and --{flag} are the same file; choose another --output")
    if output.is_file():
        with open(output, "rb") as f:
            if b"\0" in f.read(1000):
                raise UserError(f"{output} is there and is no text; move it away or choose another --output")


class Writer(Finisher):
    """Writes the texts that the flags ask for: one as it is made, several below each other, or as a table."""

    def __init__(self, config):
        super().__init__(config)
        self.book = None
        if config.true_continuation is not None:
            self.book = text_of(config.true_continuation, "--true_continuation")

    def prompts(self):
        """The beginnings, and how many texts each gets."""
        config = self.config
        if config.prompt_file is not None:
            return of_file(config.prompt_file, self.vocabulary, config.unknown), config.num_samples
        if config.prompt is not None:
            return [known(config.prompt, self.vocabulary, config.unknown)], config.num_samples
        return random_characters(config.num_samples, self.vocabulary, self.rng), 1

    def write(self, prompts, num_samples, out):
        """Finish each prompt `num_samples` times."""
        number = len(prompts) * num_samples
        if number == 1 and self.config.prompt_file is None and not self.config.beam_width:
            return self.write_one(prompts[0], out)
        finished = self.beams(prompts) if self.config.beam_width else self.batch(prompts, num_samples)
        if self.config.prompt_file is not None:
            return self.write_table(finished, max(map(len, [*prompts, BOOK])), out)
        return self.write_texts(finished, number, out)

    def write_one(self, prompt, out):
        """A text that appears as it is made, and takes no memory however long it is."""
        tail = deque(maxlen=len(self.stop))
        out.write(prompt)
        try:
            for x in self.characters([prompt], 1, out):
                number = x.item()
                tail.append(number)
                out.write(self.vocabulary.characters[number])
                if out is sys.stdout:
                    out.flush()
                if self.stop and list(tail) == self.stop:
                    break
        except KeyboardInterrupt:
            self.interrupted = True
        out.write("\n")
        self.write_book(prompt, out)

    def write_texts(self, finished, number, out):
        """One text below the other, numbered where there are several."""
        count = 0
        for prompt, texts in finished:
            for text in texts:
                count += 1
                if number > 1:
                    out.write(f"--- {count} of {number}\n")
                out.write(f"{prompt}{text}\n")
            self.write_book(prompt, out)

    def write_table(self, finished, width, out):
        """A row for each text: the prompt, and how it goes on."""
        for prompt, texts in finished:
            for text in texts:
                out.write(f"{prompt:<{width}} | {visible(text)}\n")
            if self.book is not None:
                found = self.look_up(prompt)
                out.write(f"{BOOK:>{width}} | {visible(found[0]) if found else '(not in it)'}\n")

    def write_book(self, prompt, out):
        """How the book of --true_continuation goes on."""
        if self.book is None:
            return
        name, found = Path(self.config.true_continuation).name, self.look_up(prompt)
        if found is None:
            out.write(f"--- {prompt[:40]!r} does not occur in {name}\n")
        else:
            text, place, count = found
            where = "its only place" if count == 1 else f"the first of {count:,} places"
            out.write(f"--- {name} from character {place + 1:,} of {len(self.book):,}, {where}\n{prompt}{text}\n")

    def look_up(self, prompt):
        return true_continuation(self.book, prompt, self.config.length, self.config.stop)

    def converse(self):
        """Finish each line that is typed, or that comes through a pipe, until an empty one or the end."""
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="replace")  # bytes that are no text become an unknown character
        while not self.interrupted:
            try:
                line = input("> " if sys.stdin.isatty() and sys.stdout.isatty() else "")
            except EOFError:
                return
            if not line:
                return
            try:
                prompt = known(line, self.vocabulary, self.config.unknown)
            except UserError as error:
                print(error, file=sys.stderr)
                continue
            self.write([prompt], self.config.num_samples, sys.stdout)


def visible(text):
    """On one line: ↵ for a line end."""
    return text.replace("\n", "↵")


def main(argv=None):
    config, given = parser().parse_with_given(argv)
    refuse(config, given)
    cli.set_threads(config)
    writer = Writer(config)
    if config.interactive:
        writer.converse()
    elif config.output is None:
        writer.write(*writer.prompts(), sys.stdout)
    else:
        prompts, num_samples = writer.prompts()
        with replacing(config.output) as f:
            writer.write(prompts, num_samples, f)
        print(f"{config.output}: {Path(config.output).stat().st_size:,} bytes")
    return 130 if writer.interrupted else 0


if __name__ == "__main__":
    cli.run_main(main)
