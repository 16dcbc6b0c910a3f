"""Residents who call and write, staff who answer or do not: robots at the telephones of the simulated network."""

import itertools
import random
import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from ops.drills.ledger import Emergency
from ops.town import Town

_TRIES = 12
_PATIENCE_SECONDS = 10.0
_BETWEEN_TRIES_SECONDS = 1.0
_MOST_PRESSES = 60


@dataclass
class Residents:
    """Each has a number, or a chat, and a home of its own. `everybody` is who has reported something so far."""

    town: Town
    places: Sequence[str]
    random: random.Random
    everybody: list[Emergency] = field(default_factory=list)

    def __post_init__(self) -> None:
        words = yaml.safe_load((Path(__file__).parent / "sentences_zh.yml").read_text(encoding="utf-8"))
        self._sentences: list[str] = words["leaks"]
        self._number = itertools.count(1)
        self._pool = ThreadPoolExecutor(96, thread_name_prefix="resident")
        self._waiting: list[Future[None]] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def report(self, count: int = 1, *, chat_share: float = 0.25) -> None:
        """So many emergencies, now, side by side; returns at once."""
        for _ in range(count):
            number = next(self._number)
            home = self._home(number)
            tell = self._write if self.random.random() < chat_share else self._call
            emergency = Emergency(number=f"+86177{number:08}" if tell == self._call else "")
            with self._lock:
                self.everybody.append(emergency)
            self._waiting.append(self._pool.submit(tell, emergency, home))

    def wait(self, seconds: float) -> None:
        """Until all have told their matter. Raises what broke a robot, TimeoutError included."""
        until = time.monotonic() + seconds
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.result(max(0.1, until - time.monotonic()))

    def words(self, number: int) -> str:
        """A sentence about a home that nobody else has."""
        return self._home(number)

    def next_number(self) -> int:
        return next(self._number)

    def _home(self, number: int) -> str:
        place = self.places[number % len(self.places)]
        turn = number // len(self.places)
        return self._sentences[number % len(self._sentences)].format(
            place=place, building=turn % 60 + 1, unit=number % 4 + 1, room=(turn // 60 % 20 + 1) * 100 + number % 3 + 1
        )

    # -- by telephone

    def _call(self, emergency: Emergency, words: str) -> None:
        """Calls, says it, listens to the answer; calls again as people do when the line dies on them."""
        with httpx.Client(base_url=self.town.network, timeout=20, trust_env=False) as http:
            for _ in range(_TRIES):
                emergency.tries += 1
                if self._one_call(http, emergency, words):
                    return
                time.sleep(_BETWEEN_TRIES_SECONDS)

    def _one_call(self, http: httpx.Client, emergency: Emergency, words: str) -> bool:
        phone = f"/api/phones/{emergency.number}"
        dialled = http.post(f"{phone}/dial", json={})
        if dialled.is_error:
            return False
        sid = dialled.json()["sid"]
        http.post(f"{phone}/say", json={"text": words, "polite": True})
        answered = self._listen(http, emergency, sid)
        http.post(f"{phone}/hangup", json={})
        return answered

    def _listen(self, http: httpx.Client, emergency: Emergency, sid: str) -> bool:
        """True once the product has answered the words, or somebody is being rung from the fallback's instructions."""
        until, revision = time.monotonic() + _PATIENCE_SECONDS, -1
        while time.monotonic() < until:
            call = http.get(f"/api/calls/{sid}", params={"after": revision, "wait": 0.5}).json()
            revision = call["revision"]
            lines = call["lines"]
            spoke = [i for i, line in enumerate(lines) if line["who"] == emergency.number and line["heard"]]
            after = lines[spoke[0] + 1 :] if spoke else []
            is_rung = any(line["text"] == "dialing" for line in lines[1:])
            # "Please do not hang up": who is told that, and not asked anything, stays until the duty phone rings.
            is_asked = any(line["who"] == "hotline" for line in after) and call["listening"]
            if is_rung or is_asked:
                emergency.said_at = emergency.said_at or datetime.now(UTC)
                time.sleep(0.8)
                return True
            if call["phase"] == "idle":
                return False
        return False

    # -- by chat

    def _write(self, emergency: Emergency, words: str) -> None:
        """As the widget does it: the same message is sent again until it is answered."""
        client_id = secrets.token_hex(12)
        with httpx.Client(base_url=self.town.web, timeout=20, trust_env=False) as http:
            for _ in range(_TRIES):
                emergency.tries += 1
                try:
                    self._one_message(http, emergency, client_id, words)
                except httpx.HTTPError:
                    time.sleep(_BETWEEN_TRIES_SECONDS)
                else:
                    return

    def _one_message(self, http: httpx.Client, emergency: Emergency, client_id: str, words: str) -> None:
        if not emergency.conversation_id:
            opened = http.post("/chat/api/session", json={}).raise_for_status().json()
            http.headers["Authorization"] = f"Bearer {opened['token']}"
            emergency.conversation_id = opened["conversation"]["id"]
        body = {"conversation": emergency.conversation_id, "client_id": client_id, "text": words, "after": 0}
        http.post("/chat/api/messages", json=body).raise_for_status()
        emergency.said_at = emergency.said_at or datetime.now(UTC)


class Staff:
    """Hears every telephone that rings. `accepting` is the share of calls that are answered and accepted; the rest ring out."""

    def __init__(self, town: Town, seed: int, accepting: float = 0.6) -> None:
        self.accepting = accepting
        self._town = town
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._seen: set[str] = set()
        self._pool = ThreadPoolExecutor(24, thread_name_prefix="staff")
        self._thread = threading.Thread(target=self._watch, name="staff", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._pool.shutdown(wait=True)

    def _watch(self) -> None:
        revision = -1
        with httpx.Client(base_url=self._town.network, timeout=20, trust_env=False) as http:
            while not self._stop.is_set():
                asked: dict[str, float | str] = {"after": revision, "wait": 0.5, "ringing": "1"}
                record = http.get("/api/record", params=asked).json()
                revision = record["revision"]
                for call in record["calls"]:
                    if call["direction"] != "inbound" and call["sid"] not in self._seen:
                        self._seen.add(call["sid"])
                        self._decide(call)
                time.sleep(0.03)  # a busy network changes all the time

    def _decide(self, call: dict[str, Any]) -> None:
        delay = self._random.uniform(0.05, 0.5)
        if call["parent"] or self._random.random() < self.accepting:  # the duty phone always answers
            self._pool.submit(self._answer, call["number"], delay, accepts=not call["parent"])

    def _answer(self, number: str, delay: float, *, accepts: bool) -> None:
        time.sleep(delay)
        phone = f"{self._town.network}/api/phones/{number}"
        if httpx.post(f"{phone}/answer", json={}, trust_env=False).is_error:
            return  # it stopped ringing
        for _ in range(_MOST_PRESSES if accepts else 0):
            pressed = httpx.post(f"{phone}/press", json={"digits": "1", "polite": True}, trust_env=False)
            if pressed.is_error:
                return  # the call is over
            time.sleep(0.7)
