"""The web process without rate limits: what gunicorn loads when everything behind them is to be reached."""

from flask import Flask

from ops.web import start as web


def start() -> Flask:
    app = web()
    for limiter in app.extensions["limiter"]:
        limiter.enabled = False
    return app
