# SPDX-License-Identifier: MIT
"""Where the scripts that look at a trained model write: into its run's folder, unless --output says otherwise."""

from pathlib import Path

from common.checkpoint import load_checkpoint
from common.cli import UserError
from common.files import refuse_another_file, refuse_unwritable
from part3.model import best_of


def settle_outputs(config, name, ending=".json"):
    """Fill in --output (NAME and the ending, in the first run's folder) and --figures (the folder of --output) where
    they were left out. Bad paths are told before the work; folders that are missing are made.

    Raises:
        UserError: --output is a folder or another file, or the checkpoint does not serve.
    """
    first = config.checkpoint if isinstance(config.checkpoint, str) else config.checkpoint[0]
    if config.output is None:
        config.output = best_of(first).parent / f"{name}{ending}"
        load_checkpoint(best_of(first), "part3")  # a run that is not there gets no folder
    if ending == ".json":
        refuse_another_file(config.output, "--output")
    else:
        refuse_folder(config.output)
        refuse_unwritable(config.output, "--output")
    config.figures = Path(getattr(config, "figures", None) or Path(config.output).parent)
    config.figures.mkdir(parents=True, exist_ok=True)


def refuse_folder(path, flag="--output"):
    """Before the work, not after it.

    Raises:
        UserError: what the flag names is a folder.
    """
    if Path(path).is_dir():
        raise UserError(f"{flag} {str(path)!r} is a folder; name a file in it")
