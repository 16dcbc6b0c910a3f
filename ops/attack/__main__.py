"""`make attack`: schemathesis at the chat's public API, wapiti at the chat page and at the console of a supervisor.

Writes docs/attack.md. Exit code 1 if anything was found that EXPLAINED does not explain, if the product wrote an error to its
log, or if an attacker did not get as far as it should. Both run by `uv tool run` in environments of their own, since they
need other versions of what the product uses.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from kernel.clock import local
from ops.nlu_process import nlu_server
from ops.town import BIN, HOME, PASSWORD, Town

PAGE = HOME / "docs" / "attack.md"
SCHEMATHESIS = "schemathesis==4.32.5"
WAPITI = "wapiti3==3.2.3"
#: What wapiti reports on this town and why it is none of the product's.
EXPLAINED = {
    "Secure Flag cookie": "the town speaks plain HTTP on loopback; with an https:// PUBLIC_BASE_URL the flag is set (tests/console)",
    "Unencrypted Channels": "the same",
    "HTTP Strict Transport Security (HSTS)": "the same: it means nothing over HTTP",
    "Clickjacking Protection: GET /chat/": "the chat is made to stand in a frame; by whom, CSP frame-ancestors says (tests/webchat); the console is framed by nobody",
    "POST /chat/api/pictures: ST202 Schema-valid request rejected": "no schema can say which bytes are a photograph (415)",
}
#: Fewer than these, and the attacker stood before a closed door.
_FEWEST_CASES, _FEWEST_PAGES = 300, 60
#: wapiti looks at its clock between modules only, and these pages are slow while others work on the machine.
_TO_FINISH_SECONDS = 900
_A_PICTURE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05"
    b"\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)


@dataclass
class Attack:
    """One attacker's findings; `reached` says how far it got."""

    name: str
    reached: str
    findings: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, finding: str) -> None:
        """Explained by how it begins."""
        begins = next((known for known in EXPLAINED if finding.startswith(known)), "")
        (self.explained if begins else self.findings).append(begins or finding)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ops.attack", description=__doc__)
    parser.add_argument("--seconds", type=int, default=150, help="bound of each of wapiti's scans")
    parser.add_argument("--examples", type=int, default=60, help="how many cases schemathesis makes of each operation")
    parser.add_argument("--seed", type=int, default=20261122)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attack-") as folder, nlu_server() as nlu_url:
        with Town(Path(folder), nlu_url) as town:
            town.kill("web")
            town.start("web", str(BIN / "gunicorn"), "-c", "ops/gunicorn_conf.py", "ops.attack.open_web:start()")
            town.wait_until_healthy()
            attacks = [
                schemathesis(town, examples=chosen.examples, seed=chosen.seed),
                wapiti(town, "chat", f"{town.web}/chat/", seconds=chosen.seconds),
                wapiti(town, "console", f"{town.web}/console/", seconds=chosen.seconds, login="lead"),
            ]
        errors = errors_in((town.folder / "web.log").read_text("utf-8", "replace"))
    PAGE.write_text(page(attacks, errors), encoding="utf-8")
    for attack in attacks:
        print(f"{attack.name}: {attack.reached}; {len(attack.findings)} found, {len(attack.explained)} explained")
        for finding in attack.findings:
            print(f"    {finding}")
    print(f"errors in the log: {sum(errors.values())}", *errors, sep="\n    ")
    return int(any(attack.findings for attack in attacks) or bool(errors))


def schemathesis(town: Town, *, examples: int, seed: int) -> Attack:
    """Twice: with any conversation, and with one that there is, so that what lies behind the look-up is reached."""
    attack, cases, began = Attack("schemathesis", ""), 0, time.monotonic()
    with httpx.Client(base_url=town.web, trust_env=False, timeout=20) as http:
        opened = http.post("/chat/api/session", json={}).raise_for_status().json()
        schema: dict[str, Any] = http.get("/chat/api/openapi.json").raise_for_status().json()
        headers = {"Authorization": f"Bearer {opened['token']}"}
        picture = {"conversation": (None, opened["conversation"]["id"]), "client_id": (None, "attack-picture-1")}
        http.post("/chat/api/pictures", files={**picture, "picture": ("a.png", _A_PICTURE)}, headers=headers)
    known = json.loads(json.dumps(schema), object_hook=lambda node: _with_const(node, opened["conversation"]["id"]))
    for title, document in (("any", schema), ("known", known)):
        file = town.folder / f"openapi-{title}.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        command = [str(BIN / "uv"), "tool", "run", "--from", SCHEMATHESIS, "st", "run", str(file), "--url", town.web]
        command += ["-H", f"Authorization: {headers['Authorization']}", "--exclude-path", "/chat/api/events"]
        command += ["--max-examples", str(examples), "--seed", str(seed), "--no-color", "--request-timeout", "20"]
        done = subprocess.run(command, cwd=town.folder, capture_output=True, text=True, check=False, timeout=900)
        told = re.search(r"(\d+) generated", done.stdout)
        cases += int(told[1]) if told else 0
        for failure in _failures(done.stdout):
            attack.note(failure)
        if not told:
            attack.findings.append(f"{title}: it did not run: {(done.stderr or done.stdout)[-400:]}")
    attack.reached, attack.seconds = f"{cases} requests", time.monotonic() - began
    if cases < _FEWEST_CASES:
        attack.findings.append(f"only {cases} cases ran, {_FEWEST_CASES} are the least")
    return attack


