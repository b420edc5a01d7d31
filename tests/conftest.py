# SPDX-License-Identifier: MIT
import pytest
import torch

from common import cli


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny matrices: a second thread only waits for the first."""
    torch.set_num_threads(1)


@pytest.fixture
def text_file(tmp_path):
    """A small book of 1,200 characters."""
    path = tmp_path / "book.txt"
    path.write_text("The king said: “Go home, little goat!” And it went home.\n\n" * 20 + "x" * 40, encoding="utf-8")
    return path


@pytest.fixture
def run_script(capsys):
    """run_script(main, "--flag", value, ...) -> (exit status, stdout, stderr), as started from a command line."""

    def run(main, *argv):
        with pytest.raises(SystemExit) as stop:
            cli.run_main(lambda: main([str(word) for word in argv]))
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run
