"""催办 on the card of a ticket: it reaches the case whoever has the floor, and moves nothing else."""

from dataclasses import replace

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel, Floor
from dialogue.ticket_cards import TicketCards
from fulfillment.ticket import TicketState
from tests.dialogue.talk import BOOK, STANDARD, Talk


@pytest.fixture
def talk() -> Talk:
    """A leak that was reported in the chat; its address is still asked for."""
    talk = Talk(Channel.CHAT, peer="")
    talk.says("家里暖气漏水了", Intent.LEAK_INSIDE)
    return talk


def press(talk: Talk) -> str:
    number = talk.tickets[0].number
    talk.taps(f"nudge:{number}")
    return number


def card(talk: Talk) -> dict[str, object]:
    with talk.store.read() as tx:
        [shown] = TicketCards(BOOK, STANDARD)(tx, tx.conversation(talk.id))
    return shown


def test_the_open_question_stays_open(talk: Talk) -> None:
    asked = talk.store_state()["asked"]
    number = press(talk)
    assert talk.scripts == ["ticket.nudged"]
    assert number in talk.reply.said[0].chat
    assert talk.store_state()["asked"] == asked == "address"
    assert talk.tickets[0].nudges == 1


def test_while_a_person_speaks_the_bot_is_silent_and_the_case_is_nudged(talk: Talk) -> None:
    talk.handoff.take_over(talk.id, 1)
    press(talk)
    assert talk.scripts == []
    assert talk.tickets[0].nudges == 1


def test_who_waits_for_a_person_hears_that_it_was_noted(talk: Talk) -> None:
    talk.taps("human")
    press(talk)
    assert talk.scripts == ["ticket.nudged"]
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.QUEUE
    assert talk.tickets[0].nudges == 1


def test_a_card_of_another_house_moves_nothing(talk: Talk) -> None:
    talk.taps("nudge:1122-9999")
    assert talk.scripts == ["ticket.none_open"]
    assert talk.tickets[0].nudges == 0


def test_the_card_tells_how_the_ticket_stands_now(talk: Talk) -> None:
    before = card(talk)
    assert (before["kind"], before["number"], before["open"], before["nudges"]) == (
        "ticket",
        talk.tickets[0].number,
        True,
        0,
    )
    press(talk)
    assert card(talk)["nudges"] == 1
    ticket_id = talk.tickets[0].id
    with talk.store.write() as tx:
        ticket = tx.ticket(ticket_id, for_update=True)
        tx.save_ticket(replace(ticket, state=TicketState.CLOSED))
    after = card(talk)
    assert (after["open"], after["state"]) == (False, BOOK.word("words.state_closed"))


def test_after_the_end_the_cards_are_still_known(talk: Talk) -> None:
    number = talk.tickets[0].number
    talk.hotline.hang_up(talk.id)
    talk.taps(f"nudge:{number}")
    assert talk.scripts == ["ticket.nudged"]
    assert (card(talk)["number"], card(talk)["nudges"]) == (number, 1)
