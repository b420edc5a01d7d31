# SPDX-License-Identifier: MIT
"""Fetch the books of books.toml. Each is checked, size and SHA-256, before it appears under its name.

python assets/download.py --list
python assets/download.py grimms_fairy_tales don_quijote
python assets/download.py --all --to ../books

A proxy is taken from the environment (https_proxy, no_proxy). A book is a few megabytes: it stays in memory until it is
whole and right, so that a broken connection leaves nothing behind and several calls at once do not meet.
"""

import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a script: the root on the path in place of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import difflib
import hashlib
import math
import re
import time
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

from common import cli
from common.cli import UserError
from common.files import replacing

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
FIELDS = {  # of a book, and what kind each is
    **dict.fromkeys(("title", "author", "language", "encoding", "sha256", "url", "note"), str),
    "bytes": int,
}
PAUSES = (2, 8)  # seconds before the second and the third try
BUSY = (408, 429)  # HTTP's time-out and "too many requests"
CHUNK = 64 * 1024  # bytes read at once, at most


def load_books(path):
    """The books of a list: {name: its fields}.

    Raises:
        UserError: it cannot be read, or an entry lacks a field or has one of another kind.
    """
    try:
        with open(path, "rb") as f:
            books = tomllib.load(f)
    except OSError as error:
        raise UserError(f"cannot read the list of books {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    for name, book in books.items():
        entry = book if isinstance(book, dict) else {}
        wrong = [field for field, kind in FIELDS.items() if not isinstance(entry.get(field), kind)]
        if wrong:
            raise UserError(f"{path}: the book {name!r} needs {', '.join(wrong)}; see {HERE / 'books.toml'}")
        if not re.fullmatch(r"[\w-]+", name) or not re.match("https?://", book["url"]):
            raise UserError(
                f"{path}: {name!r} needs a name of letters, digits, _ or -, and an address of http or https"
            )
    return books


def file_name(name, book):
    """The book's name with the ending of its address."""
    return name + Path(urlsplit(book["url"]).path).suffix


def sha256(raw):
    return hashlib.sha256(raw).hexdigest()


def is_right(raw, book):
    return len(raw) == book["bytes"] and sha256(raw) == book["sha256"]


def refuse_unknown(names, books):
    """Raises UserError where there is no book of a name; the line has the nearest names."""
    for name in names:
        if name not in books:
            near = difflib.get_close_matches(name, books, n=3, cutoff=0.5)
            raise UserError(
                f"there is no book {name!r}; " + (f"did you mean {' or '.join(near)}?" if near else "--list shows all")
            )


def is_there(path, book, force):
    """Whether the file exists with the book's bytes.

    Raises:
        UserError: it exists with others, and may not be replaced.
    """
    if not path.exists():
        return False
    right = is_right(path.read_bytes(), book)
    if not right and not force:
        raise UserError(f"{path} exists with other bytes than the book's; --force replaces it, --to writes elsewhere")
    return right


def fetch(name, book, timeout):
    """The book's bytes, checked. After a broken connection it goes on where that broke, if the server can.

    Args:
        timeout: seconds without a byte after which the connection counts as broken.

    Raises:
        UserError: no connection, an HTTP error, or wrong bytes.
    """
    data = bytearray()
    with tqdm(total=book["bytes"], desc=name, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        for pause in (*PAUSES, None):
            try:
                receive(data, book, timeout, bar)
                break
            except HTTPError as error:
                error.close()
                problem = f"the server answers {error.code} {error.reason} for {book['url']}"
                if error.code < 500 and error.code not in BUSY:  # it will answer the same again
                    raise UserError(f"{name}: {problem}; is the address in the list of books right?") from None
            except (OSError, HTTPException) as error:
                problem = describe(error, book, timeout)
            if pause is None:
                raise UserError(
                    f"{name}: {problem} ({len(PAUSES) + 1} tries, {len(data):,} of {book['bytes']:,} bytes);"
                    f" check the network, or the proxy in https_proxy, and try again"
                )
            tqdm.write(f"{name}: {problem}; trying again in {pause:g} s", file=sys.stderr)
            time.sleep(pause)
    if not is_right(data, book):
        raise UserError(
            f"{name}: wrong bytes from {book['url']}: {len(data):,} with SHA-256 {sha256(data)[:12]}...,"
            f" not {book['bytes']:,} with {book['sha256'][:12]}...; nothing was written. Does a proxy change them?"
        )
    return data


def receive(data, book, timeout, bar):
    """Append to `data` the bytes that it still lacks; it begins anew where the server sends the whole book again.

    Raises:
        OSError, HTTPException: no connection, or it broke. `data` keeps what came.
    """
    request = Request(book["url"], headers={"Range": f"bytes={len(data)}-"} if data else {})
    with urlopen(request, timeout=timeout) as response:
        if response.status != 206:  # not a part: the server knows no ranges, or none was asked for
            data.clear()
        announced = math.inf if response.length is None else len(data) + response.length
        while len(data) < min(announced, book["bytes"] + 1):  # one byte more shows that the book is too long
            chunk = response.read1(CHUNK)
            if not chunk:
                break
            data += chunk
            bar.update(len(data) - bar.n)
    if len(data) < min(announced, book["bytes"]):
        raise ConnectionError("it ended early")


def describe(error, book, timeout):
    """What broke, in a few words."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no bytes from {urlsplit(book['url']).netloc} for {timeout:g} s"
    words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    if isinstance(error, URLError):
        return f"cannot reach {urlsplit(book['url']).netloc}: {words}"
    return f"the connection broke: {words}"


def show(books):
    """The list, a line a book."""
    for name, book in books.items():
        print(
            f"{name:<24} {book['language']:<8} {book['bytes'] / 1e6:5.2f} MB"
            f"  {book['title']}, {book['author']} ({book['note']})"
        )


def parser():
    p = cli.Parser(prog="download.py", description="Fetch books to train on, each checked against its SHA-256.")
    p.add_argument("names", nargs="*", metavar="NAME", help="of the books, as --list shows them")
    p.add_argument("--list", action="store_true", help="show the books and leave")
    p.add_argument("--all", action="store_true", help="fetch them all")
    p.add_argument("--to", type=Path, default=HERE / "books", metavar="DIR", help="where they go")
    p.add_argument("--force", action="store_true", help="replace a file that has the name but other bytes")
    p.add_argument(
        "--timeout",
        type=cli.real(0, 3600, above=True),
        default=30,
        metavar="SECONDS",
        help="without a byte, until the connection counts as broken",
    )
    p.add_argument("--books", type=Path, default=HERE / "books.toml", metavar="FILE", help="another list of books")
    return p


def main(argv=None):
    config = parser().parse_args(argv)
    books = load_books(config.books)
    if config.list:
        show(books)
        return 0
    refuse_unknown(config.names, books)
    names = books if config.all else config.names
    if not names:
        raise UserError("name the books to fetch, or give --all; --list shows them")
    try:
        config.to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {config.to}: {error.strerror}; choose another with --to") from None
    paths = {name: config.to / file_name(name, books[name]) for name in names}
    there = {name: is_there(path, books[name], config.force) for name, path in paths.items()}
    for name, path in paths.items():
        if there[name]:
            print(f"{path}: already there, with the right bytes")
            continue
        data = fetch(name, books[name], config.timeout)
        with replacing(path, "wb") as f:
            f.write(data)
        print(f"{path}: {len(data):,} bytes, checked")
    return 0


if __name__ == "__main__":
    cli.run_main(main)
