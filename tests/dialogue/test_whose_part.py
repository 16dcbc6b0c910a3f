"""Whose part it is and what comes first (Y1, Y3): told when a repair is noted, to whom it concerns, and never in an emergency."""

from dataclasses import replace

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel
from tests.dialogue.talk import Talk

REGISTERED = "+8613800000001"


def of_a_shop(channel: Channel = Channel.PHONE, peer: str = REGISTERED) -> Talk:
    """The first home of the register is a shop that owes something of earlier winters."""
    talk = Talk(channel, peer)
    with talk.store.write() as tx:
        tx.upsert_household(replace(tx.household(1), usage="other", arrears_fen=186050))
    return talk


def test_a_shop_hears_where_our_part_ends_and_what_comes_first_and_its_case_is_opened() -> None:
    talk = of_a_shop()
    talk.says("店里暖气一直不热", Intent.NO_HEAT)
    talk.says("对", Intent.AFFIRM)
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    said = talk.scripts
    assert said[said.index("ticket.opened") + 1 :][:2] == ["ticket.entry_valve_well", "ticket.arrears_first"]
    assert "往年热费还有1860.5元没有结清" in talk.voice
    [ticket] = talk.tickets
    assert (ticket.kind, ticket.household_id) == ("no_heat", 1)


def test_a_home_that_owes_nothing_hears_neither() -> None:
    talk = Talk(peer=REGISTERED)
    talk.says("家里暖气一直不热", Intent.NO_HEAT)
    talk.says("对", Intent.AFFIRM)
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    assert "ticket.opened" in talk.scripts
    assert not {"ticket.entry_valve_well", "ticket.arrears_first"} & set(talk.scripts)


def test_in_an_emergency_nobody_hears_of_either() -> None:
    talk = of_a_shop()
    talk.says("店里暖气爆了", Intent.LEAK_INSIDE)
    assert talk.tickets[0].emergency
    talk.says("对", Intent.AFFIRM)
    assert not {"ticket.entry_valve_well", "ticket.arrears_first"} & set(talk.scripts)


@pytest.mark.parametrize("channel", [Channel.PHONE, Channel.CHAT])
def test_who_is_not_the_home_itself_hears_nothing_of_what_it_owes(channel: Channel) -> None:
    """N17: a neighbour reports the shop's address; where our part ends concerns him, the debt does not."""
    talk = of_a_shop(channel, "+8613899999999" if channel is Channel.PHONE else "")
    talk.says("阳光花园三号楼二单元五零一暖气一直不热", Intent.NO_HEAT, community=1, building="3", unit="2", room="501")
    for _ in range(6):
        if talk.tickets:
            break
        answers = {
            "ask.contact_phone": ("13811112222", {"phone": "13811112222"}),
            "ask.visit_time": ("明天下午", {"time": "明天下午"}),
        }
        words, found = answers.get(talk.scripts[-1], ("对", {}))
        talk.says(words, Intent.AFFIRM if words == "对" else Intent.INFORM, **found)
    assert "ticket.entry_valve_well" in talk.scripts
    assert "ticket.arrears_first" not in talk.scripts


def test_the_home_itself_hears_what_it_owes_when_it_asks() -> None:
    """Y3, F7: by its registered number."""
    talk = of_a_shop()
    talk.says("查一下我家欠不欠费", Intent.BILL_ARREARS)
    assert talk.scripts[:2] == ["ticket.account_paid", "ticket.account_arrears"]
    assert "1860.5元没有结清" in talk.voice


def test_who_speaks_of_changes_hears_that_they_are_put_right_first() -> None:
    talk = Talk(peer=REGISTERED)
    talk.says("装修改过暖气管以后一直不热", Intent.NO_HEAT)
    talk.says("对", Intent.AFFIRM)
    talk.says("明天下午", Intent.INFORM, time="明天下午")
    said = talk.scripts
    assert said[said.index("ticket.opened") + 1] == "ticket.changes_first"
