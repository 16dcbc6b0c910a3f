"""`python -m simulator serve | play SCRIPT | texts`: see simulator/README.md."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

import httpx
from werkzeug.serving import WSGIRequestHandler, make_server

from simulator.app import create_app
from simulator.config import ConfigError, read_config
from simulator.network import Network
from simulator.play import Failed, Player, ScriptError, read_script


def main(arguments: list[str] | None = None) -> int:
    """0: well; 1: an expectation of the script failed; 2: settings, script or connection are wrong."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the telephone network")
    play = commands.add_parser("play", help="play a call from a script file and print the transcript")
    play.add_argument("script", help="file, or - for standard input")
    play.add_argument("--from", dest="caller", default="+8613900000001", help="the caller's number")
    play.add_argument("--to", default="", help="the number dialled (the hotline)")
    play.add_argument("--withheld", action="store_true", help="the caller's number is not shown")
    play.add_argument("--rung", action="store_true", help="nobody dials: the hotline rings the telephone of --from")
    play.add_argument("--limit", type=float, default=30.0, help="seconds to wait for each expectation")
    texts = commands.add_parser("texts", help="print the text messages")
    texts.add_argument("--number", default="", help="only those to this number")
    port = os.environ.get("SIMULATOR_PORT", "8100")
    for command in (play, texts):
        command.add_argument("--base", default=f"http://127.0.0.1:{port}", help="where the network runs")
    chosen = parser.parse_args(arguments)
    try:
        return {"serve": _serve, "play": _play, "texts": _texts}[chosen.command](chosen)
    except (ConfigError, ScriptError, OSError) as exc:
        print(exc, file=sys.stderr)
        return 2
    except httpx.HTTPError as exc:
        print(f"{chosen.base}: {exc} (is the network running? `python -m simulator serve`)", file=sys.stderr)
        return 2


class _Quiet(WSGIRequestHandler):
    """Kept connections, and no line for each poll of each page."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def _serve(_chosen: argparse.Namespace) -> int:
    config = read_config(os.environ)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    # The supervisor's SIGTERM ends it as Ctrl-C does: calls are hung up, no traceback.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app = create_app(config)
    network: Network = app.extensions["network"]
    server = make_server(config.host, config.port, app, threaded=True, request_handler=_Quiet)
    print(f"Telephone network of this machine (not a real carrier): http://{config.host}:{config.port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        network.close()
        server.server_close()
    return 0


def _play(chosen: argparse.Namespace) -> int:
    text = sys.stdin.read() if chosen.script == "-" else Path(chosen.script).read_text(encoding="utf-8")
    steps = read_script(text.splitlines())
    player = Player(chosen.base, chosen.caller, lambda line: print(line, flush=True), limit_seconds=chosen.limit)
    try:
        player.play(steps, to=chosen.to, withheld=chosen.withheld, rung=chosen.rung)
    except Failed as exc:
        print(f"FAILED {exc}", file=sys.stderr)
        return 1
    return 0


def _texts(chosen: argparse.Namespace) -> int:
    query = {"number": chosen.number} if chosen.number else {}
    answer = httpx.get(f"{chosen.base}/api/texts", params=query, trust_env=False).raise_for_status()
    for text in answer.json():
        print(f"{text['at'][:19]}  {text['from']} -> {text['to']}  [{text['status']}]  {text['body']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
