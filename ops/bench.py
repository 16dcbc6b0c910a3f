"""`make bench`: what a turn costs, measured against peers in the same run. Writes docs/bench.md.

- one turn, signed webhook to TwiML with everything stored, against a bare `/model/parse` of the same sentence, in turns;
- turns per second at 1, 8 and 32 callers against Rasa's own REST channel on the same model;
- memory of every process.
Machines are noisy: the ratios are the result, the milliseconds only their witnesses.
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import httpx
import psutil
from twilio.request_validator import RequestValidator

from ops.nlu_process import nlu_server
from ops.town import HOME, Town

#: Everyday sentences that danger words do not decide, so that every turn asks the model.
SENTENCES = (
    "家里暖气一直不热",
    "暖气费怎么交",
    "我想申请测一下室温",
    "屋里只有十五度",
    "怎么开发票",
    "你们什么时候开始供暖",
)
PAIRS = 300
CALLERS = (1, 8, 32)
SECONDS_PER_LOAD = 8


def main() -> int:
    with nlu_server() as nlu_url, tempfile.TemporaryDirectory() as folder, Town(Path(folder), nlu_url) as town:
        turn, parse = one_turn_against_a_bare_parse(town)
        # The same server answers its own REST channel when no other is configured.
        loads = [
            (n, turns_per_second(n, lambda: caller(town)), turns_per_second(n, lambda: rest_caller(nlu_url)))
            for n in CALLERS
        ]
        memory = {name: resident(process.pid) for name, process in town.processes.items()} | {
            "nlu": memory_of_port(nlu_url)
        }
    report = render(turn, parse, loads, memory)
    (HOME / "docs" / "bench.md").write_text(report, encoding="utf-8")
    print(report)
    return 0


def one_turn_against_a_bare_parse(town: Town) -> tuple[list[float], list[float]]:
    """Seconds of each, alternating, so that noise hits both."""
    call, rasa = caller(town), httpx.Client(base_url=town.nlu_url, timeout=10)
    turns, parses = [], []
    for n in range(PAIRS):
        sentence = SENTENCES[n % len(SENTENCES)]
        started = time.perf_counter()
        rasa.post("/model/parse", json={"text": sentence}).raise_for_status()
        parses.append(time.perf_counter() - started)
        turns.append(call())
    return turns[20:], parses[20:]


def caller(town: Town) -> Callable[[], float]:
    """A call of its own; each use is one turn of it: returns its seconds. A call of 20 turns is followed by a new one."""
    http = httpx.Client(base_url=town.web, timeout=20)
    validator = RequestValidator(town.token)
    state = {"turn": 99, "call": 0}
    me = f"CA{threading.get_ident():x}{time.monotonic_ns():x}"
    paths: list[str] = []

    def post(path: str, form: dict[str, str]) -> httpx.Response:
        signature = validator.compute_signature(town.web + path, form)
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        return http.post(path, content=urlencode(form), headers=headers).raise_for_status()

    def one_turn() -> float:
        if state["turn"] > 20:  # noqa: PLR2004 - a long call
            state["turn"], state["call"] = 1, state["call"] + 1
            answer = post(
                "/ivr/calls", {"CallSid": f"{me}{state['call']}", "From": "+8619955550000", "To": "+8641188880000"}
            )
            paths[:] = [answer.text.split('action="')[1].split("/turns/")[0].removeprefix(town.web)]
        sentence = SENTENCES[state["turn"] % len(SENTENCES)]
        form = {"CallSid": f"{me}{state['call']}", "SpeechResult": sentence, "Confidence": "0.9"}
        started = time.perf_counter()
        post(f"{paths[0]}/turns/{state['turn']}", form)
        state["turn"] += 1
        return time.perf_counter() - started

    return one_turn


def rest_caller(base: str) -> Callable[[], float]:
    """One sender of Rasa's own REST channel."""
    http = httpx.Client(base_url=base, timeout=20)
    sender = f"bench-{time.monotonic_ns()}"
    count = iter(range(10**9))

    def one_turn() -> float:
        body = {"sender": sender, "message": SENTENCES[next(count) % len(SENTENCES)]}
        started = time.perf_counter()
        http.post("/webhooks/rest/webhook", json=body).raise_for_status()
        return time.perf_counter() - started

    return one_turn


def turns_per_second(callers: int, make: Callable[[], Callable[[], float]]) -> tuple[float, float]:
    """(turns per second, p99 seconds) of so many callers who speak without a pause."""
    until = time.monotonic() + SECONDS_PER_LOAD

    def speak(turn: Callable[[], float]) -> list[float]:
        times = []
        while time.monotonic() < until:
            times.append(turn())
        return times

    everybody = [make() for _ in range(callers)]
    for turn in everybody:
        turn()
    until = time.monotonic() + SECONDS_PER_LOAD
    with ThreadPoolExecutor(callers) as pool:
        times = [t for of_one in pool.map(speak, everybody) for t in of_one]
    return len(times) / SECONDS_PER_LOAD, quantile(times, 0.99)


def resident(pid: int) -> float:
    """MiB of a process and its children."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(p.memory_info().rss for p in family) / 2**20


def memory_of_port(url: str) -> float:
    port = int(url.rsplit(":", 1)[1])
    pid = next(
        c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr[1:] == (port,) and c.pid
    )
    return resident(pid)


def quantile(values: list[float], q: float) -> float:
    return statistics.quantiles(values, n=1000)[int(q * 1000) - 1]


def render(
    turn: list[float],
    parse: list[float],
    loads: list[tuple[int, tuple[float, float], tuple[float, float]]],
    memory: dict[str, float],
) -> str:
    def row(name: str, values: list[float]) -> str:
        return f"| {name} | {quantile(values, 0.5) * 1000:.1f} ms | {quantile(values, 0.95) * 1000:.1f} ms | {quantile(values, 0.99) * 1000:.1f} ms |"

    ratio = quantile(turn, 0.5) / quantile(parse, 0.5)
    lines = [
        "# Bench",
        "",
        f"`make bench`, {date.today().isoformat()}, {psutil.cpu_count()} cores, SQLite, everything on one machine.",  # noqa: DTZ011 - a date for people
        "The ratios are the result; the machine is shared and noisy.",
        "",
        "## One turn, signed webhook to TwiML, stored, against a bare `/model/parse`",
        "",
        "| | p50 | p95 | p99 |",
        "| --- | --- | --- | --- |",
        row("turn", turn),
        row("bare parse", parse),
        "",
        f"Ratio at p50: **{ratio:.2f}** (goal: at most 1.5).",
        "",
        "## Turns per second against Rasa's own REST channel, same model",
        "",
        "| callers | ours | p99 | Rasa REST | p99 | ours / Rasa |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for callers, (ours, our_p99), (theirs, their_p99) in loads:
        lines.append(
            f"| {callers} | {ours:.0f}/s | {our_p99 * 1000:.0f} ms | {theirs:.0f}/s | {their_p99 * 1000:.0f} ms | {ours / theirs:.2f} |"
        )
    lines += ["", "## Memory", "", "| process | resident |", "| --- | --- |"]
    lines += [f"| {name} | {mib:.0f} MiB |" for name, mib in memory.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
