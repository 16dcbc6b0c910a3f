"""The call bar: connect, hold, ask a colleague, give away, listen in; and where an operator is reached."""

from collections.abc import Callable
from functools import partial

import structlog
from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import call_board
from console.gate import allow, me
from console.ports import Rooms
from dialogue.conference import browser_name
from dialogue.leg import LegMode
from fulfillment.company import OperatorRole
from kernel.errors import BadInput, CallImpossible, NotFound, StaleEpoch

log = structlog.get_logger()

_SUPERVISING = frozenset({LegMode.LISTEN, LegMode.WHISPER, LegMode.TALK, LegMode.OUT})


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/conversations/<id>/call with its actions, /rings, /line, /softphone."""
    _add_calls(blueprint, rooms)
    _add_lines(blueprint, rooms)


def _add_calls(blueprint: Blueprint, rooms: Rooms) -> None:
    actions = _actions(rooms)

    @blueprint.get("/conversations/<conversation_id>/call")
    @allow(OperatorRole.OPERATOR)
    def call(conversation_id: str) -> ResponseReturnValue:
        return _bar(rooms, conversation_id)

    @blueprint.post("/conversations/<conversation_id>/call/<action>")
    @allow(OperatorRole.OPERATOR)
    def call_action(conversation_id: str, action: str) -> ResponseReturnValue:
        if action not in actions:
            raise BadInput(f"no action {action[:20]}")
        return _done(rooms, conversation_id, actions[action])

    @blueprint.post("/conversations/<conversation_id>/supervise/<mode>")
    @allow(OperatorRole.SUPERVISOR)
    def supervise(conversation_id: str, mode: str) -> ResponseReturnValue:
        if mode not in _SUPERVISING:
            raise BadInput(f"no mode {mode[:20]}")
        log.info("audit.supervised", operator=me().login, conversation=conversation_id, mode=mode)
        return _done(rooms, conversation_id, partial(rooms.audio.conferences.supervise, mode=LegMode(mode)))


def _add_lines(blueprint: Blueprint, rooms: Rooms) -> None:
    @blueprint.get("/rings")
    @allow(OperatorRole.OPERATOR)
    def rings() -> ResponseReturnValue:
        return render_template(
            "console/parts/rings.html",
            rings=call_board.read_rings(rooms, me().id),
            open_conversation=request.args.get("open", ""),
        )

    @blueprint.post("/line")
    @allow(OperatorRole.OPERATOR)
    def line() -> ResponseReturnValue:
        """Where I am reached from now on; the page is loaded anew, for a browser has to register as a telephone."""
        in_browser = request.form.get("in_browser") == "yes"
        if in_browser and not rooms.audio.browser_lines:
            raise BadInput("browsers cannot be rung")
        with rooms.store.write() as tx:
            tx.set_answers_in_browser(me().id, in_browser=in_browser)
        back = request.form.get("conversation_id", "")
        if back:
            return redirect(url_for("console.conversation", conversation_id=back), 303)
        return redirect(url_for("console.work"), 303)

    @blueprint.post("/softphone")
    @allow(OperatorRole.OPERATOR)
    def softphone() -> ResponseReturnValue:
        """The access token with which this browser becomes the operator's telephone."""
        if rooms.audio.softphone_token is None:
            raise NotFound("browsers cannot be rung")
        name = browser_name(me().id)
        return jsonify(token=rooms.audio.softphone_token(name), name=name)


def _actions(rooms: Rooms) -> dict[str, Callable[[str, int], None]]:
    talks = rooms.audio.conferences
    return {
        "connect": talks.connect,
        "hang-up": talks.hang_up,
        "hold": talks.hold,
        "resume": talks.resume,
        "come-back": talks.come_back,
        "complete": talks.complete,
        "leak": rooms.audio.leak_heard,
        "consult": lambda conversation_id, operator_id: talks.consult(conversation_id, operator_id, _to()),
        "transfer": lambda conversation_id, operator_id: talks.transfer(conversation_id, operator_id, _to()),
    }


def _to() -> str:
    """The number that was typed, else who was chosen."""
    return request.form.get("number", "").strip() or request.form.get("to", "")


def _done(rooms: Rooms, conversation_id: str, act: Callable[[str, int], None]) -> ResponseReturnValue:
    """The bar as it is after the action, with what went wrong in the operator's words."""
    problem = ""
    try:
        act(conversation_id, me().id)
    except CallImpossible as exc:
        problem = f"call_{exc.reason}"
    except StaleEpoch:
        problem = "not_yours"
    if not request.headers.get("HX-Request"):
        return redirect(url_for("console.conversation", conversation_id=conversation_id), 303)
    return _bar(rooms, conversation_id, problem), 409 if problem else 200


def _bar(rooms: Rooms, conversation_id: str, problem: str = "") -> str:
    return render_template(
        "console/parts/call_bar.html",
        bar=call_board.read_call_bar(rooms, conversation_id, me().id),
        problem=problem,
    )
