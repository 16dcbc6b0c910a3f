"""The composition root: builds the rooms and puts them together. It decides nothing.

`create_app()` is the web process; `flask --app app …` are the other programs (worker, understand, migrate, import, passwords).
"""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TextIO, cast

import click
import structlog
from flask import Flask, Response, jsonify, redirect
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as AnyResponse

from bot.danger_words import load_danger_words
from bot.rasa_client import RasaClient
from bot.understand import Understander, describe
from bot.understanding import CommunityName
from console import Health, build_console
from dialogue.handle_turn import Hotline, Kit
from dialogue.handoff import Handoff, HandoffDeliveries
from dialogue.phone_number import as_said
from dialogue.policy import Policy
from dialogue.script_book import ScriptBook
from dialogue.tables import load_knowledge
from fulfillment.accounts import give_first_passwords, set_password
from fulfillment.alarms import Alarms
from fulfillment.clock_watch import ClockWatch
from fulfillment.desk import Desk
from fulfillment.forwarding import Forwarding
from fulfillment.importing import ImportReport, RobotAddress, import_company, load_words
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ports import Deliverer
from fulfillment.standard import Standard
from fulfillment.ticket import TimelineEntry
from fulfillment.worker import Worker
from ivr.alarm_text import alarm_text
from ivr.blueprint import build_ivr
from ivr.carrier import TwilioCarrier
from ivr.line import PhoneLine
from ivr.robots import robot_address
from kernel.clock import SystemClock
from kernel.errors import ConfigurationError, HotlineError, StoreBusy
from kernel.privacy import mask_log_event
from kernel.settings import DEFAULT_SIMULATOR_PORT, Environment, Settings, load_settings
from storage import Store
from webchat.blueprint import build_webchat
from webchat.config import ChatConfig, ChatLimits

HOME = Path(__file__).resolve().parent
#: A task that waits for longer than this says that no worker is running; an emergency must not (DESIGN §2, rule 6).
OVERDUE = timedelta(seconds=60)
#: A carrier that hangs for its ten seconds holds up one of them, not every other emergency.
EMERGENCY_THREADS = 4
#: How long one request waits for a locked database, over all its transactions. With NLU_TIMEOUT_SECONDS (at most 5)
#: it must stay below the carrier's 15 s, or the caller hears the carrier's error instead of what to do about a leak.
LOCKS_OF_A_REQUEST_SECONDS = 8.0
#: Sign-in for trying the product out; written by `make setup` into var/sample-logins.txt, never in production.
SAMPLE_LOGINS = ("op1", "op2", "lead", "admin")


