"""The composition root: builds the rooms and puts them together. It decides nothing.

`create_app()` is the web process; `flask --app app …` are the other programs (worker, understand, migrate, import, passwords).
"""

import contextlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TextIO, cast

import click
import structlog
from flask import Flask, Response, jsonify, redirect, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as AnyResponse

from bot.danger_words import load_danger_words
from bot.rasa_client import RasaClient
from bot.understand import Understander, describe
from bot.understanding import CommunityName
from console import Audio, Health, Setup, build_console
from console.visit_acts import VisitRooms
from console.work_order import Rooms as WorkOrderRooms
from console.work_order import build_work_orders
from console.work_order_links import WorkOrderLinks
from console.work_order_pin import PinDoor
from dialogue.assignment import Assignment
from dialogue.canned_replies import CannedReplies, OwnReplies
from dialogue.conference import Conferences
from dialogue.conference_deliveries import ConferenceDeliveries
from dialogue.handle_turn import Hotline
from dialogue.handoff import Handoff, HandoffDeliveries
from dialogue.incident_news import IncidentNews
from dialogue.incident_warnings import IncidentWarnings
from dialogue.kit import Kit
from dialogue.leak_question import LeakQuestions
from dialogue.line import Callbacks, LineDeliveries, LineWords, waiting_words
from dialogue.our_calls import CallbackDelivery, OurCalls
from dialogue.own_wording import OwnWording, load_blanks, load_quoted
from dialogue.papers import Papers
from dialogue.passing_on import PassingOn
from dialogue.phone_number import as_said
from dialogue.pictures import Pictures
from dialogue.policy import Policy
from dialogue.ratings import Ratings
from dialogue.recordings import CallRecordings, RecordingDeliveries, Recordings
from dialogue.resident_words import ResidentWords
from dialogue.script_book import ScriptBook
from dialogue.staff_reports import StaffReports
from dialogue.sweep import Sweep
from dialogue.tables import load_knowledge
from dialogue.ticket_cards import TicketCards
from dialogue.unanswered import Unanswered
from dialogue.visit_pictures import VisitPictures
from fulfillment.accounts import give_first_passwords, set_password
from fulfillment.alarms import Alarms
from fulfillment.appointments import Appointments
from fulfillment.calling import ResidentCalls, ResidentRinging
from fulfillment.clock_watch import ClockWatch
from fulfillment.complete_ladder import demand_complete_ladders
from fulfillment.desk import Desk
from fulfillment.dispatch import LadderPlan
from fulfillment.dissatisfied import WordOfDissatisfaction
from fulfillment.editions import Editions, Keeper
from fulfillment.forwarding import Forwarding
from fulfillment.importing import ImportReport, RobotAddress, import_company
from fulfillment.incident_notices import IncidentNotices
from fulfillment.incident_watch import IncidentWatch
from fulfillment.incidents import Incidents
from fulfillment.limits import OwnLimits
from fulfillment.outbox import Lane, Task, TaskKind
from fulfillment.pins import Pins
from fulfillment.place_word import WordOfPlace
from fulfillment.ports import AlarmSender, Deliverer
from fulfillment.replanning import Replanning
from fulfillment.robot_messages import RobotSender
from fulfillment.rota import Rota
from fulfillment.sentinel import Listener, Sentinel, Ways
from fulfillment.staff_notices import StaffNotices
from fulfillment.standard import EDITABLE, Standard
from fulfillment.telling import Telling, TextSender
from fulfillment.text_reports import TextReports
from fulfillment.ticket import TimelineEntry
from fulfillment.visit_word import WordOfVisit
from fulfillment.visiting import Visits
from fulfillment.work_orders import WorkOrders
from fulfillment.worker import Worker
from ivr.alarm_text import alarm_text
from ivr.blueprint import Residents, StaffLine, build_ivr
from ivr.carrier import TwilioCarrier
from ivr.conference_carrier import TwilioConferences
from ivr.dissatisfied_text import dissatisfied_message, dissatisfied_text
from ivr.line import PhoneLine
from ivr.place_text import place_message, place_text
from ivr.recordings import TwilioRecordings
from ivr.robot_text import notice_message, notice_text, robot_text, sentinel_words
from ivr.robots import ChatRobots, robot_address
from ivr.softphone import Softphones
from ivr.sounds import build_sounds
from ivr.spoken import speakable
from ivr.twiml import TwimlWriter
from ivr.visit_text import visit_message, visit_text
from kernel.clock import Clock, SystemClock
from kernel.errors import ConfigurationError, HotlineError, StoreBusy
from kernel.privacy import mask_log_event
from kernel.settings import DEFAULT_SIMULATOR_PORT, Environment, Settings, VoiceTransport, load_settings
from ops.doctor import Level, Patient, examine
from storage import SoundFolder, Store
from webchat.blueprint import build_webchat
from webchat.config import ChatConfig, ChatLimits
from webchat.photographs import DarkRoom
from webchat.ports import ChatRooms
from wechat.account import Account
from wechat.api import WeChatApi
from wechat.blueprint import build_wechat
from wechat.envelope import Envelope
from wechat.menu import menu
from wechat.ports import AccountRooms
from wechat.reception import Reception
from wechat.sending import Sending

