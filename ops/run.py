"""Starts everything in the Procfile under one supervisor, waits until it is healthy, prints where to go. Ctrl-C stops all."""

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
from honcho.environ import parse_procfile
from honcho.manager import Manager

from dialogue.conference import browser_name
from dialogue.phone_number import to_e164
from fulfillment.ticket import Address
from kernel.errors import ConfigurationError
from kernel.settings import Settings, load_settings
from storage import Store

HOME = Path(__file__).resolve().parent.parent
#: The NLU server needs about 20 s for its first start.
HEALTHY_WITHIN_SECONDS = 120
SAMPLE_RESIDENTS = 6
SAMPLE_PASSWORD_FILE = HOME / "var" / "sample-logins.txt"


def main() -> int:
    try:
        settings = load_settings()
    except ConfigurationError as exc:
        print(f"run: {exc}", file=sys.stderr)
        return 1
    processes = dict(parse_procfile((HOME / "Procfile").read_text(encoding="utf-8")).processes)
    if settings.carrier_is_real:
        processes.pop("simulator")
    busy = [p for p in _ports(settings, processes) if _is_taken(p)]
    if busy:
        print(f"run: port {busy[0]} is in use: stop what listens there, or change it in .env", file=sys.stderr)
        return 1
    manager = Manager()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(HOME), **_for_the_network(settings)}
    environment["NLU_PORT"] = str(settings.nlu_url.port or 5005)
    for name, command in processes.items():
        manager.add_process(name, command, env=environment, cwd=str(HOME))
    threading.Thread(target=_announce, args=(settings, processes), daemon=True).start()
    manager.loop()
    return int(manager.returncode or 0)


def _for_the_network(settings: Settings) -> dict[str, str]:
    """What the simulated network must know; it reads its environment only and nothing of the product."""
    return {
        "SIMULATOR_PORT": str(settings.simulator_port),
        "SIMULATOR_HOTLINE_NUMBER": settings.twilio_from_number,
        "SIMULATOR_VOICE_URL": f"{settings.base_url}/ivr/calls",
        "SIMULATOR_VOICE_FALLBACK_URL": f"{settings.base_url}/ivr/fallback",
        "SIMULATOR_STATUS_URL": f"{settings.base_url}/ivr/status",
        "SIMULATOR_PHONES": json.dumps(telephones(settings.database_url), ensure_ascii=False),
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token.get_secret_value(),
        "SIMULATOR_WECHAT_URL": f"{settings.base_url}/wechat",
        "WECHAT_APP_ID": settings.wechat_app_id,
        "WECHAT_APP_SECRET": settings.wechat_app_secret.get_secret_value(),
        "WECHAT_TOKEN": settings.wechat_token.get_secret_value(),
        "WECHAT_AES_KEY": settings.wechat_aes_key.get_secret_value(),
    }


def telephones(database_url: str) -> list[dict[str, str]]:
    """Whose telephones stand on the network's desk: a few residents, everybody who can be rung."""
    store = Store(database_url)
    with store.read() as tx:
        homes = [h for c in tx.communities()[:SAMPLE_RESIDENTS] for h in tx.households_at(Address(c.id))[:1] if h.phone]
        residents = [{"number": h.phone, "label": h.name, "kind": "resident"} for h in homes]
        staff = [
            {"number": s.phone, "label": f"{s.number} {s.name}", "kind": "butler"} for s in tx.all_staff() if s.active
        ]
        groups = [{"number": to_e164(s.phone), "label": s.name, "kind": "other"} for s in tx.stations() if s.robot]
        operators = [{"number": o.phone, "label": o.name, "kind": "operator"} for o in tx.operators() if o.phone]
        browsers = [
            {"number": f"client:{browser_name(o.id)}", "label": f"{o.name} (软电话)", "kind": "operator"}
            for o in tx.operators()
        ]
    store.close()
    return [*residents, *staff, *groups, *operators, *browsers]


def _ports(settings: Settings, processes: dict[str, str]) -> list[int]:
    ports = [settings.web_port, settings.nlu_url.port or 5005]
    return [*ports, settings.simulator_port] if "simulator" in processes else ports


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _announce(settings: Settings, processes: dict[str, str]) -> None:
    """Waits for the health page to be content, then prints the addresses once."""
    local = f"http://127.0.0.1:{settings.web_port}"
    started = time.monotonic()
    while not _is_healthy(local):
        if time.monotonic() - started > HEALTHY_WITHIN_SECONDS:
            print(
                f"run: not healthy after {HEALTHY_WITHIN_SECONDS} s: see {local}/healthz and the log above", flush=True
            )
            return
        time.sleep(0.5)
    lines = [
        "",
        f"  Ready in {time.monotonic() - started:.0f} s.",
        f"  Residents chat        {local}/chat/          (widget on a company's page: {local}/chat/demo)",
        f"  Operators' console    {local}/console/",
    ]
    if "simulator" in processes:
        lines.append(
            f"  Telephones            http://127.0.0.1:{settings.simulator_port}/      NOT a real carrier: calls stay on this machine"
        )
    if SAMPLE_PASSWORD_FILE.exists():
        lines += [
            "",
            "  Sample logins:",
            *(f"    {line}" for line in SAMPLE_PASSWORD_FILE.read_text("utf-8").splitlines()),
        ]
    lines += ["", "  Ctrl-C stops everything.", ""]
    print("\n".join(lines), flush=True)


def _is_healthy(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz", timeout=3).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    sys.exit(main())
