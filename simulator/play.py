"""Plays a call from a script file against a running network. The grammar is in simulator/README.md."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

_COMMANDS: tuple[tuple[str, str], ...] = (
    (r">! *(?P<text>.+)", "interrupt"),
    (r"> *(?P<text>.+)", "say"),
    (r"#! *(?P<text>[0-9*#]+)", "press_now"),
    (r"# *(?P<text>[0-9*#]+)", "press"),
    (r"press +(?P<text>[0-9*#]+)", "press"),
    (r"say +(?P<text>.+)", "say"),
    (r"~ *(?P<text>\d+(?:\.\d+)?)", "wait"),
    (r"\? *(?P<text>.+)", "expect"),
    (r"text\? *(?P<text>.+)", "expect_text"),
    (r"(?P<text>)\.\.\.", "silence"),
    (r"(?P<text>)answer", "answer"),
    (r"(?P<text>)(?:hang up|decline)", "hang_up"),
    (r"(?P<text>)over\?", "expect_over"),
    (r"state +(?P<text>[a-z-]+)", "state"),
    (r"limit +(?P<text>\d+(?:\.\d+)?)", "set_limit"),
)
_OTHER = re.compile(r"(?:[a-z]+ +)?(?P<number>\+\d{3,15}) *: *(?P<rest>.+)")
_POLL_SECONDS = 2.0


class ScriptError(Exception):
    """The script cannot be read; the message names the line."""


class Failed(Exception):
    """What the script expects did not happen; the message names the line."""


@dataclass(frozen=True)
class Step:
    """One line of a script. `number` is empty for the caller."""

    line: int
    command: str
    text: str
    number: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.command.replace('_', ' ')} {self.text}".rstrip()


def read_script(lines: Iterable[str]) -> list[Step]:
    """Raises ScriptError."""
    steps = []
    for at, raw in enumerate(lines, start=1):
        line, number = raw.strip(), ""
        if not line or line.startswith("//"):
            continue
        if other := _OTHER.fullmatch(line):
            number, line = other["number"], other["rest"].strip()
        for pattern, command in _COMMANDS:
            if found := re.fullmatch(pattern, line):
                steps.append(Step(at, command, found["text"].strip(), number))
                break
        else:
            raise ScriptError(f"line {at}: not understood: {raw.strip()}")
    return steps


@dataclass
class _Watched:
    """A telephone of the play: its present call, what was printed of it, and since which line words count as new."""

    number: str
    sid: str = ""
    seen: int = 0
    since: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)


class Player:
    """Dials, plays the steps, writes the transcript as it happens. `play` raises Failed, httpx.HTTPError."""

    def __init__(self, base: str, caller: str, write: Callable[[str], None], *, limit_seconds: float = 30.0) -> None:
        self._http = httpx.Client(base_url=base, timeout=60.0, trust_env=False)
        self._caller = caller
        self._write = write
        self._limit = limit_seconds
        self._began = time.monotonic()
        self._phones: dict[str, _Watched] = {}
        self._before: dict[str, str] = {}
        self._texts = 0
        self._words = self._get("/api/words")
        desk = self._get("/api/desk")
        self._speed = float(desk["speed"]) or 20.0
        self._labels = {p["number"]: p["label"] or p["number"] for p in desk["phones"]}

    def play(self, steps: list[Step], *, to: str = "", withheld: bool = False, rung: bool = False) -> None:
        """One call from the caller's telephone; `rung`: to it, the steps begin with `answer`. It is hung up at the end,
        however the play ends.
        """
        self._texts = len(self._get("/api/texts"))
        # Calls that were on the other telephones before do not belong to this play.
        on_desk = [p for p in self._get("/api/desk")["phones"] if p["call"]]
        rings = {self._caller} if rung else set()  # it may ring already
        self._before = {
            p["number"]: p["call"]["sid"]
            for p in on_desk
            if p["number"] not in rings or p["call"]["phase"] != "ringing"
        }
        for number in {self._caller} | {step.number for step in steps if step.number}:
            self._phones[number] = _Watched(number)
        if not rung:
            called = self._post(self._caller, "dial", to=to, withheld=withheld)
            self._phones[self._caller].sid = called["sid"]
        try:
            for step in steps:
                getattr(self, f"_{step.command}")(step, self._phones[step.number or self._caller])
        finally:
            self._try("hangup", self._caller)
            self._look()
            self._http.close()

    # -- commands, by name -------------------------------------------------------------------------------------

    def _say(self, step: Step, phone: _Watched) -> None:
        self._do(step, phone, "say", text=step.text, polite=True)

    def _interrupt(self, step: Step, phone: _Watched) -> None:
        self._until(step, lambda: any(self._call(phone).get(way) for way in ("listening", "bridged", "audience")))
        self._do(step, phone, "say", text=step.text, polite=False)

    def _press(self, step: Step, phone: _Watched) -> None:
        self._do(step, phone, "press", digits=step.text, polite=True)

    def _press_now(self, step: Step, phone: _Watched) -> None:
        self._until(step, lambda: "digits" in self._call(phone).get("listening", []))
        self._do(step, phone, "press", digits=step.text, polite=False)

    def _silence(self, step: Step, phone: _Watched) -> None:
        self._look()
        phone.since = phone.seen
        self._act(step, phone, "silence")

    def _wait(self, step: Step, _phone: _Watched) -> None:
        until = time.monotonic() + float(step.text) / self._speed
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))
            self._look()

    def _expect(self, step: Step, phone: _Watched) -> None:
        """Words of the other side since this telephone last said or pressed something."""

        def heard() -> bool:
            new = [line for line in phone.lines if line["seq"] > phone.since and line["who"] != phone.number]
            return any(step.text in self._shown(line) for line in new)

        self._until(step, heard)

    def _expect_text(self, step: Step, phone: _Watched) -> None:
        def arrived() -> bool:
            texts = self._get("/api/texts")[self._texts :]
            return any(step.text in t["body"] and t["to"] == phone.number and t["status"] == "delivered" for t in texts)

        self._until(step, arrived)

    def _expect_over(self, step: Step, phone: _Watched) -> None:
        self._until(step, lambda: bool(phone.sid) and self._call(phone).get("phase") == "idle")

    def _answer(self, step: Step, phone: _Watched) -> None:
        self._until(step, lambda: self._call(phone).get("phase") == "ringing")
        self._act(step, phone, "answer")

    def _hang_up(self, step: Step, phone: _Watched) -> None:
        self._act(step, phone, "hangup")

    def _state(self, step: Step, phone: _Watched) -> None:
        answer = self._http.put(f"/api/phones/{phone.number}", json={"state": step.text})
        if answer.is_error:
            raise Failed(f"{step}: {answer.json()['error']}")

    def _set_limit(self, step: Step, _phone: _Watched) -> None:
        self._limit = float(step.text)

    # -- the network -------------------------------------------------------------------------------------------

    def _do(self, step: Step, phone: _Watched, action: str, **body: Any) -> None:
        """Speaks or presses, and waits until it was heard: that is from where on words are new."""
        self._look()
        own = sum(1 for line in phone.lines if line["who"] == phone.number)
        self._act(step, phone, action, **body)

        def spoken() -> list[dict[str, Any]]:
            return [line for line in phone.lines if line["who"] == phone.number][own:]

        self._until(step, lambda: bool(spoken()))
        last = spoken()[0]
        if last["heard"] is False:
            raise Failed(f"{step}: nobody listened")
        phone.since = last["seq"]

    def _act(self, step: Step, phone: _Watched, action: str, **body: Any) -> None:
        answer = self._http.post(f"/api/phones/{phone.number}/{action}", json=body)
        if answer.is_error:
            raise Failed(f"{step}: {answer.json()['error']}")

    def _try(self, action: str, number: str) -> None:
        """Whatever comes of it: at the end the caller may have no call any more."""
        self._http.post(f"/api/phones/{number}/{action}", json={})

    def _until(self, step: Step, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._limit
        while True:
            revision = self._look()
            if done():
                return
            if time.monotonic() > deadline:
                raise Failed(f"{step}: not within {self._limit:g} s")
            self._get(f"/api/desk?after={revision}&wait={_POLL_SECONDS}")

    def _look(self) -> int:
        """Reads and writes whatever is new on the telephones of this play."""
        desk = self._get("/api/desk")
        calls = {p["number"]: p["call"] for p in desk["phones"] if p["call"]}
        fresh = []
        for phone in self._phones.values():
            call = calls.get(phone.number)
            if call is None or call["sid"] == self._before.get(phone.number):
                continue
            if call["sid"] != phone.sid:
                phone.sid, phone.seen, phone.since, phone.lines = call["sid"], 0, 0, []
            new = self._get(f"/api/calls/{phone.sid}?lines_after={phone.seen}")["lines"]
            phone.lines += new
            phone.seen += len(new)
            fresh += [(phone, line) for line in new]
        for phone, line in fresh:
            self._print(phone, line)
        return int(desk["revision"])

    def _call(self, phone: _Watched) -> dict[str, Any]:
        found: dict[str, Any] = self._get(f"/api/calls/{phone.sid}") if phone.sid else {}
        return found

    def _get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def _post(self, number: str, action: str, **body: Any) -> dict[str, Any]:
        answer = self._http.post(f"/api/phones/{number}/{action}", json=body)
        if answer.is_error:
            raise Failed(f"{action} {number}: {answer.json()['error']}")
        found: dict[str, Any] = answer.json()
        return found

    # -- the transcript ----------------------------------------------------------------------------------------

    def _shown(self, line: dict[str, Any]) -> str:
        if line["kind"] == "event":
            return str(self._words["events"].get(line["text"], line["text"]))
        return str(line["text"])

    def _print(self, phone: _Watched, line: dict[str, Any]) -> None:
        minutes, seconds = divmod(time.monotonic() - self._began, 60)
        who = self._words.get(line["who"]) or self._labels.get(line["who"], line["who"])
        mark = {"press": f"[{self._words['press']}] ", "play": f"[{self._words['sound']}] "}.get(line["kind"], "")
        where = "" if phone.number == self._caller else f"({self._labels.get(phone.number, phone.number)}) "
        lost = f" ({self._words['speech_lost']})" if line["heard"] is False else ""
        self._write(f"{int(minutes):02d}:{seconds:04.1f}  {where}{who}: {mark}{self._shown(line)}{lost}")