HOME = Path(__file__).resolve().parent
#: A task that waits for longer than this says that no worker is running; an emergency must not (DESIGN §2, rule 6).
OVERDUE = timedelta(seconds=60)
#: A carrier or robot that hangs for its ten seconds holds up one thread, not everybody else's alarm.
#: Planning (and asking what became of a call) is apart from calls, so that the first ring waits for no other step;
#: TALK: as many operators can press a button of their call at once before one waits for another's.
LANE_THREADS = {
    Lane.EMERGENCY: 3,
    Lane.WATCH: 2,
    Lane.VOICE: 3,
    Lane.TEXT: 2,
    Lane.ROBOT: 4,
    Lane.TALK: 2,
    Lane.WORDS: 2,
    Lane.ORDINARY: 1,
}
#: How long one request waits for a locked database, over all its transactions. With NLU_TIMEOUT_SECONDS (at most 5)
#: it must stay below the carrier's 15 s, or the caller hears the carrier's error instead of what to do about a leak.
LOCKS_OF_A_REQUEST_SECONDS = 8.0
#: Sign-in for trying the product out; written by `make setup` into var/sample-logins.txt, never in production.
SAMPLE_LOGINS = ("op1", "op2", "lead", "admin")


class Rooms:
    """Everything the processes share, each built once, when it is first needed."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()

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
    def rota(self) -> Rota:
        return Rota(self.store, self.standard, self.clock)

    @cached_property
    def canned(self) -> CannedReplies:
        return CannedReplies(self.book, self.standard.clauses)

    @cached_property
    def editions(self) -> Editions:
        """What the company has made of tables and wordings. Refreshed before every request and every task."""
        own_wording = OwnWording(self.book, load_quoted(self.settings.data_dir), self.standard.never_said)
        tables: dict[str, Keeper] = dict.fromkeys(EDITABLE, self.standard)
        own_replies = OwnReplies(self.standard.never_said)
        return Editions(
            self.store,
            self.clock,
            {**tables, "limits": OwnLimits(self.standard.rules), "script": self.book, "canned": self.canned},
            {"ladder": self.rota.demand_fits, "script": own_wording, "canned": own_replies},
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
            policy=Policy(knowledge.matters, self.standard.kinds, self.standard.directory, knowledge.phrases),
            book=self.book,
            standard=self.standard,
            clock=self.clock,
            facts=knowledge.facts,
            facts_of_profiles=knowledge.facts_of_profiles,
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
            emergency_account=self.settings.emergency_account_sid,
            emergency_token=self.settings.emergency_auth_token.get_secret_value(),
        )

    @cached_property
    def carrier(self) -> TwilioConferences:
        base = str(self.settings.twilio_api_base_url).rstrip("/")
        return TwilioConferences(
            self.line, account_sid=self.settings.twilio_account_sid, api_base_url=base, clock=self.clock
        )

    @cached_property
    def alarm_carrier(self) -> TwilioCarrier:
        """Rings and texts staff about emergencies: on their own account, if there is one."""
        settings = self.settings
        if not settings.emergency_account_sid:
            return self.carrier
        line = replace(self.line, auth_token=self.line.emergency_token, number=settings.emergency_from_number)
        base = str(settings.twilio_api_base_url).rstrip("/")
        return TwilioCarrier(line, account_sid=settings.emergency_account_sid, api_base_url=base, clock=self.clock)

    @cached_property
    def conferences(self) -> Conferences:
        return Conferences(
            self.store,
            self.book,
            self.clock,
            hotline=self.settings.twilio_from_number,
            browser_lines=self.settings.browsers_can_ring,
        )

    @cached_property
    def softphones(self) -> Softphones | None:
        """None: no API key, or no carrier that a browser could register with."""
        settings = self.settings
        if not (settings.carrier_is_real and settings.browsers_can_ring):
            return None
        secret = settings.twilio_api_key_secret.get_secret_value()
        return Softphones(settings.twilio_account_sid, settings.twilio_api_key_sid, secret)

    @cached_property
    def sounds(self) -> SoundFolder:
        return SoundFolder(self.settings.recordings_dir)

    @cached_property
    def pictures(self) -> Pictures:
        """Beside the recordings, and kept as long."""
        return Pictures(
            self.store, SoundFolder(self.settings.recordings_dir / "pictures", ".jpg"), self.book, self.clock
        )

    @cached_property
    def visits(self) -> Visits:
        return Visits(self.store, self.standard, self.clock)

    @cached_property
    def appointments(self) -> Appointments:
        return Appointments(self.store, self.standard, self.clock)

    @cached_property
    def visit_pictures(self) -> VisitPictures:
        return VisitPictures(self.store, self.visits, self.pictures.files, self.clock)

    @cached_property
    def carrier_recordings(self) -> TwilioRecordings:
        settings = self.settings
        return TwilioRecordings(
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token.get_secret_value(),
            api_base_url=str(settings.twilio_api_base_url),
        )

    @cached_property
    def sweep(self) -> Sweep:
        keep = timedelta(days=self.settings.recording_days)
        return Sweep(self.store, self.hotline, self.standard, self.clock, keep, self.pictures.files)

    @cached_property
    def replanning(self) -> Replanning:
        return Replanning(self.store, self.standard, self.clock)

    @cached_property
    def robots(self) -> ChatRobots:
        return ChatRobots()

    @cached_property
    def work_order_links(self) -> WorkOrderLinks:
        return WorkOrderLinks(self.settings.secret_key.get_secret_value(), self.settings.base_url, self.clock)

    @cached_property
    def sentinel(self) -> Sentinel:
        settings = self.settings
        address = robot_address(settings.duty_robot)
        if settings.duty_robot and not address:
            msg = "DUTY_ROBOT is no robot's address: give the webhook that WeCom, DingTalk or Feishu shows, or leave it out"
            raise ConfigurationError(msg)
        always = Listener(settings.duty_phone, address)
        words = sentinel_words(self.book)

        def ladder() -> LadderPlan:
            self.editions.refresh()
            return self.standard.ladder

        return Sentinel(
            self.store,
            Ways(self.alarm_carrier, self.robots),
            self.clock,
            always=always,
            words=words,
            ladder=ladder,
        )

    def safety_words(self, kind: str) -> str:
        """What an operator reads out about an emergency of this kind; "" for any other kind of ticket."""
        key = f"safety.{kind}"
        return self.book.say(key).chat if key in self.book.scripts and not self.book.scripts[key].params else ""

    @cached_property
    def wechat_account(self) -> Account | None:
        """None: the company has no official account, or it is not told of it."""
        settings = self.settings
        if not settings.wechat_app_id:
            return None
        return Account(
            settings.wechat_app_id,
            settings.wechat_app_secret.get_secret_value(),
            settings.wechat_token.get_secret_value(),
            settings.wechat_aes_key.get_secret_value(),
            str(settings.wechat_api_base_url).rstrip("/"),
        )

    @cached_property
    def wechat_api(self) -> WeChatApi | None:
        return WeChatApi(self.wechat_account) if self.wechat_account else None

    @cached_property
    def reception(self) -> Reception | None:
        """Of the official account."""
        if self.wechat_api is None:
            return None
        return Reception(
            AccountRooms(
                self.hotline,
                self.store,
                self.pictures,
                DarkRoom(),
                self.wechat_api,
                self.book,
                self.clock,
                self.store.limit_waiting,
            )
        )

    def answer_message(self, task: Task) -> None:
        """Of an official account that was taken out of the settings nothing is answered any more."""
        if self.reception is not None:
            self.reception.answer_later(task)

    @cached_property
    def our_calls(self) -> OurCalls:
        return OurCalls(self.hotline, self.store, self.standard, self.clock)

    @cached_property
    def pins(self) -> Pins:
        return Pins(self.store, self.standard.outgoing.pin, self.clock)

    def is_danger(self, words: str) -> bool:
        return self.understander.understand(words).emergency

    @cached_property
    def staff_line(self) -> StaffLine:
        orders = WorkOrders(self.store, Desk(self.store, self.standard, self.clock), self.standard, self.clock)
        locked = self.standard.outgoing.pin.locked_for
        return StaffLine(orders, self.pins, self.is_danger, locked_minutes=round(locked.total_seconds() / 60))

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
        robot = RobotSender(self.store, self.robots, robot_text(self.book, self.work_order_links.url))
        senders: list[AlarmSender] = [TextSender(self.alarm_carrier, alarm_text(self.book)), robot]
        forwarding = Forwarding(self.store, self.standard, self.clock, senders)
        telling = Telling(self.store, self.alarm_carrier, self.standard, self.clock, senders)
        watch = ClockWatch(self.store, self.standard, self.clock)
        words = {"text": notice_text(self.book), "robot": notice_message(self.book, self.work_order_links.url)}
        notices = StaffNotices(self.store, self.carrier, self.robots, self.standard, self.clock, words)
        told = {
            "text": dissatisfied_text(self.book),
            "robot": dissatisfied_message(self.book, self.work_order_links.url),
        }
        word = WordOfDissatisfaction(self.store, self.carrier, self.robots, self.standard, self.clock, told)
        visit_words = {
            "text": visit_text(self.book),
            "robot": visit_message(self.book, self.work_order_links.url),
        }
        visit_word = WordOfVisit(self.store, self.carrier, self.robots, self.standard, self.clock, visit_words)
        place_words = {
            "text": place_text(self.book),
            "robot": place_message(self.book, self.work_order_links.url),
        }
        place_word = WordOfPlace(self.store, self.alarm_carrier, self.robots, self.standard, self.clock, place_words)
        ringing = ResidentRinging(self.store, self.carrier, self.standard, self.clock)
        callbacks = CallbackDelivery(Handoff(self.store, self.book, self.clock), self.conferences)
        handoff = HandoffDeliveries(self.store, self.carrier, self.book, self.standard, self.clock)
        assignment = Assignment(self.store, self.book, self.standard, self.clock)
        recordings = RecordingDeliveries(self.store, self.carrier_recordings, self.sounds)
        conference = ConferenceDeliveries(self.store, self.carrier, self.conferences, self.clock)
        incident_notices = IncidentNotices(self.store, self.standard, self.clock)
        incident_warnings = IncidentWarnings(
            self.store, self.carrier, self.robots, self.book, self.standard, self.clock
        )
        carried_out_by: dict[str, Deliverer] = {
            TaskKind.FORWARD_EMERGENCY: forwarding.forward,
            TaskKind.RING_PERSON: telling.tell,
            TaskKind.TEXT_PERSON: telling.tell,
            TaskKind.ROBOT_PERSON: telling.tell,
            TaskKind.WATCH_ATTEMPT: telling.watch,
            TaskKind.TELL_BY_TEXT: word.deliver,
            TaskKind.TELL_BY_ROBOT: word.deliver,
            TaskKind.VISIT_BY_TEXT: visit_word.deliver,
            TaskKind.VISIT_BY_ROBOT: visit_word.deliver,
            TaskKind.PLACE_BY_TEXT: place_word.deliver,
            TaskKind.PLACE_BY_ROBOT: place_word.deliver,
            TaskKind.CALL_RESIDENT: ringing.plan,
            TaskKind.RING_RESIDENT: ringing.dial,
            TaskKind.WATCH_RESIDENT_CALL: ringing.watch,
            TaskKind.CONNECT_CALLBACK: callbacks.connect,
            TaskKind.WARN_CLOCK: watch.warn,
            TaskKind.BREACH_CLOCK: watch.breach,
            TaskKind.REPLAN_CLOCKS: self.replanning.deliver,
            TaskKind.NOTICE_BY_TEXT: notices.deliver,
            TaskKind.NOTICE_BY_ROBOT: notices.deliver,
            TaskKind.TELL_RESIDENT: ResidentWords(self.store, self.carrier, self.book, self.clock).deliver,
            TaskKind.SEND_LINE: Sending(self.store, self.wechat_api, self.book, self.clock).send,
            TaskKind.ANSWER_MESSAGE: self.answer_message,
            TaskKind.SPEAK_TO_CALLER: handoff.speak_to_caller,
            TaskKind.RING_LEG: conference.ring,
            TaskKind.SETTLE_LEG: conference.settle,
            TaskKind.WATCH_LEG: conference.watch,
            TaskKind.ASSIGN_CHAT: assignment.assign,
            TaskKind.WATCH_ASSIGNED: assignment.watch_assigned,
            TaskKind.RELEASE_CONVERSATION: handoff.release_conversation,
            TaskKind.WATCH_QUEUE: LineDeliveries(self.store, self.book, self.standard, self.clock).watch_queue,
            TaskKind.FETCH_RECORDING: recordings.fetch,
            TaskKind.DELETE_RECORDING: recordings.delete,
            TaskKind.SWEEP: self.sweep.sweep,
            TaskKind.ANSWER_TURN: Unanswered(self.store, self.hotline).deliver,
            TaskKind.WATCH_LEAK_QUESTION: LeakQuestions(self.hotline).deliver,
            TaskKind.SPOT_INCIDENT: IncidentWatch(self.store, self.standard, self.clock).spot,
            TaskKind.WATCH_INCIDENT: incident_notices.watch,
            TaskKind.WARN_BY_TEXT: incident_warnings.warn,
            TaskKind.WARN_BY_ROBOT: incident_warnings.warn,
            TaskKind.TELL_HOMES: incident_notices.tell_homes,
            TaskKind.TELL_INCIDENT: IncidentNews(
                self.store, self.carrier, self.book, self.standard, self.clock, self.settings.twilio_from_number
            ).tell,
        }
        return {kind: self.as_the_company_has_it_now(deliver) for kind, deliver in carried_out_by.items()}

    def as_the_company_has_it_now(self, deliver: Deliverer) -> Deliverer:
        """What was saved in the console holds from the next step on."""

        def refreshed(task: Task) -> None:
            self.editions.refresh()
            deliver(task)

        return refreshed


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Flask:
    """The web process. Raises ConfigurationError naming what is missing or contradictory. `clock`: another present than
    the machine's, for a month that was lived through in minutes (ops/month).
    """
    is_program = os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "run" not in sys.argv
    try:
        settings = settings or load_settings()
    except ConfigurationError as exc:
        if is_program:
            raise click.ClickException(str(exc)) from exc  # before there is a program that could say it politely
        raise
    configure_logging()
    rooms = Rooms(settings, clock)
    app = Flask(__name__)
    app.config.update(SECRET_KEY=settings.secret_key.get_secret_value(), MAX_CONTENT_LENGTH=1024 * 1024)
    app.extensions["rooms"] = rooms
    app.cli.add_command(worker)
    app.cli.add_command(sentinel)
    app.cli.add_command(doctor)
    app.cli.add_command(fallback_twiml)
    app.cli.add_command(understand)
    app.cli.add_command(migrate)
    app.cli.add_command(sample_company)
    app.cli.add_command(import_command)
    app.cli.add_command(password)
    app.cli.add_command(pin)
    app.cli.add_command(wechat_menu)
    if is_program:
        return app  # one of the programs below: no pages, and perhaps no database yet
    _demand_current_schema(rooms.store)
    _limit_waiting(app, rooms.store)
    _refresh_editions(app, rooms)
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
    secure = settings.public_base_url.scheme == "https"
    app.register_blueprint(
        build_ivr(
            hotline=rooms.hotline,
            alarms=Alarms(rooms.store, rooms.standard, rooms.clock),
            conferences=rooms.conferences,
            staff_line=rooms.staff_line,
            residents=Residents(
                rooms.our_calls,
                ResidentCalls(rooms.store, rooms.standard, rooms.clock),
                TextReports(rooms.store, rooms.clock),
            ),
            log=rooms.store,
            book=rooms.book,
            line=rooms.line,
            recordings=CallRecordings(rooms.store, rooms.book, rooms.clock),
            queue=rooms.standard.queue,
            clock=rooms.clock,
            place_names=[name for c in rooms.community_names() for name in (c.name, *c.aliases)],
            relay_calls=settings.web_threads // 4 if settings.voice_transport is VoiceTransport.RELAY else 0,
        )
    )
    app.register_blueprint(build_sounds())
    app.register_blueprint(
        build_webchat(
            ChatRooms(
                rooms.hotline,
                rooms.store,
                rooms.pictures,
                Ratings(rooms.store, rooms.clock),
                rooms.book,
                rooms.clock,
            ),
            limiter,
            ChatConfig(
                secret=settings.secret_key.get_secret_value(),
                company_name=settings.company_name,
                hotline_phone=as_said(settings.twilio_from_number),
                secure_cookies=secure,
                frame_ancestors=settings.chat_embed_sites,
                limits=ChatLimits(streams=settings.web_threads // 2),
                waiting=partial(waiting_words, words=LineWords(rooms.book, rooms.standard, rooms.clock)),
                tickets=TicketCards(rooms.book, rooms.standard),
            ),
        )
    )
    if rooms.reception is not None and rooms.wechat_account is not None:
        app.register_blueprint(build_wechat(rooms.reception, Envelope(rooms.wechat_account, rooms.clock), limiter))
    app.register_blueprint(
        build_console(
            rooms.store,
            Handoff(rooms.store, rooms.book, rooms.clock, rooms.standard.queue.record_calls),
            Desk(rooms.store, rooms.standard, rooms.clock),
            rooms.standard,
            rooms.clock,
            timeline_text=rooms.timeline_text,
            health=rooms.health,
            carrier_is_real=settings.carrier_is_real,
            pins=rooms.pins,
            callbacks=Callbacks(rooms.store, rooms.standard, rooms.clock),
            recordings=Recordings(rooms.store, rooms.sounds, rooms.clock),
            pictures=rooms.pictures,
            visit_pictures=rooms.visit_pictures,
            appointments=rooms.appointments,
            book=rooms.book,
            passing_on=PassingOn(rooms.store, rooms.book, rooms.standard.queue, rooms.clock),
            incidents=Incidents(rooms.store, rooms.standard, rooms.clock),
            setup=Setup(
                rooms.editions,
                load_blanks(settings.data_dir),
                load_quoted(settings.data_dir),
                speakable,
                robot_address,
                rooms.canned,
            ),
            audio=Audio(
                rooms.conferences,
                rooms.hotline.leak_heard,
                rooms.safety_words,
                browser_lines=settings.browsers_can_ring,
                softphone_token=rooms.softphones.token if rooms.softphones else None,
            ),
            limiter=limiter,
            cookies_secure=secure,
            max_streams=settings.web_threads // 4,
        )
    )
    app.register_blueprint(
        build_work_orders(
            WorkOrderRooms(
                rooms.store,
                Alarms(rooms.store, rooms.standard, rooms.clock),
                Desk(rooms.store, rooms.standard, rooms.clock),
                rooms.standard,
                rooms.book,
                rooms.clock,
                rooms.work_order_links,
                settings.company_name,
                PinDoor(rooms.pins, settings.secret_key.get_secret_value(), rooms.clock, secure=secure),
                VisitRooms(
                    rooms.visits,
                    rooms.visit_pictures,
                    DarkRoom(),
                    StaffReports(rooms.store, rooms.standard, rooms.clock),
                    rooms.appointments,
                    Papers(rooms.store, rooms.standard, rooms.book),
                ),
            )
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


def _refresh_editions(app: Flask, rooms: Rooms) -> None:
    """A call, a chat or a page has the tables and wordings as the company has made them by now."""

    @app.before_request
    def refresh() -> None:
        if not (request.endpoint or "").endswith("static"):
            rooms.editions.refresh()


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
    logging.getLogger("apprise").setLevel(
        logging.CRITICAL
    )  # its lines repeat addresses, which are secrets; `ivr.robots` tells what went wrong
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
        lanes = [lane for lane, threads in LANE_THREADS.items() for _ in range(threads)]
        rooms.editions.refresh()
        plan = rooms.standard.ladder
        demand_complete_ladders(rooms.store, rooms.standard, rooms.clock)
        per_second = {Lane.VOICE: plan.calls_per_second, Lane.TEXT: plan.texts_per_second}
        rooms.sweep.promise()
        rooms.replanning.promise()
        Worker(rooms.store, rooms.deliverers(), rooms.clock, name=name, lanes=lanes, per_second=per_second).run()

    _with_polite_errors(program)


@click.command("sentinel")
def sentinel() -> None:
    """Shouts, by text and chat robot, when the others no longer carry out emergencies or the database is gone."""

    def program() -> None:
        rooms = _rooms()
        rooms.sentinel.run()

    _with_polite_errors(program)


@click.command("doctor")
def doctor() -> None:
    """Looks for what would keep an emergency from reaching somebody; exit code 1 if something would."""

    def program() -> None:
        rooms = _rooms()
        rooms.editions.refresh()
        patient = Patient(
            rooms.settings,
            rooms.store,
            rooms.standard.ladder,
            rooms.carrier,
            rooms.alarm_carrier,
            rooms.rasa,
            rooms.clock,
            rooms.wechat_api,
        )
        findings = []
        for finding in examine(patient):
            click.echo(finding)
            findings.append(finding)
        if any(finding.level is Level.LOST for finding in findings):
            raise click.exceptions.Exit(1)

    _with_polite_errors(program)


@click.command("fallback-twiml")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
def fallback_twiml(file: TextIO) -> None:
    """Writes the static answer for the carrier's fallback address (leak instruction, then the duty phone), to be hosted elsewhere."""

    def program() -> None:
        rooms = _rooms()
        rooms.editions.refresh()
        file.write(TwimlWriter(rooms.line, rooms.book, rooms.standard.queue, place_names=()).static_fault() + "\n")

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
            pin = str(secrets.randbelow(900_000) + 100_000)
            lines = [f"{login}  {fresh[login]}" for login in given]
            lines += [f"PIN of every butler  {pin}"] if rooms.pins.give_first(pin) else []
            logins.write_text("\n".join((*lines, "")), encoding="utf-8")

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


