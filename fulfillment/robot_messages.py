"""Alarms as messages of a chat robot: the way that reaches a +86 telephone when neither calls nor texts from abroad do."""

from collections.abc import Callable, Sequence
from typing import Protocol

from fulfillment.company import Staff
from fulfillment.notice import ROBOT
from fulfillment.ports import Alarm, FulfillmentStore, FulfillmentTx
from fulfillment.ticket import Attempt
from kernel.errors import CarrierRefused

#: WeCom refuses more than 2,048 bytes. An alarm takes up to 76 + 60 characters of three bytes and a link of 130.
LINKED_AT_ONCE = 3
#: One message about one or several alarms for one person, each with its signed link; worded above this floor.
#: `LINKED_AT_ONCE` of them: the page behind each link shows all that are open.
RobotText = Callable[[Sequence[Alarm], Staff], str]


class Robots(Protocol):
    """Chat robots (ivr.robots). Raises CarrierBusy, CarrierRefused, CarrierUnknown. Every message has a 10 s limit."""

    def send(self, *, address: str, body: str) -> None: ...


def robot_of(tx: FulfillmentTx, staff: Staff) -> str:
    """Where this person reads messages: his own address, or the group of his station; "" if there is neither."""
    if staff.robot or staff.station_id is None:
        return staff.robot
    return tx.station(staff.station_id).robot


class RobotSender:
    """fulfillment.ports.AlarmSender for the channel "robot"."""

    channel = ROBOT

    def __init__(self, store: FulfillmentStore, robots: Robots, text: RobotText) -> None:
        self._store = store
        self._robots = robots
        self._text = text

    def reaches(self, tx: FulfillmentTx, attempt: Attempt) -> bool:
        return bool(robot_of(tx, tx.staff(attempt.staff_id)))

    def send(self, alarms: Sequence[Alarm], lead: Attempt) -> str:
        """Returns "": robots give their messages no number. The address is read now, not kept with the attempt: it is a secret."""
        with self._store.read() as tx:
            staff = tx.staff(lead.staff_id)
            address = robot_of(tx, staff)
            alarms = _in_turn(tx, alarms)
        if not address:
            raise CarrierRefused("the robot's address is gone")
        self._robots.send(address=address, body=self._text(alarms, staff))
        return ""


def _in_turn(tx: FulfillmentTx, alarms: Sequence[Alarm]) -> Sequence[Alarm]:
    """Only the first few get a link: those of which this person has had fewer messages come first, and from message to
    message other ones.
    """
    groups: dict[int, list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault(_messages_before(tx, alarm.attempt), []).append(alarm)
    ordered: list[Alarm] = []
    for n, group in sorted(groups.items()):
        first = n * LINKED_AT_ONCE % len(group)
        ordered += group[first:] + group[:first]
    return ordered


def _messages_before(tx: FulfillmentTx, attempt: Attempt) -> int:
    def told(a: Attempt) -> bool:
        return (a.staff_id, a.channel) == (attempt.staff_id, ROBOT) and a.step < attempt.step

    return sum(told(a) for a in tx.attempts(attempt.ticket_id))
