"""The work page: who waits, what burns, which clocks run; and the parts of it that refresh themselves."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.board import read_bars, read_board
from console.gate import allow
from console.looks import on_record
from console.ports import Rooms
from fulfillment.company import OperatorRole
from fulfillment.look import LookedAt
from kernel.errors import BadInput, NotFound

_OF_BARS = ("queue", "alarms", "incidents", "calls_for_me")


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/ with its parts queue, tickets and duty; the bars of alarms and incidents; the health page; a number revealed."""

    @blueprint.get("/")
    @allow(OperatorRole.OPERATOR)
    def work() -> ResponseReturnValue:
        return render_template("console/work.html", board=read_board(rooms))

    @blueprint.get("/parts/<part>")
    @allow(OperatorRole.OPERATOR)
    def part(part: str) -> ResponseReturnValue:
        read = {**dict.fromkeys(("running", "duty"), read_board), **dict.fromkeys(_OF_BARS, read_bars)}.get(part)
        if read is None:
            raise BadInput(f"no part {part[:20]}")
        return render_template(
            f"console/parts/{part}.html", board=read(rooms), open_conversation=request.args.get("open", "")
        )

    @blueprint.get("/health")
    @allow(OperatorRole.OPERATOR)
    def health() -> ResponseReturnValue:
        return render_template("console/health.html", health=rooms.health(), now=rooms.clock.now())

    @blueprint.get("/<path:_path>")
    @allow(OperatorRole.OPERATOR)
    def elsewhere(_path: str) -> ResponseReturnValue:
        """Addresses that do not exist belong to the console too: its error page, behind its login."""
        raise NotFound("no such page")

    @blueprint.post("/reveal/<what>/<subject>")
    @allow(OperatorRole.OPERATOR)
    def reveal(what: str, subject: str) -> ResponseReturnValue:
        """A full number, for whoever needs to dial it. Who looked at whose is on record (N17)."""
        number = _number_of(rooms, what, subject)
        on_record(rooms, LookedAt.NUMBER, f"{what}:{subject}")
        return render_template("console/parts/number.html", number=number)


def _number_of(rooms: Rooms, what: str, subject: str) -> str:
    with rooms.store.read() as tx:
        if what == "conversation":
            return tx.conversation(subject).peer
        if subject.isdecimal():
            match what:
                case "household":
                    return tx.household(int(subject)).phone
                case "ticket":
                    return tx.ticket(int(subject)).contact_phone
                case "staff":
                    return tx.staff(int(subject)).phone
    raise BadInput("nothing of this kind has a number")
