"""What gunicorn loads: the web process, or one line that says why it cannot start."""

import gc

from flask import Flask
from gunicorn.errors import AppImportError

from app import create_app
from kernel.errors import HotlineError


def start() -> Flask:
    """Raises AppImportError, which gunicorn prints without a traceback and which ends it instead of a loop of restarts."""
    try:
        app = create_app()
    except HotlineError as exc:
        raise AppImportError(f"web: {exc}") from exc
    keep_what_is_there()
    return app


def keep_what_is_there() -> None:
    """What the start has made stays: the collector walks through its 400,000 objects no more, which took 140 ms of some
    call's turn (docs/scale.md).
    """
    gc.collect()
    gc.freeze()
