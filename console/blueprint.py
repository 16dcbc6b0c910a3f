"""Puts the pages together. app.py registers the result; everything the console needs of the app is set up here."""

from collections.abc import Callable
from datetime import timedelta
from typing import cast

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState
from flask_limiter import Limiter

from console import (
    administration,
    announcements,
    business_days,
    calls,
    canned_page,
    complaints,
    conversations,
    directory,
    editions,
    gate,
    imports,
    incident_actions,
    ladder,
    live,
    looks,
    pages,
    passing,
    private_notes,
    profiles,
    reports,
    resident_calls,
    rota,
    scripts,
    supervision,
    ticket_export,
    ticket_list,
    tickets,
    time_limits,
    today,
    waiting,
    work,
)
from console import incidents as incident_routes
from console.ports import (
    Audio,
    Books,
    Callbacks,
    Desk,
    Handoff,
    Health,
    Pictures,
    Recordings,
    Rooms,
    SetsPins,
    Setup,
    Standard,
    VisitPictures,
)
from console.presence import Presence
from dialogue.passing_on import PassingOn
from dialogue.ports import DialogueStore
from dialogue.script_book import ScriptBook
from fulfillment.incidents import Incidents
from fulfillment.ticket import TimelineEntry
from kernel.clock import Clock

SHIFT = timedelta(hours=12)  # a session ends with the shift


def build_console(  # noqa: PLR0913 - the composition root names each part once; inside, they travel as one Rooms
    store: DialogueStore,
    handoff: Handoff,
    desk: Desk,
    standard: Standard,
    clock: Clock,
    *,
    timeline_text: Callable[[TimelineEntry], str],
    health: Callable[[], Health],
    carrier_is_real: bool,
    pins: SetsPins,
    audio: Audio,
    callbacks: Callbacks,
    recordings: Recordings,
    pictures: Pictures,
    visit_pictures: VisitPictures,
    appointments: Books,
    book: ScriptBook,
    passing_on: PassingOn,
    incidents: Incidents,
    setup: Setup,
    limiter: Limiter | None = None,
    cookies_secure: bool = False,
    max_streams: int = 24,
) -> Blueprint:
    """The pages under /console, guarded as a whole: a route that is not named public demands a login.

    `limiter` is the app's own; without one, the console brings one that counts in this process's memory (fine for one
    web process). `max_streams` live pages hold a thread each; further ones are told to poll. `cookies_secure` must be
    True wherever the public address is https.
    """
    rooms = Rooms(
        store,
        handoff,
        desk,
        standard,
        clock,
        timeline_text,
        health,
        carrier_is_real,
        pins,
        audio,
        callbacks,
        recordings,
        pictures,
        visit_pictures,
        appointments,
        book,
        passing_on,
        incidents,
        setup,
    )
    presence = Presence(rooms)
    blueprint = Blueprint(
        "console", __name__, url_prefix="/console", template_folder="templates", static_folder="static"
    )
    own_limiter = limiter is None
    limits = limiter or Limiter(gate.caller_address, storage_uri="memory://")

    def set_up(state: BlueprintSetupState) -> None:
        app = cast(Flask, state.app)
        app.config.update(
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_COOKIE_SECURE=cookies_secure,
            PERMANENT_SESSION_LIFETIME=SHIFT,
            # A console page stays open for a whole shift; its token lives as long as the session it is bound to.
            WTF_CSRF_TIME_LIMIT=None,
        )
        gate.set_up(app, rooms)
        if own_limiter:
            limits.init_app(app)

    blueprint.record_once(set_up)
    gate.guard(blueprint)
    presence.watch(blueprint)
    gate.add_routes(blueprint, rooms, limits, signed_in=presence.arrived, signed_out=presence.left)
    pages.add_filters(blueprint, rooms)
    pages.add_error_pages(blueprint)
    live.add_routes(blueprint, rooms, live.Streams(max_streams), presence)
    work.add_routes(blueprint, rooms)
    waiting.add_routes(blueprint, rooms)
    conversations.add_routes(blueprint, rooms)
    supervision.add_routes(blueprint, rooms)
    looks.add_routes(blueprint, rooms)
    reports.add_routes(blueprint, rooms)
    today.add_routes(blueprint, rooms)
    profiles.add_routes(blueprint, rooms)
    passing.add_routes(blueprint, rooms)
    private_notes.add_routes(blueprint, rooms)
    calls.add_routes(blueprint, rooms)
    ticket_list.add_routes(blueprint, rooms)
    ticket_export.add_routes(blueprint, rooms)
    tickets.add_routes(blueprint, rooms)
    complaints.add_routes(blueprint, rooms)
    resident_calls.add_routes(blueprint, rooms)
    administration.add_routes(blueprint, rooms)
    rota.add_routes(blueprint, rooms)
    ladder.add_routes(blueprint, rooms)
    time_limits.add_routes(blueprint, rooms)
    business_days.add_routes(blueprint, rooms)
    directory.add_routes(blueprint, rooms)
    scripts.add_routes(blueprint, rooms)
    canned_page.add_routes(blueprint, rooms)
    editions.add_routes(blueprint, rooms)
    imports.add_routes(blueprint, rooms)
    announcements.add_routes(blueprint, rooms)
    incident_routes.add_routes(blueprint, rooms)
    incident_actions.add_routes(blueprint, rooms)
    return blueprint
