# SPDX-License-Identifier: MIT
"""The downloader against a server on this machine that sends good bytes, wrong ones, half of them, or none."""

import errno
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assets import download
from common import cli

ROOT = Path(__file__).resolve().parents[2]
BOOK = bytes(range(256)) * 800  # 204,800 bytes: several chunks
HALF = len(BOOK) // 2


class Server(ThreadingHTTPServer):
    """Gives its answers in turn, and the last of them to every request that follows."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = [good], []  # asked: (when, path, the Range asked for)
        self.leave = threading.Event()  # lets a stalled answer end with the test
        self.url = f"http://127.0.0.1:{self.server_port}/some/file.txt"

    @property
    def ranges(self):
        return [wanted for _, _, wanted in self.asked]


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self):
        self.server.asked.append((time.monotonic(), self.path, self.headers.get("Range")))
        assert len(self.server.asked) <= 6, "far too many requests"
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *args):
        pass


def send(handler, body, status=200, length=None, **headers):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def good(handler):
    send(handler, BOOK)


def half(handler):
    send(handler, BOOK[:HALF], length=len(BOOK))


def rest(handler):
    start = int(re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"])[1])
    send(handler, BOOK[start:], 206, Content_Range=f"bytes {start}-{len(BOOK) - 1}/{len(BOOK)}")


def reset(handler):
    """Half of a book without a length, then a reset connection."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BOOK[:HALF])
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def stall(handler):
    half(handler)
    handler.server.leave.wait(10)


def silence(handler):
    handler.server.leave.wait(10)


def wrong(handler):
    send(handler, BOOK[:-1] + b"x")


def shorter(handler):
    send(handler, BOOK[:-1])


def longer(handler):
    send(handler, BOOK, length=len(BOOK) + 1)
    time.sleep(0.1)
    handler.wfile.write(b"x")


def status(code):
    return lambda handler: send(handler, b"an error page", code)


def elsewhere(handler):
    send(handler, b"", 302, Location="/elsewhere.txt")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES", (0.01, 0.02))
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.leave.set()
        server.shutdown()


@pytest.fixture
def fetch(server, tmp_path):
    """Calls the program for the list of books below; gives its exit status."""
    catalogue = write_list(tmp_path / "list.toml", server.url)

    def fetch(*flags):
        return call("--books", catalogue, "--to", tmp_path / "books", "--timeout", 5, *flags)

    return fetch


def call(*flags):
    with pytest.raises(SystemExit) as left:
        cli.run_main(lambda: download.main([str(flag) for flag in flags]))
    return left.value.code


def write_list(path, url, **changes):
    entry = dict(title="A", author="B", language="C", encoding="ascii", note="D", url=url)
    entry |= dict(bytes=len(BOOK), sha256=hashlib.sha256(BOOK).hexdigest()) | changes
    lines = [f"{field} = {json.dumps(value)}" for field, value in entry.items()]
    path.write_text("\n".join(["[first_book]", *lines, "[second_book]", *lines]))
    return path


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "books").iterdir())


def last_line(capsys):
    return capsys.readouterr().err.splitlines()[-1]


def test_one_book(fetch, server, tmp_path, capsys):
    assert fetch("first_book") == 0
    assert (tmp_path / "books/first_book.txt").read_bytes() == BOOK
    assert files(tmp_path) == ["first_book.txt"]
    out, err = capsys.readouterr()
    assert "first_book.txt: 204,800 bytes, checked" in out
    assert err == ""  # no bar in a log file


def test_all_books_each_once(fetch, server, tmp_path):
    assert fetch("--all", "first_book") == 0
    assert files(tmp_path) == ["first_book.txt", "second_book.txt"]
    assert fetch("second_book", "second_book", "--to", tmp_path / "others") == 0
    assert len(server.asked) == 3


