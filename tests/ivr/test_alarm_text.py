"""The text of an alarm fits one segment of 70 UCS-2 units, whatever residents say; ticket and telephone are always in it."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.script_book import ScriptBook
from fulfillment.ports import Alarm
from fulfillment.ticket import Address, Ticket
from ivr.alarm_text import alarm_text, cut, units
from tests.ivr.conftest import a_brief

TICKET = a_brief().ticket
WORDS = st.text(max_size=300)


def alarm(ticket: Ticket, community_name: str = "翠湖花园") -> Alarm:
    return Alarm(a_brief().attempt, ticket, community_name)


def test_everything_is_in_it_when_there_is_room(book: ScriptBook) -> None:
    text = alarm_text(book)([alarm(replace(TICKET, symptom="暖气漏水"))])
    assert text == "【供暖急修】翠湖花园12号楼2单元1502,暖气漏水,电话13812345678。单号1122-0007,请接警报电话按1接单"


def test_the_symptom_gives_way_before_the_place(book: ScriptBook) -> None:
    text = alarm_text(book)([alarm(replace(TICKET, symptom="客厅的暖气片一直往外面喷很烫的热水"))])
    assert "翠湖花园12号楼2单元1502,客厅" in text
    assert units(text) == 70


def test_what_is_told_anyway_does_not_push_the_leak_out(book: ScriptBook) -> None:
    said = "翠湖花园12号楼2单元1502,暖气漏水,电话13812345678"
    text = alarm_text(book)([alarm(replace(TICKET, symptom=said))])
    assert text.startswith("【供暖急修】翠湖花园12号楼2单元1502,暖气漏水")


def test_an_alarm_by_key_says_what_it_is(book: ScriptBook) -> None:
    assert ",户内漏水," in alarm_text(book)([alarm(replace(TICKET, symptom=""))])
    assert ",井盖缺失损坏," in alarm_text(book)([alarm(replace(TICKET, kind="manhole_cover", symptom=" "))])


@settings(max_examples=300, deadline=None)
@given(
    symptom=WORDS,
    place=WORDS,
    community=st.text(max_size=60),
    number=st.sampled_from(["", "+8613812345678", "+863531234567", "+85221234567"]),
)
def test_it_is_always_one_segment(book: ScriptBook, symptom: str, place: str, community: str, number: str) -> None:
    address = Address(3 if community else None, "12", "2", "1502", place)
    ticket = replace(TICKET, symptom=symptom, address=address, contact_phone=number)
    text = alarm_text(book)([alarm(ticket, community)])
    assert units(text) <= 70
    assert TICKET.number in text
    assert number.removeprefix("+86").lstrip("0") in text
    assert text.isprintable()


def test_several_alarms_are_counted_and_each_place_is_named_once(book: ScriptBook) -> None:
    text = alarm_text(book)([alarm(TICKET), alarm(TICKET, "阳光里"), alarm(TICKET)])
    assert text == "【供暖急修】您有3起紧急报修:翠湖花园、阳光里等。请接警报电话,逐一按1或按9全部接单"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=2, max_size=80))
def test_several_alarms_are_one_segment_too(book: ScriptBook, places: list[str]) -> None:
    alarms = [alarm(replace(TICKET, address=Address(None, text=place)), place) for place in places]
    text = alarm_text(book)(alarms)
    assert units(text) <= 70
    assert f"{len(places)}起" in text


@given(st.text(max_size=40), st.integers(min_value=-5, max_value=50))
def test_cut_keeps_the_longest_head_that_fits(text: str, limit: int) -> None:
    head = cut(text, limit)
    assert text.startswith(head)
    assert units(head) <= max(limit, 0)
    if len(head) < len(text):
        assert units(text[: len(head) + 1]) > limit