class Rooms:
    """Everything the processes share, each built once, when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()

    @cached_property
    def store(self) -> Store:
        return Store(self.settings.database_url)

    @cached_property
    def standard(self) -> Standard:
        return Standard(self.settings.data_dir)

    @cached_property
    def book(self) -> ScriptBook:
        return ScriptBook(
            self.settings.scripts_dir, company=self.settings.company_name, number=self.settings.agent_number
        )

    @cached_property
    def rasa(self) -> RasaClient:
        return RasaClient(str(self.settings.nlu_url), timeout=self.settings.nlu_timeout_seconds)

    @cached_property
    def understander(self) -> Understander:
        return Understander(self.rasa, self.community_names, load_danger_words())

    def community_names(self) -> list[CommunityName]:
        with self.store.read() as tx:
            return [CommunityName(c.id, c.name, c.aliases) for c in tx.communities()]

    @cached_property
    def hotline(self) -> Hotline:
        knowledge = load_knowledge(self.settings.data_dir)
        kit = Kit(
            store=self.store,
            understander=self.understander,
            policy=Policy(knowledge.matters, self.standard.kinds, self.standard.directory),
            book=self.book,
            standard=self.standard,
            clock=self.clock,
            facts=knowledge.facts,
            hotline_phone=self.settings.twilio_from_number,
        )
        return Hotline(kit)

    @cached_property
    def line(self) -> PhoneLine:
        return PhoneLine(
            base_url=self.settings.base_url,
            auth_token=self.settings.twilio_auth_token.get_secret_value(),
            number=self.settings.twilio_from_number,
            duty_phone=self.settings.duty_phone,
        )

    @cached_property
    def carrier(self) -> TwilioCarrier:
        base = str(self.settings.twilio_api_base_url).rstrip("/")
        return TwilioCarrier(self.line, account_sid=self.settings.twilio_account_sid, api_base_url=base)

    def timeline_text(self, entry: TimelineEntry) -> str:
        return self.book.word(f"timeline.{entry.key}", entry.params)

    def health(self) -> Health:
        """How the product is now; asks the NLU server and the database, so it takes a few milliseconds."""
        try:
            self.store.ping()
            with self.store.read() as tx:
                overdue = tx.overdue_tasks(self.clock.now() - OVERDUE)
        except HotlineError:
            return Health(database=False, nlu=self.rasa.is_ready())
        return Health(database=True, nlu=self.rasa.is_ready(), overdue=overdue)

    def deliverers(self) -> dict[str, Deliverer]:
        """Who carries out which kind of task; the worker refuses to start if one is missing."""
        forwarding = Forwarding(self.store, self.carrier, self.standard, self.clock, alarm_text(self.book))
        watch = ClockWatch(self.store, self.standard, self.clock)
        handoff = HandoffDeliveries(self.store, self.carrier, self.book, self.standard, self.clock)
        return {
            TaskKind.FORWARD_EMERGENCY: forwarding.forward,
            TaskKind.WATCH_ATTEMPT: forwarding.watch,
            TaskKind.WARN_CLOCK: watch.warn,
            TaskKind.BREACH_CLOCK: watch.breach,
            TaskKind.SPEAK_TO_CALLER: handoff.speak_to_caller,
            TaskKind.CONNECT_OPERATOR: handoff.connect_operator,
            TaskKind.RELEASE_CONVERSATION: handoff.release_conversation,
            TaskKind.WATCH_QUEUE: handoff.watch_queue,
        }


def create_app(settings: Settings | None = None) -> Flask:
    """The web process. Raises ConfigurationError naming what is missing or contradictory."""
    is_program = os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "run" not in sys.argv
    try:
        settings = settings or load_settings()
    except ConfigurationError as exc:
        if is_program:
            raise click.ClickException(str(exc)) from exc  # before there is a program that could say it politely
        raise
    configure_logging()
    rooms = Rooms(settings)
    app = Flask(__name__)
    app.config.update(SECRET_KEY=settings.secret_key.get_secret_value(), MAX_CONTENT_LENGTH=1024 * 1024)
    app.extensions["rooms"] = rooms
    app.cli.add_command(worker)
    app.cli.add_command(understand)
    app.cli.add_command(migrate)
    app.cli.add_command(sample_company)
    app.cli.add_command(import_command)
    app.cli.add_command(password)
    if is_program:
        return app  # one of the programs below: no pages, and perhaps no database yet
    _demand_current_schema(rooms.store)
    _limit_waiting(app, rooms.store)
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
    secure = settings.public_base_url.scheme == "https"
    app.register_blueprint(
        build_ivr(
            hotline=rooms.hotline,
            alarms=Alarms(rooms.store, rooms.standard, rooms.clock),
            log=rooms.store,
            book=rooms.book,
            line=rooms.line,
            place_names=[name for c in rooms.community_names() for name in (c.name, *c.aliases)],
        )
    )
    app.register_blueprint(
        build_webchat(
            rooms.hotline,
            rooms.store,
            rooms.book,
            rooms.clock,
            limiter,
            ChatConfig(
                secret=settings.secret_key.get_secret_value(),
                company_name=settings.company_name,
                hotline_phone=as_said(settings.twilio_from_number),
                secure_cookies=secure,
                frame_ancestors=settings.chat_embed_sites,
                limits=ChatLimits(streams=settings.web_threads // 2),
            ),
        )
    )
    app.register_blueprint(
        build_console(
            rooms.store,
            Handoff(rooms.store, rooms.book, rooms.clock),
            Desk(rooms.store, rooms.standard, rooms.clock),
            rooms.standard,
            rooms.clock,
            timeline_text=rooms.timeline_text,
            health=rooms.health,
            carrier_is_real=settings.carrier_is_real,
            limiter=limiter,
            cookies_secure=secure,
            max_streams=settings.web_threads // 4,
        )
    )
    _add_front_door(app, rooms)
    return app


def _limit_waiting(app: Flask, store: Store) -> None:
    """A request has several transactions, and the carrier one patience for all of them."""

    @app.before_request
    def begin() -> None:
        store.limit_waiting(LOCKS_OF_A_REQUEST_SECONDS)

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        store.limit_waiting(None)


def _demand_current_schema(store: Store) -> None:
    try:
        current = store.is_current()
    except StoreBusy as exc:
        msg = "DATABASE_URL: the database cannot be opened: correct the address, or start the server it names"
        raise ConfigurationError(msg) from exc
    if not current:
        msg = "DATABASE_URL: the schema is not of this release: run `flask --app app migrate` (make setup does it)"
        raise ConfigurationError(msg)


def _add_front_door(app: Flask, rooms: Rooms) -> None:
    @app.get("/")
    def front_door() -> AnyResponse:
        return redirect("/chat/")

    @app.get("/healthz")
    def healthz() -> tuple[Response, int]:
        health = rooms.health()
        overdue = [
            {"kind": kind, "due_at": due.isoformat(), "tries": tries} for kind, _key, due, tries in health.overdue
        ]
        body = {
            "database": health.database,
            "nlu": health.nlu,
            "overdue_tasks": overdue,
            "carrier": "twilio" if rooms.settings.carrier_is_real else "simulated: not a real carrier",
        }
        return jsonify(body), 200 if health.fine else 503


def configure_logging() -> None:
    """One readable line an event, on standard error, with personal data masked."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_log_event,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, LogStream(sys.stderr))),
    )