def test_a_bar_on_a_terminal(fetch, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert fetch("first_book") == 0
    assert re.search(r"first_book: .*%\|.*/205k", capsys.readouterr().err)


def test_list_and_no_name(fetch, server, capsys):
    assert fetch("--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["first_book", "second_book"]
    assert fetch() == 2
    assert "--all" in last_line(capsys)
    assert not server.asked


def test_goes_on_where_the_connection_broke(fetch, server, tmp_path, capsys):
    server.answers = [half, rest]
    assert fetch("first_book") == 0
    assert (tmp_path / "books/first_book.txt").read_bytes() == BOOK
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert "the connection broke: it ended early; trying again in 0.01 s" in last_line(capsys)


def test_begins_anew_where_the_server_knows_no_ranges(fetch, server, tmp_path):
    server.answers = [half, half, good]
    assert fetch("first_book") == 0
    assert (tmp_path / "books/first_book.txt").read_bytes() == BOOK
    assert server.ranges == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_reset_connection(fetch, server, tmp_path):
    server.answers = [reset, lambda handler: (rest if handler.headers["Range"] else good)(handler)]
    assert fetch("first_book") == 0
    assert (tmp_path / "books/first_book.txt").read_bytes() == BOOK
    assert len(server.asked) == 2


def test_gives_up_after_three_tries_with_growing_pauses(fetch, server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(download, "PAUSES", (0.1, 0.3))
    server.answers = [half]
    assert fetch("first_book") == 2
    assert "3 tries, 102,400 of 204,800 bytes" in last_line(capsys)
    assert files(tmp_path) == []
    first, second, third = (when for when, _, _ in server.asked)
    assert 0.1 <= second - first < 0.3 <= third - second


def test_the_pauses_grow():
    assert 1 <= download.PAUSES[0] < download.PAUSES[1]
    assert len(download.PAUSES) == 2


@pytest.mark.parametrize("broken", [stall, silence])
def test_a_stall_counts_as_a_broken_connection(broken, fetch, server, tmp_path, capsys):
    server.answers = [broken]
    began = time.monotonic()
    assert fetch("first_book", "--timeout", "0.2") == 2
    assert 0.6 <= time.monotonic() - began < 5
    assert f"no bytes from 127.0.0.1:{server.server_port} for 0.2 s" in last_line(capsys)
    assert len(server.asked) == 3
    assert files(tmp_path) == []


def test_goes_on_after_a_stall(fetch, server, tmp_path):
    server.answers = [stall, rest]
    assert fetch("first_book", "--timeout", "0.2") == 0
    assert (tmp_path / "books/first_book.txt").read_bytes() == BOOK


@pytest.mark.parametrize("answer", [wrong, shorter, longer])
def test_wrong_bytes_never_appear(answer, fetch, server, tmp_path, capsys):
    server.answers = [answer]
    assert fetch("first_book") == 2
    assert "first_book: wrong bytes from" in last_line(capsys)
    assert files(tmp_path) == []
    assert len(server.asked) == 1


def test_an_http_error_is_final(fetch, server, tmp_path, capsys):
    server.answers = [status(404)]
    assert fetch("first_book") == 2
    assert "the server answers 404 Not Found for " + server.url in last_line(capsys)
    assert len(server.asked) == 1
    assert files(tmp_path) == []


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_asked_again(code, fetch, server, capsys):
    server.answers = [status(code), status(code), good]
    assert fetch("first_book") == 0
    server.answers = [status(code)]
    assert fetch("second_book") == 2
    assert f"the server answers {code}" in last_line(capsys)


def test_a_redirect_is_followed(fetch, server, tmp_path):
    server.answers = [elsewhere, good]
    assert fetch("first_book") == 0
    assert (tmp_path / "books/first_book.txt").read_bytes() == BOOK
    assert [path for _, path, _ in server.asked] == ["/some/file.txt", "/elsewhere.txt"]


def test_nobody_listens(fetch, server, tmp_path, capsys):
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        write_list(tmp_path / "list.toml", f"http://{address}/file.txt")
        assert fetch("first_book") == 2
    assert f"cannot reach {address}: Connection refused (3 tries" in last_line(capsys)


def test_no_network(fetch, tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert fetch("first_book") == 2
    assert "Name or service not known" in last_line(capsys)


def test_a_proxy_from_the_environment(fetch, server, tmp_path, monkeypatch):
    urllib.request.install_opener(None)  # urllib keeps the proxies that it found at the first call
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    write_list(tmp_path / "list.toml", "http://books.invalid/file.txt")
    try:
        assert fetch("first_book") == 0
    finally:
        urllib.request.install_opener(None)
    assert [path for _, path, _ in server.asked] == ["http://books.invalid/file.txt"]


def test_unknown_names(fetch, server, capsys):
    assert fetch("second_book", "frist_book") == 2
    assert "there is no book 'frist_book'; did you mean first_book" in last_line(capsys)
    assert fetch("xyz") == 2
    assert "--list shows all" in last_line(capsys)
    assert not server.asked


def test_an_existing_file(fetch, server, tmp_path, capsys):
    path = tmp_path / "books/first_book.txt"
    path.parent.mkdir()
    path.write_bytes(BOOK)
    assert fetch("first_book") == 0
    assert fetch("first_book", "--force") == 0
    assert capsys.readouterr().out.count("already there, with the right bytes") == 2
    assert not server.asked

    path.write_bytes(b"notes of mine")
    assert fetch("second_book", "first_book") == 2
    assert "--force replaces it" in last_line(capsys)
    assert path.read_bytes() == b"notes of mine"
    assert not server.asked  # refused before anything was fetched

    server.answers = [wrong, good]
    assert fetch("first_book", "--force") == 2
    assert path.read_bytes() == b"notes of mine"
    assert fetch("first_book", "--force") == 0
    assert path.read_bytes() == BOOK


def test_a_full_disk(fetch, tmp_path, monkeypatch, capsys):
    def fail(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    assert fetch("first_book") == 2
    assert "No space left on device; free some space" in last_line(capsys)
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made(fetch, server, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert fetch("first_book", "--to", tmp_path / "file") == 2
    assert "choose another with --to" in last_line(capsys)
    assert not server.asked


def test_two_calls_at_once(server, tmp_path):
    together = threading.Barrier(2, timeout=60)
    server.answers = [lambda handler: (together.wait(), good(handler))]
    catalogue = write_list(tmp_path / "list.toml", server.url)
    command = [
        sys.executable,
        ROOT / "assets/download.py",
        "first_book",
        "--books",
        catalogue,
        "--to",
        tmp_path / "books",
    ]
    calls = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(call.communicate(timeout=60)[1], call.returncode) for call in calls] == [(b"", 0)] * 2
    assert (tmp_path / "books/first_book.txt").read_bytes() == BOOK
    assert files(tmp_path) == ["first_book.txt"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "is not TOML"),
        ("[a]\ntitle = 3", "needs title, author"),
        ("a = 3", "needs title, author"),
        (None, "cannot read the list of books"),
    ],
)
def test_a_broken_list(text, message, fetch, tmp_path, capsys):
    path = tmp_path / "other.toml"
    if text is not None:
        path.write_text(text)
    assert fetch("--list", "--books", path) == 2
    assert message in last_line(capsys)


@pytest.mark.parametrize("url", ["file:///etc/hosts", "books/file.txt"])
def test_other_addresses_are_refused(url, fetch, tmp_path, capsys):
    write_list(tmp_path / "list.toml", url)
    assert fetch("first_book") == 2
    assert "an address of http or https" in last_line(capsys)


def test_a_name_stays_in_its_folder(fetch, server, tmp_path, capsys):
    path = tmp_path / "list.toml"
    path.write_text(path.read_text().replace("[first_book]", '["../first_book"]'))
    assert fetch("../first_book") == 2
    assert "letters" in last_line(capsys)


def test_the_list_of_this_repository():
    books = download.load_books(ROOT / "assets/books.toml")
    assert len(books) == 10
    for name, book in books.items():
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/\S+", book["url"])
        assert re.fullmatch("[0-9a-f]{64}", book["sha256"])
        assert download.file_name(name, book) == name + (".tex" if name == "calculus_made_easy" else ".txt")
    for field in ("sha256", "url", "bytes"):
        assert len({book[field] for book in books.values()}) == 10


def test_the_readme_names_every_book():
    readme = (ROOT / "assets/README.md").read_text(encoding="utf-8")
    for name, book in download.load_books(ROOT / "assets/books.toml").items():
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{name}` |"))
        assert book["title"] in row
        assert book["author"] in row
        assert book["language"] in row
        assert f"{book['bytes']:,}" in row


@pytest.mark.parametrize("name", download.load_books(ROOT / "assets/books.toml"))
def test_the_list_against_the_books_themselves(name):
    book = download.load_books(ROOT / "assets/books.toml")[name]
    path = ROOT.parent / "shared/books" / download.file_name(name, book)
    if not path.exists():
        pytest.skip(f"{path} is not here")
    raw = path.read_bytes()
    assert download.is_right(raw, book)
    raw.decode(book["encoding"])
