"""What gunicorn loads: the web process, or one line that says why it cannot start."""

from flask import Flask
from gunicorn.errors import AppImportError

from app import create_app
from kernel.errors import HotlineError


def start() -> Flask:
    """Raises AppImportError, which gunicorn prints without a traceback and which ends it instead of a loop of restarts."""
    try:
        return create_app()
    except HotlineError as exc:
        raise AppImportError(f"web: {exc}") from exc
