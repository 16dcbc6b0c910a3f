"""Alarms as messages of a chat robot: the way that reaches a +86 telephone when neither calls nor texts from abroad do."""

from collections.abc import Callable, Sequence
from typing import Protocol

from fulfillment.company import Staff
from fulfillment.notice import ROBOT
from fulfillment.ports import Alarm, FulfillmentStore, FulfillmentTx
from fulfillment.ticket import Attempt
from kernel.errors import CarrierRefused

#: One message about one or several alarms for one person, each with its signed link; worded above this floor.
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
        if not address:
            raise CarrierRefused("the robot's address is gone")
        self._robots.send(address=address, body=self._text(alarms, staff))
        return ""
