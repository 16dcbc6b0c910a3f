"""The page, the widget's script, and a company page to try the widget on."""

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request, send_from_directory, url_for

from webchat.config import ChatConfig

_HERE = Path(__file__).resolve().parent


class ChatPages:
    """Everything with words comes from strings.json; nothing here depends on the visitor."""

    def __init__(self, strings: dict[str, Any], config: ChatConfig) -> None:
        self._strings = strings
        self._config = config

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/", "page", self.page)
        blueprint.add_url_rule("/demo", "demo", self.demo)
        blueprint.add_url_rule("/api/openapi.json", "openapi", self.openapi)
        blueprint.add_url_rule("/widget.js", "widget", self.widget)

    def page(self) -> str:
        return render_template(
            "chat/page.html",
            strings=self._strings["page"],
            company=self._config.company_name,
            hotline_phone=self._config.hotline_phone,
            text_characters=self._config.limits.text_characters,
            embedded=request.args.get("embed") == "1",
        )

    def demo(self) -> str:
        return render_template(
            "chat/demo.html",
            strings=self._strings["demo"],
            company=self._config.company_name,
            hotline_phone=self._config.hotline_phone,
        )

    def openapi(self) -> Response:
        """The interface of webchat.api for whoever writes another page; a test holds both to each other."""
        return send_from_directory(_HERE, "openapi.json", mimetype="application/json")

    def widget(self) -> Response:
        """Addresses are relative to the script's own, so the tag works behind any proxy and from any site."""
        script = render_template(
            "chat/widget.js",
            config={
                "page": url_for("webchat.page", embed=1),
                "style": url_for("webchat.static", filename="widget.css"),
                "strings": self._strings["widget"],
            },
        )
        response = Response(script, mimetype="text/javascript")
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response