@click.command("pin")
@click.argument("number")
@click.password_option("--pin")
def pin(number: str, pin: str) -> None:
    """Sets the PIN with which a member of staff (by 温心 number) calls in from another telephone."""
    _with_polite_errors(lambda: _rooms().pins.set(number, pin))


@click.command("wechat-menu")
def wechat_menu() -> None:
    """Gives the WeChat official account its menu: what is asked most, a person, the chat page."""

    def program() -> None:
        rooms = _rooms()
        if rooms.wechat_api is None:
            msg = "WECHAT_APP_ID: there is no official account, see docs/running.md"
            raise ConfigurationError(msg)
        rooms.wechat_api.push_menu(menu(rooms.settings.base_url, rooms.book))
        click.echo("the menu is set; WeChat shows it within a few minutes")

    _with_polite_errors(program)


def _import(rooms: Rooms, paths: list[Path], known_robots: RobotAddress = robot_address) -> None:
    source = paths[0] if len(paths) == 1 else paths
    report: ImportReport = import_company(rooms.store, source, rooms.standard.words, robot_address=known_robots)
    for kind, count in report.imported.items():
        click.echo(f"{kind}: {count} imported, {report.unchanged.get(kind, 0)} unchanged")
    for problem in (*report.problems, *report.warnings):
        click.echo(str(problem), err=True)
    for ignored in report.ignored:
        click.echo(f"not read: {ignored}", err=True)
    if report.problems:
        raise click.exceptions.Exit(2)
