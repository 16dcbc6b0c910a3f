"""The web process with a sabotage (DRILL_SABOTAGE): what gunicorn loads in a drill that must turn red."""

import os

from flask import Flask

from ops.drills import sabotage


def start() -> Flask:
    sabotage.apply(os.environ["DRILL_SABOTAGE"])
    from ops.web import start as web  # noqa: PLC0415 - after the sabotage

    return web()
