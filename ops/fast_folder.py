"""A folder of our own in memory, where there is one: for what is written once and need not survive."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it


@contextmanager
def fast_folder() -> Iterator[Path]:
    """Gone at the end of the block."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)
