"""Plays a chat from a script file over the widget's own HTTP interface.

`> text` sends, `[choice]` taps a quick reply of the last answer (`[#2]` the second one), `? words` expects the words among the messages since
the last line sent, `// …` is a comment.
"""

import re
import secrets
from pathlib import Path
from typing import Any, Self

import httpx


class Chat:
    """A visitor with a session of his own."""

    def __init__(self, base: str) -> None:
        self._http = httpx.Client(base_url=base, timeout=20)
        answer = self._http.post("/chat/api/session", json={}).raise_for_status().json()
        self._http.headers["Authorization"] = f"Bearer {answer['token']}"
        self.conversation_id: str = answer["conversation"]["id"]
        self.messages: list[dict[str, Any]] = answer["messages"]
        self.new: list[dict[str, Any]] = list(self.messages)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, text: str, choice: str = "", client_id: str = "") -> list[dict[str, Any]]:
        """The new messages that the answer brought."""
        after = self.messages[-1]["seq"] if self.messages else 0
        body = {
            "conversation": self.conversation_id,
            "client_id": client_id or secrets.token_hex(12),
            "text": text,
            "after": after,
        }
        if choice:
            body["choice"] = choice
        answer = self._http.post("/chat/api/messages", json=body).raise_for_status().json()
        self.new = [m for m in answer["messages"] if m["seq"] > after]
        self.messages += self.new
        return self.new

    def tap(self, choice: str) -> list[dict[str, Any]]:
        offered = {q["choice"]: q["label"] for m in self.messages[-4:] for q in m.get("quick_replies") or ()}
        if choice.startswith("#"):
            newest = next(m["quick_replies"] for m in reversed(self.messages) if m.get("quick_replies"))
            choice = newest[int(choice[1:]) - 1]["choice"]
        assert choice in offered, f"{choice} is not among {offered}"
        return self.send(offered[choice], choice)

    def said(self) -> str:
        return "\n".join(m["text"] for m in self.new if m["author"] != "resident")

    def play(self, script: Path) -> str:
        """Plays a script; returns the transcript."""
        for number, line in enumerate(script.read_text(encoding="utf-8").splitlines(), 1):
            if not line or line.startswith("//"):
                continue
            if line.startswith("> "):
                self.send(line[2:])
            elif tapped := re.fullmatch(r"\[(.+)\]", line):
                self.tap(tapped[1])
            else:
                words = line.removeprefix("? ")
                assert words in self.said(), f"{script.name}:{number}: expected {words!r} in:\n{self.said()}"
        return "\n".join(f"{m['author']:>8}  {m['text']}" for m in self.messages)