def _with_const(node: dict[str, Any], conversation: str) -> dict[str, Any]:
    """In a body that must name one, or as a parameter, the conversation is this one."""
    if (node.get("conversation") or {}).get("description") == "A conversation of this visitor":
        node["conversation"] = {"const": conversation}
    if node.get("name") == "conversation" and "schema" in node:
        node["schema"] = {"const": conversation}
    return node


def _failures(output: str) -> list[str]:
    """One line a failure: the operation and what was wrong with it."""
    found, operation = [], ""
    for line in output.splitlines():
        if heading := re.fullmatch(r"_+ (\S+ /\S*) _+", line.strip()):
            operation = heading[1]
        elif line.startswith("- ") and operation:
            found.append(f"{operation}: {line[2:]}")
    return found


def wapiti(town: Town, name: str, url: str, *, seconds: int, login: str = "") -> Attack:
    """All of its usual modules on what it can crawl, as a visitor or signed in."""
    began, report = time.monotonic(), town.folder / f"wapiti-{name}.json"
    command = [str(BIN / "uv"), "tool", "run", "--from", WAPITI, "wapiti", "-u", url, "--scope", "folder"]
    command += ["-f", "json", "-o", str(report), "--flush-session", "--no-bugreport", "-v", "0"]
    command += ["--store-session", str(town.folder / f"wapiti-{name}")]
    command += ["--max-scan-time", str(seconds), "--max-attack-time", "30"]
    if login:
        command += ["--form-url", f"{town.web}/console/login", "--form-user", login, "--form-password", PASSWORD]
    attack = Attack(f"wapiti, {name}", "nothing")
    try:
        subprocess.run(
            command, cwd=town.folder, capture_output=True, text=True, check=False, timeout=seconds + _TO_FINISH_SECONDS
        )
    except subprocess.TimeoutExpired as exc:
        attack.findings.append(f"it did not come to an end in {exc.timeout:.0f} s")
        return attack
    if not report.exists():
        attack.findings.append("it did not run")
        return attack
    told = json.loads(report.read_text(encoding="utf-8"))
    for heading, entries in {**told["vulnerabilities"], **told["anomalies"]}.items():
        for entry in entries:
            finding = (
                f"{heading}: {entry['method']} {entry['path']} {entry.get('parameter') or ''} {entry['info'][:200]}"
            )
            attack.note(finding)
    pages = told["infos"]["crawled_pages_nbr"]
    attack.reached, attack.seconds = f"{pages} pages", time.monotonic() - began
    if login and pages < _FEWEST_PAGES:
        attack.findings.append(f"only {pages} pages were reached, {_FEWEST_PAGES} are the least: did it sign in?")
    return attack


def errors_in(log: str) -> Counter[str]:
    """What the product itself calls an error, once each, with its count."""
    found = re.findall(r'level=(?:error|critical) event="?([^"]*?)"? (?:path=(\S+))?', log)
    return Counter(f"{event} {path}".strip() for event, path in found)


def page(attacks: list[Attack], errors: Counter[str]) -> str:
    """docs/attack.md."""
    lines = [
        "# Attacks",
        "",
        (
            f"`make attack`, {local(datetime.now(UTC)).isoformat(timespec='minutes')}. Other people's attackers against the running"
            " product (real processes, sample company), its rate limits taken out so that everything behind them is reached."
        ),
        "",
        "| attacker | reached | found | explained | s |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [f"| {a.name} | {a.reached} | {len(a.findings)} | {len(a.explained)} | {a.seconds:.0f} |" for a in attacks]
    lines += ["", f"Errors in the product's own log meanwhile: {sum(errors.values())}.", ""]
    lines += [f"- {event}: {count}" for event, count in errors.items()]
    for attack in attacks:
        lines += [f"- **{attack.name}**: {finding}" for finding in attack.findings]
    lines += [f"- {known}: {EXPLAINED[known]}" for known in sorted({k for a in attacks for k in a.explained})]
    lines += [
        "",
        (
            f"schemathesis ({SCHEMATHESIS.split('==')[1]}) makes requests of the API's own document (`/chat/api/openapi.json`): fitting"
            " and unfitting ones, for any conversation and for one that exists, and holds answers and status codes against it; the live"
            f" stream is left out, it never ends. wapiti ({WAPITI.split('==')[1]}) crawls what an ordinary visitor and a signed-in"
            " supervisor reach and tries injections of many kinds into every parameter. Not tried: the telephone's webhooks (they are"
            " signed: tests/ivr), what a browser's scripts reach, denial of service."
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
