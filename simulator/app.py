"""The Flask app of the network: Twilio's REST API, the control API and the page of telephones."""

from typing import Any

from flask import Flask, Response, render_template

from simulator.config import Config, words
from simulator.control import control_api
from simulator.network import Network
from simulator.rest import rest_api
from simulator.robots import robots
from simulator.wechat import wechat


def create_app(config: Config) -> Flask:
    """The network lives in this process: one process, threads. `app.extensions["network"]` is the Network."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it, its base class not
    network = Network(config)
    app.extensions["network"] = network
    app.register_blueprint(rest_api(network))
    app.register_blueprint(control_api(network))
    app.register_blueprint(robots(network))
    if config.wechat is not None:
        app.register_blueprint(wechat(config.wechat))

    @app.get("/")
    def page() -> str:
        return render_template("desk.html", words=words(), hotline=config.hotline_numbers[0], speed=config.speed)

    @app.after_request
    def only_our_own(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/healthz")
    def health() -> dict[str, Any]:
        return {
            "status": "ok",
            "carrier": "simulated",
            "live_calls": sum(1 for c in list(network.calls.values()) if not c.over),
        }

    return app
