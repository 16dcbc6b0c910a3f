"""Every table, in one page. `storage/migrations` builds the same; a test compares the two on both engines.

Conditions of partial indexes are written with literals, because neither planner can use a partial index for a query
whose condition hides in a bound parameter.
"""

from enum import StrEnum

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Time,
    UniqueConstraint,
    literal_column,
)

from dialogue.chat import Side
from dialogue.conversation import Author, Channel, Floor
from dialogue.leg import LegMode, LegRole, LegState
from fulfillment.appointment import AppointmentState
from fulfillment.company import OperatorRole, StaffRole
from fulfillment.incident import IncidentState, Recheck
from fulfillment.incident_news import Occasion, ToldState
from fulfillment.look import LookedAt
from fulfillment.outbox import Lane
from fulfillment.pin_tries import PinVerdict
from fulfillment.recording import RecordingKind, RecordingState
from fulfillment.resident_calls import CallResult, CallState, Purpose, TryOutcome
from fulfillment.resident_texts import TextState
from fulfillment.ticket import OPEN_STATES, AttemptOutcome, ClockState, TicketState
from fulfillment.visit import PictureKind, VisitState
from fulfillment.waiting import WaitKind, WaitState
from storage.columns import UtcDateTime, Words, words_of

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class TaskState(StrEnum):
    """A task's way through the outbox. Being claimed is no state: it is a pending task with a lease."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"  # gave up; shown on the health page
    CANCELLED = "cancelled"


# --- the company -----------------------------------------------------------------------------------------------------

station = Table(
    "station",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", Words, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("address", Words, nullable=False),
    Column("phone", Words, nullable=False),
    Column("robot", Words, nullable=False, server_default=""),
)

staff = Table(
    "staff",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Words, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("phone", Words, nullable=False, index=True),
    Column("station_id", ForeignKey(station.c.id)),
    Column("active", Boolean, nullable=False),
    Column("robot", Words, nullable=False, server_default=""),
)

community = Table(
    "community",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", Words, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("aliases", JSON, nullable=False),
    Column("station_id", ForeignKey(station.c.id), nullable=False),
    Column("butler_id", ForeignKey(staff.c.id), nullable=False),
    Column("deputy_id", ForeignKey(staff.c.id)),
    Column("property_unit", Words, nullable=False),
    Column("property_phone", Words, nullable=False),
)

duty = Table(
    "duty",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("role", words_of(StaffRole), nullable=False),
    Column("staff_id", ForeignKey(staff.c.id), nullable=False),
    Column("station_id", ForeignKey(station.c.id)),
    Column("weekdays", JSON, nullable=False),
    Column("start", Time, nullable=False),
    Column("until", Time, nullable=False),
    Column("first", Date),
    Column("last", Date),
)

absence = Table(
    "absence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("staff_id", ForeignKey(staff.c.id), nullable=False),
    Column("stand_in_id", ForeignKey(staff.c.id)),
    Column("from_at", UtcDateTime, nullable=False),
    Column("until_at", UtcDateTime, nullable=False, index=True),
    Column("noted_at", UtcDateTime, nullable=False),
    Column("noted_by", Words, nullable=False),
    Column("cancelled_at", UtcDateTime),
)

household = Table(
    "household",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card_number", Words, nullable=False, unique=True),
    Column("community_id", ForeignKey(community.c.id), nullable=False),
    Column("building", Words, nullable=False),
    Column("unit", Words, nullable=False),
    Column("room", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("phone", Words, nullable=False, index=True),
    Column("installation", Words, nullable=False),
    Column("area_m2", Float, nullable=False),
    Column("paid", Boolean, nullable=False),
    Column("vulnerable", Boolean, nullable=False),
    Column("usage", Words, nullable=False, server_default="residential"),
    Column("arrears_fen", Integer, nullable=False, server_default="0"),
    Index(None, "community_id", "building", "unit", "room"),
)

operator = Table(
    "operator",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("login", Words, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("role", words_of(OperatorRole), nullable=False),
    Column("phone", Words, nullable=False),
    Column("password_hash", Words, nullable=False),
    Column("active", Boolean, nullable=False),
)

# --- announcements ---------------------------------------------------------------------------------------------------

announcement = Table(
    "announcement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("what", Words, nullable=False),
    Column("community_ids", JSON, nullable=False),
    Column("station_id", ForeignKey(station.c.id)),
    Column("buildings", JSON, nullable=False, server_default="[]"),
    Column("unit", Words, nullable=False, server_default=""),
    Column("from_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),
    Column("expected_end", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("author", Words, nullable=False),
)

# --- conversations ---------------------------------------------------------------------------------------------------

conversation = Table(
    "conversation",
    metadata,
    Column("id", Words, primary_key=True),
    Column("channel", words_of(Channel), nullable=False),
    Column("external_id", Words, nullable=False),
    Column("peer", Words, nullable=False),
    Column("floor", words_of(Floor), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False, index=True),
    Column("last_at", UtcDateTime, nullable=False),
    Column("state", JSON, nullable=False),
    Column("household_id", ForeignKey(household.c.id)),
    Column("operator_id", ForeignKey(operator.c.id)),
    Column("epoch", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("waiting_since", UtcDateTime),
    Column("seen_by_operator_at", UtcDateTime),
    UniqueConstraint("channel", "external_id"),
)
LIVE = conversation.c.floor != literal_column("'ended'")
Index("ix_conversation_live", conversation.c.floor, sqlite_where=LIVE, postgresql_where=LIVE)

message = Table(
    "message",
    metadata,
    Column("conversation_id", ForeignKey(conversation.c.id), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("author", words_of(Author), nullable=False),
    Column("text", Words, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("data", JSON, nullable=False),
    Column("client_id", Words),
    UniqueConstraint("conversation_id", "client_id"),
)

private_note = Table(
    "private_note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey(conversation.c.id), nullable=False),
    Column("after_seq", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("author", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("client_id", Words, nullable=False),
    UniqueConstraint("conversation_id", "client_id"),
)

turn = Table(
    "turn",
    metadata,
    Column("conversation_id", ForeignKey(conversation.c.id), primary_key=True),
    Column("key", Words, primary_key=True),
    Column("stored_reply", JSON, nullable=False),
)

#: What a caller has said so far in the turn that he is at: all there is of it, should he hang up in the middle.
half_heard = Table(
    "half_heard",
    metadata,
    Column("conversation_id", ForeignKey(conversation.c.id), primary_key=True),
    Column("key", Words, nullable=False),
    Column("part", Integer, nullable=False),
    Column("words", Words, nullable=False),
)

#: What a webhook of the telephone was answered, for the case that it is delivered again; forgotten after an hour or so.
kept_answer = Table(
    "kept_answer",
    metadata,
    Column("key", Words, primary_key=True),
    Column("answer", Words, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)

# --- what a chat has beside its messages -------------------------------------------------------------------------------

receipt = Table(
    "receipt",
    metadata,
    Column("conversation_id", ForeignKey(conversation.c.id), primary_key=True),
    Column("side", words_of(Side), primary_key=True),
    Column("delivered_seq", Integer, nullable=False),
    Column("read_seq", Integer, nullable=False),
)

picture = Table(
    "picture",
    metadata,
    Column("id", Words, primary_key=True),
    Column("conversation_id", ForeignKey(conversation.c.id), nullable=False, index=True),
    Column("made_at", UtcDateTime, nullable=False, index=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
)

rating = Table(
    "rating",
    metadata,
    Column("conversation_id", ForeignKey(conversation.c.id), primary_key=True),
    Column("stars", Integer, nullable=False),
    Column("words", Words, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("operator_id", ForeignKey(operator.c.id)),
)

# --- conferences -----------------------------------------------------------------------------------------------------

conference_leg = Table(
    "conference_leg",
    metadata,
    Column("id", Words, primary_key=True),
    Column("conversation_id", ForeignKey(conversation.c.id), nullable=False, index=True),
    Column("conference", Words, nullable=False),
    Column("role", words_of(LegRole), nullable=False),
    Column("address", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("operator_id", ForeignKey(operator.c.id)),
    Column("wanted", words_of(LegMode), nullable=False),
    Column("mode", words_of(LegMode), nullable=False),
    Column("state", words_of(LegState), nullable=False),
    Column("call_sid", Words, nullable=False),
    Column("conference_sid", Words, nullable=False),
    Column("joined_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("outcome", Words, nullable=False),
    Column("trouble", Words, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("heard_seq", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
)
IS_LIVE_LEG = conference_leg.c.state != literal_column("'ended'")
Index("ix_leg_live", conference_leg.c.operator_id, sqlite_where=IS_LIVE_LEG, postgresql_where=IS_LIVE_LEG)

#: Where an operator is reached: by telephone or in the browser. No column of `operator`, which imports replace.
operator_line = Table(
    "operator_line",
    metadata,
    Column("operator_id", ForeignKey(operator.c.id), primary_key=True, autoincrement=False),
    Column("in_browser", Boolean, nullable=False),
)

# --- tickets ---------------------------------------------------------------------------------------------------------

ticket_counter = Table(
    "ticket_counter",
    metadata,
    # MMDD without the year: the next year goes on where this one ended, so that a number people say aloud stays unique.
    Column("day", Words, primary_key=True),
    Column("last", Integer, nullable=False),
)

ticket = Table(
    "ticket",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Words, nullable=False, unique=True),
    Column("kind", Words, nullable=False),
    Column("state", words_of(TicketState), nullable=False),
    Column("emergency", Boolean, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False, index=True),
    Column("conversation_id", ForeignKey(conversation.c.id), index=True),
    Column("household_id", ForeignKey(household.c.id), index=True),
    Column("community_id", ForeignKey(community.c.id)),
    Column("building", Words, nullable=False),
    Column("unit", Words, nullable=False),
    Column("room", Words, nullable=False),
    Column("address_text", Words, nullable=False),
    Column("contact_name", Words, nullable=False),
    Column("contact_phone", Words, nullable=False, index=True),
    Column("symptom", Words, nullable=False),
    Column("details", JSON, nullable=False),
    Column("assignee_id", ForeignKey(staff.c.id)),
    Column("owner_id", ForeignKey(operator.c.id)),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", Words, nullable=False),
    Column("nudges", Integer, nullable=False),
    Column("alarm_exhausted_at", UtcDateTime),
    Column("merged_into_id", Integer),  # no foreign key: SQLite would rebuild the table to add one
    Column("rev", Integer, nullable=False),
)
IS_OPEN = ticket.c.state.in_([literal_column(f"'{state}'") for state in sorted(OPEN_STATES)])
Index("ix_ticket_open", ticket.c.opened_at, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)

timeline = Table(
    "timeline",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("params", JSON, nullable=False),
)

clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False, index=True),
    Column("rule", Words, nullable=False),
    Column("clause", Words, nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("due_by", UtcDateTime, nullable=False),
    Column("state", words_of(ClockState), nullable=False),
    Column("stopped_at", UtcDateTime),
    Column("breached_at", UtcDateTime),
    Column("rev", Integer, nullable=False),
)
IS_RUNNING = clock.c.state == literal_column("'running'")
Index(
    "uq_clock_running",
    clock.c.ticket_id,
    clock.c.rule,
    unique=True,
    sqlite_where=IS_RUNNING,
    postgresql_where=IS_RUNNING,
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Words, primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False, index=True),
    Column("step", Integer, nullable=False),
    Column("staff_id", ForeignKey(staff.c.id), nullable=False),
    Column("role", Words, nullable=False),
    Column("phone", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("outcome", words_of(AttemptOutcome), nullable=False),
    Column("provider_sid", Words, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("lead_id", Words, nullable=False, index=True, server_default=""),
    Column("asked_at", UtcDateTime),
)
UNFINISHED = attempt.c.finished_at.is_(None)
Index("ix_attempt_unfinished", attempt.c.staff_id, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)

# --- incidents: one cause, many tickets -------------------------------------------------------------------------------

incident = Table(
    "incident",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("category", Words, nullable=False),
    Column("state", words_of(IncidentState), nullable=False),
    Column("community_ids", JSON, nullable=False),
    Column("station_id", ForeignKey(station.c.id)),
    Column("buildings", JSON, nullable=False),
    Column("unit", Words, nullable=False),
    Column("spotted_at", UtcDateTime, nullable=False),
    Column("begins_at", UtcDateTime, nullable=False),
    Column("spot", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("cause", Words, nullable=False),
    Column("expected_end", UtcDateTime),
    Column("planned", Boolean, nullable=False),
    Column("author", Words, nullable=False),
    Column("announcement_id", ForeignKey(announcement.c.id)),
    Column("announced_at", UtcDateTime),
    Column("homes_told_at", UtcDateTime),
    Column("settled_at", UtcDateTime, index=True),
    Column("reason", Words, nullable=False),
    Column("merged_into_id", ForeignKey("incident.id")),
    Column("revision", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
)
IS_SUGGESTED = incident.c.state == literal_column("'suggested'")
Index("uq_incident_suggested", incident.c.spot, unique=True, sqlite_where=IS_SUGGESTED, postgresql_where=IS_SUGGESTED)

incident_ticket = Table(
    "incident_ticket",
    metadata,
    Column("incident_id", ForeignKey(incident.c.id), primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), primary_key=True),
    Column("attached_at", UtcDateTime, nullable=False),
    Column("attached_by", Words, nullable=False),
    Column("detached_at", UtcDateTime),
    Column("detached_by", Words, nullable=False),
    Column("recheck", words_of(Recheck), nullable=False),
    Column("answered_at", UtcDateTime),
    Column("answered_by", Words, nullable=False),
)
IS_ATTACHED = incident_ticket.c.detached_at.is_(None)
Index(
    "uq_incident_ticket_attached",
    incident_ticket.c.ticket_id,
    unique=True,
    sqlite_where=IS_ATTACHED,
    postgresql_where=IS_ATTACHED,
)

incident_told = Table(
    "incident_told",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", ForeignKey(incident.c.id), nullable=False),
    Column("occasion", words_of(Occasion), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("recipient", Words, nullable=False),
    Column("promised_at", UtcDateTime, nullable=False),
    Column("ticket_id", ForeignKey(ticket.c.id)),
    Column("household_id", ForeignKey(household.c.id)),
    Column("state", words_of(ToldState), nullable=False),
    Column("channel", Words, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("sid", Words, nullable=False),
    UniqueConstraint("incident_id", "occasion", "revision", "recipient"),
)

incident_log = Table(
    "incident_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", ForeignKey(incident.c.id), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("params", JSON, nullable=False),
)

# --- visits ----------------------------------------------------------------------------------------------------------

visit = Table(
    "visit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False, index=True),
    Column("staff_id", ForeignKey(staff.c.id), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("state", words_of(VisitState), nullable=False),
    Column("left_at", UtcDateTime),
    Column("arrived_at", UtcDateTime),
    Column("place", Words, nullable=False),
    Column("found", Words, nullable=False),
    Column("checks", JSON, nullable=False),
    Column("materials", JSON, nullable=False),
    Column("done", Words, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("reason", Words, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("test", JSON(none_as_null=True)),
    Column("responsibility", JSON(none_as_null=True)),
)
IS_OPEN_VISIT = visit.c.state == literal_column("'open'")
Index("uq_visit_open", visit.c.ticket_id, unique=True, sqlite_where=IS_OPEN_VISIT, postgresql_where=IS_OPEN_VISIT)

appointment = Table(
    "appointment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False),
    Column("staff_id", ForeignKey(staff.c.id), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("booked_by", Words, nullable=False),
    Column("state", words_of(AppointmentState), nullable=False),
)
IS_BOOKED = appointment.c.state == literal_column("'booked'")
Index(
    "uq_appointment_slot",
    appointment.c.staff_id,
    appointment.c.starts_at,
    unique=True,
    sqlite_where=IS_BOOKED,
    postgresql_where=IS_BOOKED,
)
Index("uq_appointment_ticket", appointment.c.ticket_id, unique=True, sqlite_where=IS_BOOKED, postgresql_where=IS_BOOKED)

visit_picture = Table(
    "visit_picture",
    metadata,
    Column("id", Words, primary_key=True),
    Column("visit_id", ForeignKey(visit.c.id), nullable=False),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False, index=True),
    Column("kind", words_of(PictureKind), nullable=False),
    Column("made_at", UtcDateTime, nullable=False, index=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("name", Words, nullable=False),
    Column("text", Words, nullable=False, server_default=""),
)

#: Texts to residents about their tickets, and what the carrier reported of them.
resident_text = Table(
    "resident_text",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False, index=True),
    Column("key", Words, nullable=False, unique=True),
    Column("word", Words, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("state", words_of(TextState), nullable=False),
)

# --- calls to residents, and staff who call in ------------------------------------------------------------------------

resident_call = Table(
    "resident_call",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", ForeignKey(ticket.c.id), nullable=False, index=True),
    Column("purpose", words_of(Purpose), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("state", words_of(CallState), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("result", words_of(CallResult), nullable=False),
    Column("reason", Words, nullable=False),
    Column("operator_id", ForeignKey(operator.c.id)),
    Column("visit", Words, nullable=False),
    Column("finished_at", UtcDateTime),
)
IS_PLANNED = resident_call.c.state == literal_column("'planned'")
Index(
    "uq_resident_call_planned",
    resident_call.c.ticket_id,
    resident_call.c.purpose,
    unique=True,
    sqlite_where=IS_PLANNED,
    postgresql_where=IS_PLANNED,
)

resident_try = Table(
    "resident_try",
    metadata,
    Column("id", Words, primary_key=True),
    Column("call_id", ForeignKey(resident_call.c.id), nullable=False),
    Column("n", Integer, nullable=False),
    Column("phone", Words, nullable=False, index=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("outcome", words_of(TryOutcome), nullable=False),
    Column("provider_sid", Words, nullable=False),
    Column("finished_at", UtcDateTime),
    UniqueConstraint("call_id", "n"),
)

staff_pin = Table(
    "staff_pin",
    metadata,
    Column("staff_id", ForeignKey(staff.c.id), primary_key=True),
    Column("hash", Words, nullable=False),
)

pin_try = Table(
    "pin_try",
    metadata,
    Column("key", Words, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("caller", Words, nullable=False),
    Column("staff_number", Words, nullable=False),
    Column("verdict", words_of(PinVerdict), nullable=False),
)

#: Wrong entries of card number and name, by who asks and by card (dialogue.identity).
identity_count = Table(
    "identity_count",
    metadata,
    Column("subject", Words, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("tries", Integer, nullable=False),
)

# --- what the product remembers about itself ---------------------------------------------------------------------------

mark = Table(
    "mark",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

#: Where documents disagree: what the company chose, from when on (fulfillment.profile).
profile_choice = Table(
    "profile_choice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("theme", Words, nullable=False),
    Column("choice", Words, nullable=False),
    Column("from_at", UtcDateTime, nullable=False),
    Column("chosen_at", UtcDateTime, nullable=False),
    Column("chosen_by", Words, nullable=False),
    Column("withdrawn_at", UtcDateTime),
    Column("withdrawn_by", Words, nullable=False),
)

edition = Table(
    "edition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("part", Words, nullable=False),
    Column("content", JSON),
    Column("from_at", UtcDateTime, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", Words, nullable=False),
)

# --- waiting for a person, and what was recorded ------------------------------------------------------------------------

presence = Table(
    "presence",
    metadata,
    Column("operator_id", ForeignKey(operator.c.id), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)

operator_capacity = Table(
    "operator_capacity",
    metadata,
    Column("operator_id", ForeignKey(operator.c.id), primary_key=True),
    Column("chats", Integer, nullable=False),
)

wait = Table(
    "wait",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey(conversation.c.id), nullable=False, index=True),
    Column("kind", words_of(WaitKind), nullable=False),
    Column("state", words_of(WaitState), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("place", Integer, nullable=False),
    Column("phone", Words, nullable=False),
    Column("ticket_id", ForeignKey(ticket.c.id)),
    Column("ended_at", UtcDateTime, index=True),
    Column("operator_id", ForeignKey(operator.c.id)),
)
IS_WAITING = wait.c.state == literal_column("'waiting'")
Index(
    "uq_wait_conversation",
    wait.c.conversation_id,
    unique=True,
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
Index("uq_wait_ticket", wait.c.ticket_id, unique=True, sqlite_where=IS_WAITING, postgresql_where=IS_WAITING)

recording = Table(
    "recording",
    metadata,
    Column("id", Words, primary_key=True),
    Column("conversation_id", ForeignKey(conversation.c.id), nullable=False, index=True),
    Column("kind", words_of(RecordingKind), nullable=False),
    Column("announced", Words, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("provider_sid", Words, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("state", words_of(RecordingState), nullable=False),
    Column("ticket_id", ForeignKey(ticket.c.id), index=True),
    Column("deleted_at", UtcDateTime),
    Column("deleted_by", Words, nullable=False),
)
IS_KEPT = recording.c.state.in_([literal_column("'at_carrier'"), literal_column("'stored'")])
IS_NAMED = recording.c.provider_sid != literal_column("''")
Index("ix_recording_kept", recording.c.made_at, sqlite_where=IS_KEPT, postgresql_where=IS_KEPT)
Index(
    "uq_recording_provider_sid",
    recording.c.provider_sid,
    unique=True,
    sqlite_where=IS_NAMED,
    postgresql_where=IS_NAMED,
)

# --- outbox ----------------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Words, nullable=False, unique=True),
    # Plain words, not the enumeration: a task of a newer release must not stop an older worker (it passes over it).
    Column("kind", Words, nullable=False),
    Column("lane", words_of(Lane), nullable=False),
    Column("state", words_of(TaskState), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("ticket_id", ForeignKey(ticket.c.id), index=True),
    Column("rank", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False),
    Column("error", Words, nullable=False),
    Column("owner", Words),
    Column("token", Words),
    Column("lease_until", UtcDateTime),
)
IS_PENDING = outbox.c.state == literal_column("'pending'")
IS_LEASED = outbox.c.token.is_not(None)  # and therefore pending: whatever ends a task ends its lease
IS_DEAD = outbox.c.state == literal_column("'dead'")
Index(
    "ix_outbox_pending",
    outbox.c.lane,
    outbox.c.due_at,
    outbox.c.id,
    sqlite_where=IS_PENDING,
    postgresql_where=IS_PENDING,
)
Index("ix_outbox_leased", outbox.c.lane, outbox.c.lease_until, sqlite_where=IS_LEASED, postgresql_where=IS_LEASED)
Index("ix_outbox_dead", outbox.c.due_at, sqlite_where=IS_DEAD, postgresql_where=IS_DEAD)

look = Table(
    "look",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Words, nullable=False),
    Column("what", words_of(LookedAt), nullable=False),
    Column("subject", Words, nullable=False, index=True),
)
Index("ix_look_who", look.c.who, look.c.id)

#: Lanes whose turns are counted: one row a lane, shared by all workers. No turn before `free_at`.
lane_turn = Table(
    "lane_turn",
    metadata,
    Column("lane", words_of(Lane), primary_key=True),
    Column("free_at", UtcDateTime, nullable=False),
)
