"""One call tells a member of staff of several emergencies, one by one, each with its own decision (G7e)."""

from dataclasses import dataclass, replace

import pytest
from lxml import etree

from fulfillment.alarms import Alarms
from fulfillment.ticket import Ticket
from tests.fulfillment.drill import GARDEN, Drill
from tests.ivr.conftest import BASE_URL, RESIDENT
from tests.twilio_judges import JudgedClient, spoken


@dataclass
class Several:
    """The real alarms on the real ladder: three leaks of one butler, who is being rung for all of them."""

    drill: Drill
    lead: str
    tickets: list[Ticket]
    carrier: JudgedClient

    def path(self, document: etree._Element) -> str:
        gather = document.find("Gather")
        assert gather is not None
        return str(gather.get("action")).removeprefix(BASE_URL)

    def press(self, path: str, digits: str) -> etree._Element:
        """Each webhook comes twice, and must hear the same."""
        first = self.carrier.post(path, {"Digits": digits})
        assert self.carrier.post(path, {"Digits": digits}).data == first.data
        return self.carrier.speak(path, {"Digits": digits})

    def holders(self) -> list[str]:
        return [self.drill.ticket(t).acknowledged_by for t in self.tickets]

    def another(self, room: str) -> Ticket:
        self.drill.clock.advance(seconds=3)
        ticket = self.drill.open(address=replace(GARDEN, room=room))
        self.drill.run()
        return ticket


@pytest.fixture
def drill() -> Drill:
    return Drill()


@pytest.fixture
def alarms(drill: Drill) -> Alarms:
    """In the place of the scripted ones of the other tests."""
    return drill.alarms


@pytest.fixture
def several(drill: Drill, carrier: JudgedClient) -> Several:
    tickets = [drill.open(address=replace(GARDEN, room=f"10{n}"), contact_phone=RESIDENT) for n in range(3)]
    drill.run()
    assert len(drill.carrier.calls) == 1
    return Several(drill, drill.attempts(tickets[0])[0].id, tickets, carrier)


def test_several_alarms_are_counted_and_told_one_by_one(several: Several) -> None:
    document = several.carrier.speak(f"/ivr/alarms/{several.lead}")
    assert "您有3起紧急报修" in spoken(document)[0]
    assert "1 0 0。" in spoken(document)[0]
    document = several.press(several.path(document), "1")
    assert spoken(document)[0].startswith("已由您接单"), "outside the question: a double press accepts nothing unheard"
    assert spoken(document)[1].startswith("下一起。还有2起待接单。")
    document = several.press(several.path(document), "2")
    assert spoken(document)[0] == "好的,马上转给下一位。"
    assert "9" not in spoken(document)[1][-30:], "the last one is not 'all'"
    document = several.press(several.path(document), "1")
    assert document[-1].tag == "Redirect"
    assert several.holders() == ["王管家", "", "王管家"]
    end = several.carrier.speak(f"/ivr/alarms/{several.drill.attempts(several.tickets[2])[0].id}/end")
    assert [child.tag for child in end] == ["Hangup"]


def test_key_9_accepts_all_that_were_announced(several: Several) -> None:
    document = several.carrier.speak(f"/ivr/alarms/{several.lead}")
    late = several.another("201")
    document = several.press(several.path(document), "9")
    assert spoken(document)[0].startswith("共3起已由您接单")
    assert several.holders() == ["王管家"] * 3
    assert several.drill.ticket(late).needs_acknowledgement
    assert "2 0 1" in spoken(document)[1], "what came in meanwhile is told, not taken along unheard"


def test_an_alarm_that_joins_between_two_deliveries_changes_neither_answer(several: Several) -> None:
    ring = f"/ivr/alarms/{several.lead}"
    call = {"CallSid": "CA1"}
    first = several.carrier.post(ring, call)
    several.another("203")
    assert several.carrier.post(ring, call).data == first.data
    path = several.path(several.carrier.speak(ring, call))
    accepted = several.carrier.post(path, {**call, "Digits": "1"})
    several.another("204")
    assert several.carrier.post(path, {**call, "Digits": "1"}).data == accepted.data
    assert "您有4起紧急报修" in spoken(several.carrier.speak(ring, {"CallSid": "CA2"}))[0], "another call is told anew"


def test_what_comes_in_during_the_last_words_is_told_before_the_call_ends(several: Several) -> None:
    path = several.path(several.carrier.speak(f"/ivr/alarms/{several.lead}"))
    document = several.press(path, "9")
    assert document[-1].tag == "Redirect"
    several.another("202")
    end = str(document[-1].text).removeprefix(BASE_URL)
    document = several.carrier.speak(end)
    assert "2 0 2" in spoken(document)[0]
    document = several.press(several.path(document), "1")
    assert [child.tag for child in several.carrier.speak(str(document[-1].text).removeprefix(BASE_URL))] == ["Hangup"]


def test_voicemail_accepts_nothing_and_says_at_the_end_that_it_goes_on(several: Several) -> None:
    document = several.carrier.speak(f"/ivr/alarms/{several.lead}")
    assert spoken(document)[-1] == "没有收到按键,将转给下一位。"
    assert document[-1].tag == "Hangup"
    form = {"CallStatus": "completed", "CallSid": several.drill.carrier.calls[0].sid}
    several.carrier.post(f"/ivr/alarms/{several.lead}/status", form)
    several.drill.run()
    assert several.holders() == ["", "", ""]
    assert [len(several.drill.attempts(t)) for t in several.tickets] == [2, 2, 2]
    assert len(several.drill.carrier.calls) == 2
