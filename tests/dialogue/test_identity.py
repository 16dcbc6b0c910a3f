"""F4, F5, N17: butler, station and arrears only to the home itself, by card and name where its number does not call."""

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel, Expect, Then
from fulfillment.company import Household
from fulfillment.ticket import Address
from tests.dialogue.talk import STANDARD, Talk
from tests.fakes import FakeStore, small_company

RULES = STANDARD.identity


def stranger(channel: Channel = Channel.CHAT, store: FakeStore | None = None, visitor: str = "visitor-1") -> Talk:
    talk = Talk(channel, peer="" if channel is Channel.CHAT else "+8615500000000", store=store, call=visitor)
    talk.says("我家管家是谁", Intent.ASK_BUTLER)
    return talk


def gives(talk: Talk, card: str, name: str) -> None:
    talk.says(card, Intent.INFORM)
    talk.says(name, Intent.FALLBACK)


def test_card_and_name_prove_who_asks() -> None:
    talk = stranger()
    assert talk.scripts == ["ask.card"]
    assert talk.reply.expect is Expect.CARD
    assert "王管家" not in talk.voice
    talk.says("100001", Intent.INFORM)
    assert talk.scripts == ["ask.owner"]
    talk.says("我叫陈静", Intent.FALLBACK)
    assert talk.scripts == ["ticket.account_butler", "greeting.anything_else"]
    assert "王管家" in talk.voice
    assert talk.tickets == []


def test_once_proven_it_holds_for_this_conversation() -> None:
    talk = stranger()
    gives(talk, "100001", "陈静")
    talk.says("我欠费吗", Intent.BILL_ARREARS)
    assert talk.scripts[0] == "ticket.account_paid"
    talk.says("卡号多少", Intent.BILL_CARD_NUMBER)
    assert talk.scripts[0] == "ticket.account_card_number"
    assert stranger(store=talk.store, visitor="visitor-2").scripts == ["ask.card"]


@pytest.mark.parametrize("wrong", [("100001", "陈明"), ("100009", "陈静"), ("100002", "陈静")])
def test_nobody_hears_which_of_the_two_was_wrong(wrong: tuple[str, str]) -> None:
    talk = stranger()
    gives(talk, *wrong)
    assert talk.scripts == ["identity.not_matched", "ask.card_again"]
    gives(talk, "100001", "陈静")
    assert talk.scripts[0] == "ticket.account_butler"


def test_after_the_last_try_a_person_and_no_more_tries() -> None:
    talk = stranger()
    for _ in range(RULES.tries - 1):
        gives(talk, "100001", "陈明")
        assert talk.scripts[0] == "identity.not_matched"
    gives(talk, "100001", "陈明")
    assert talk.scripts == ["identity.by_person", "handoff.waiting"]
    assert talk.reply.then is Then.WAIT
    assert talk.store_state()["symptom"] == "我家管家是谁", "who takes it over reads what was asked"
    talk.taps("back")
    talk.says("我家管家是谁", Intent.ASK_BUTLER)
    assert talk.scripts[0] == "identity.by_person", "not even asked"


def test_new_conversations_give_one_browser_no_new_tries() -> None:
    store = small_company(FakeStore())
    wrong = 0
    for number in range(1, 4):
        talk = stranger(store=store, visitor=f"visitor-{number}")
        while talk.scripts[-1].startswith("ask.card"):
            gives(talk, f"99{wrong:04}", "周强")
            wrong += 1
    assert wrong == RULES.tries_a_day + 1, "the last one is not even compared"
    late = stranger(store=store, visitor="visitor-9")
    gives(late, "100001", "陈静")
    assert late.scripts[0] == "identity.by_person", "right, but too late today"
    late.clock.advance(hours=24)
    morning = Talk(Channel.CHAT, peer="", store=store, call="visitor-10")
    morning.clock.advance(hours=24)
    morning.says("我家管家是谁", Intent.ASK_BUTLER)
    gives(morning, "100001", "陈静")
    assert morning.scripts[0] == "ticket.account_butler"


def test_many_browsers_have_no_more_tries_at_one_card() -> None:
    store = small_company(FakeStore())
    for number in range(RULES.tries_a_day_of_a_card):
        gives(stranger(store=store, visitor=f"browser{number}-1"), "100001", "陈明")
    owner = stranger(store=store, visitor="home-1")
    gives(owner, "100001", "陈静")
    assert owner.scripts[0] == "identity.by_person"
    neighbour = stranger(store=store, visitor="neighbour-1")
    gives(neighbour, "100003", "周强")
    assert neighbour.scripts[0] == "ticket.account_butler", "another card is not touched"


def test_what_is_right_counts_nothing() -> None:
    store = small_company(FakeStore())
    for number in range(RULES.tries_a_day + 2):
        talk = stranger(store=store, visitor=f"visitor-{number}")
        gives(talk, "100001", "陈静")
        assert talk.scripts[0] == "ticket.account_butler"


