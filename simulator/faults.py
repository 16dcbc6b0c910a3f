"""What a drill has ordered to go wrong with the REST API."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from simulator.network import Network
from simulator.rest_requests import Refused

#: By then whoever asked has given up; with 14 s a patient client would still hear it.
_LOST_ANSWER_SECONDS, _LATE_ANSWER_SECONDS = 30.0, 14.0

T = TypeVar("T")


def may_fail(network: Network, act: Callable[[], T]) -> T:
    """Plays the next fault that POST /api/faults has ordered."""
    fault = network.faults.popleft() if network.faults else ""
    if fault == "busy":
        raise Refused(20429, "Too Many Requests", HTTPStatus.TOO_MANY_REQUESTS)
    if fault == "error":
        raise Refused(20500, "Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR)
    time.sleep(network.rest_seconds / 2)
    result = act()
    time.sleep(network.rest_seconds / 2)
    if fault == "hang":  # done, but the answer comes too late for anybody
        time.sleep(_LOST_ANSWER_SECONDS)
    if fault == "late":
        time.sleep(_LATE_ANSWER_SECONDS)
    if fault == "lost":  # done, but the answer says otherwise
        raise Refused(20500, "Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR)
    return result
