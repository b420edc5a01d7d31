# SPDX-License-Identifier: MIT
"""Files appear whole or not at all: written under a temporary name, then renamed."""

import errno
import json
import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from common.cli import UserError


@contextmanager
def replacing(path, mode="w"):
    """Open a temporary file beside `path`; at a clean end it takes that name, else it is removed. A device is
    written to as it stands.

    Raises:
        UserError: the folder cannot be written or the disk is full; what stood at `path` stands there still.
    """
    path = Path(path)
    if path.is_char_device() or path.is_fifo():  # /dev/null, /dev/stdout: nothing to replace
        with open(path, mode) as f:
            yield f
        return
    path = path.resolve()  # of a link what it points to
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")  # other machines may write it, too
    try:
        with open(temporary, mode, encoding=None if "b" in mode else "utf-8", newline=None if "b" in mode else "") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else "choose a folder that can be written"
        raise UserError(f"cannot write {path}: {error.strerror or error}; {remedy}") from None
    finally:
        with suppress(OSError):  # it has its new name, or was never there
            temporary.unlink()


def copy_file(path, to):
    with replacing(to, "wb") as f:
        f.write(Path(path).read_bytes())


def refuse_another_file(path, flag):
    """Before the work whose results go to `path` as JSON.

    Raises:
        UserError: there is a folder, or a file that is no JSON object: it would be lost; or it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{flag} {str(path)!r} is a folder; name a file in it")
    if path.is_file():
        try:
            results = isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
        except ValueError:
            results = False
        if not results:
            raise UserError(f"{path} is there and has no results; move it away or choose another path with {flag}")
    refuse_unwritable(path, flag)


def refuse_unwritable(path, flag):
    """Before the work, not after it. The folder is made where it is missing.

    Raises:
        UserError: nothing can be written there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_char_device():
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another {flag}") from None


def write_json(path, content):
    with replacing(path) as f:
        f.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