class LogStream:
    """Standard error; when its disk is full the line is lost, and not the emergency that was being told about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


# --- programs --------------------------------------------------------------------------------------------------------


def _rooms() -> Rooms:
    configure_logging()
    return Rooms(load_settings())


def _with_polite_errors(program: Callable[[], None]) -> None:
    """A wrong setting or file ends a program with one line and exit code 1, not with a traceback."""
    try:
        program()
    except HotlineError as exc:
        raise click.ClickException(str(exc)) from exc


@click.command("worker")
@click.option("--instance", default="1", help="Tells workers of one machine apart: each releases only its own leases.")
def worker(instance: str) -> None:
    """Outbox and clocks: carries out what was promised until it is stopped."""

    def program() -> None:
        rooms = _rooms()
        name = f"worker-{os.uname().nodename}-{instance}"
        lanes = (Lane.EMERGENCY,) * EMERGENCY_THREADS + (Lane.ORDINARY,)
        Worker(rooms.store, rooms.deliverers(), rooms.clock, name=name, lanes=lanes).run()

    _with_polite_errors(program)


@click.command("understand")
def understand() -> None:
    """Reads lines on standard input, prints one JSON object a line: what a live turn would understand."""

    def program() -> None:
        understander = _rooms().understander
        for line in sys.stdin:
            answer = describe(understander.understand(line.rstrip("\r\n")))
            click.echo(json.dumps(answer, ensure_ascii=False))

    _with_polite_errors(program)


@click.command("migrate")
def migrate() -> None:
    """Brings the database to this release's schema; twice is the same as once."""

    def program() -> None:
        _rooms().store.migrate()

    _with_polite_errors(program)


@click.command("sample-company")
def sample_company() -> None:
    """Imports the fictitious company of data/company and gives its console accounts fresh passwords."""

    def program() -> None:
        rooms = _rooms()
        if rooms.settings.environment is Environment.PRODUCTION:
            click.echo("ENVIRONMENT=production: the sample company stays out; import your own (import-company)")
            return
        _import(rooms, [rooms.settings.data_dir / "company"], _on_this_network(rooms.settings))
        logins = HOME / "var" / "sample-logins.txt"
        fresh = {login: os.urandom(6).hex() for login in SAMPLE_LOGINS}
        given = give_first_passwords(rooms.store, fresh)
        if given:
            logins.parent.mkdir(exist_ok=True)
            logins.touch(mode=0o600)
            logins.write_text("".join(f"{login}  {fresh[login]}\n" for login in given), encoding="utf-8")

    _with_polite_errors(program)


@click.command("import-company")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def import_command(paths: tuple[Path, ...]) -> None:
    """Imports a company's CSV or XLSX files (a folder, or files): households, communities, butlers, rota."""
    _with_polite_errors(lambda: _import(_rooms(), list(paths)))


@click.command("password")
@click.argument("login")
@click.password_option()
def password(login: str, password: str) -> None:
    """Sets the password of a console account."""
    _with_polite_errors(lambda: set_password(_rooms().store, login, password))


def _on_this_network(settings: Settings) -> RobotAddress:
    """The sample company's robots speak to the telephones of this machine, which may listen on another port than usual."""
    usual, ours = f"127.0.0.1:{DEFAULT_SIMULATOR_PORT}/", f"127.0.0.1:{settings.simulator_port}/"
    return lambda text: robot_address(text.replace(usual, ours))


def _import(rooms: Rooms, paths: list[Path], known_robots: RobotAddress = robot_address) -> None:
    words = load_words(rooms.settings.data_dir / "import_words.yml")
    source = paths[0] if len(paths) == 1 else paths
    report: ImportReport = import_company(rooms.store, source, words, robot_address=known_robots)
    for kind, count in report.imported.items():
        click.echo(f"{kind}: {count} imported, {report.unchanged.get(kind, 0)} unchanged")
    for problem in (*report.problems, *report.warnings):
        click.echo(str(problem), err=True)
    for ignored in report.ignored:
        click.echo(f"not read: {ignored}", err=True)
    if report.problems:
        raise click.exceptions.Exit(2)