def test_on_the_phone_by_keys_and_by_sound() -> None:
    talk = stranger(Channel.PHONE)
    talk.presses("100001")
    assert talk.scripts == ["ask.owner"]
    assert talk.store_state()["slots"]["phone"] == ""
    talk.says("陈敬", Intent.FALLBACK)  # as recognition wrote the name down
    assert talk.scripts[0] == "ticket.account_butler"
    written = stranger(store=talk.store)
    gives(written, "100001", "陈敬")
    assert written.scripts[0] == "identity.not_matched", "who writes knows the signs"


@pytest.mark.parametrize("said", ["一零零零零一", "100 001", "我的卡号是100001", "卡号:100001。"])
def test_a_card_number_is_read_as_it_is_said(said: str) -> None:
    talk = stranger(Channel.PHONE)
    gives(talk, said, "陈静")
    assert talk.scripts[0] == "ticket.account_butler"


@pytest.mark.parametrize("said", ["没有", "我不知道卡号", "卡号不在手边"])
def test_who_has_no_card_at_hand_is_noted_for_a_person(said: str) -> None:
    talk = stranger()
    talk.says(said, Intent.FALLBACK)
    assert talk.scripts == ["knowledge.ask_butler", "ask.contact_phone"]
    talk.says("13812345678", Intent.INFORM, phone="13812345678")
    talk.says("对的", Intent.AFFIRM)
    talk.says("对的", Intent.AFFIRM)
    [ticket] = talk.tickets
    assert (ticket.kind, ticket.symptom) == ("question", "我家管家是谁")


def test_nobody_is_asked_three_times() -> None:
    talk = stranger()
    talk.says("就是那张卡呀", Intent.FALLBACK)
    assert talk.scripts == ["ask.card_again"]
    talk.says("哪张卡呀", Intent.FALLBACK)
    assert talk.scripts == ["knowledge.ask_butler", "ask.contact_phone"]


@pytest.mark.parametrize("said", ["陈女士", "陈"])
def test_a_family_name_alone_is_no_name_and_no_wrong_try(said: str) -> None:
    talk = stranger()
    gives(talk, "100001", said)
    assert talk.scripts == ["ask.owner_again"]
    assert talk.store_state()["identity_tries"] == 0


def test_a_leak_does_not_wait_for_a_proof() -> None:
    talk = stranger()
    talk.says("100001", Intent.INFORM)
    talk.says("家里暖气管爆了", Intent.LEAK_INSIDE)
    assert talk.scripts[0] == "safety.leak_inside"
    assert talk.store_state()["identity_tries"] == 0


def test_another_matter_is_not_taken_for_a_name() -> None:
    talk = stranger()
    talk.says("100001", Intent.INFORM)
    talk.says("我还想问暖气费怎么交", Intent.BILL_PAY)
    assert talk.scripts[0] == "knowledge.bill_pay"
    assert talk.store_state()["identity_tries"] == 0


def test_a_card_number_is_no_address_and_no_telephone_number() -> None:
    talk = stranger()
    talk.says("100001", Intent.INFORM, phone="100001", room="100001")
    assert talk.scripts == ["ask.owner"]
    assert talk.store_state()["slots"]["phone"] == talk.store_state()["slots"]["room"] == ""


def test_the_question_in_the_middle_of_a_case_leads_back_to_it() -> None:
    talk = Talk(Channel.CHAT, peer="", call="visitor-1")
    talk.says("暖气不热", Intent.NO_HEAT)
    talk.says("我家管家是谁", Intent.ASK_BUTLER)
    gives(talk, "100001", "陈静")
    assert talk.scripts == ["ticket.account_butler", "ask.address"]


@pytest.mark.parametrize(
    ("said", "name", "fits"),
    [
        ("国强", "董国强", True), ("董国强", "董国强", True), ("强", "董国强", False), ("董强", "董国强", False),
        ("罗芳", "罗芳", True), ("超市", "翠湖路华联超市有限公司", False), ("翠湖路华联超市", "翠湖路华联超市有限公司", True),
        ("罗芳王伟李娜", "罗芳", False), ("罗芳", "", False), ("", "", False),
    ],
)  # fmt: skip
def test_how_much_of_a_name_is_enough(said: str, name: str, fits: bool) -> None:
    assert RULES.is_part_of(said, name) is fits


def test_a_home_without_a_name_is_proven_by_nobody() -> None:
    store = small_company(FakeStore())
    with store.write() as tx:
        tx.upsert_household(Household(0, "100004", 1, "3", "2", "503", "", ""))
        assert tx.households_at(Address(1, "3", "2", "503"))
    talk = stranger(store=store)
    gives(talk, "100004", "陈静")
    assert talk.scripts[0] == "identity.not_matched"
