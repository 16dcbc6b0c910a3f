"""The policy alone, table by table: no store, no clock, no model. What was heard goes in, keys of scripts come out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import pytest

from bot.understanding import Entity, EntityKind, Intent, Source, Understanding
from dialogue.conversation import Channel, Expect, Then
from dialogue.decision import Decision, LearnAddress, OpenTicket, RequestHandoff
from dialogue.facts import Facts, Home, Notice
from dialogue.options import understand_choice, understand_digits
from dialogue.policy import ANSWERS, YES_NO, Policy
from dialogue.questions import QUESTIONS, expect_of
from dialogue.script_book import Both
from dialogue.state import DialogueState
from fulfillment.business_calendar import Moment
from fulfillment.ticket import Address
from tests.dialogue.talk import KNOWLEDGE, STANDARD, means

POLICY = Policy(KNOWLEDGE.matters, STANDARD.kinds, STANDARD.directory, KNOWLEDGE.phrases)
HOME = Home(
    1,
    Address(1, "3", "2", "501"),
    Both("阳光花园3号楼2单元五零幺", "阳光花园3号楼2单元501"),
    name="陈静",
    installation="radiator",
)
OTHER = Home(2, Address(2, "1", "1", "101"), Both("翠湖苑1号楼1单元幺零幺", "翠湖苑1号楼1单元101"))
NAMES = {1: "阳光花园", 2: "翠湖苑"}
NOTHING = Understanding("", Intent.FALLBACK, 0.0, emergency=False, source=Source.NOBODY)


class Line:
    """A resident and the policy. `scripts`: what was said last, `decision`: what was decided last."""

    def __init__(
        self,
        *homes: Home,
        channel: Channel = Channel.PHONE,
        peer: str = "+8613900000000",
        notices: Sequence[Notice] = (),
    ) -> None:
        self.facts = Facts(
            channel=channel, peer=peer, caller_homes=homes, community_names=NAMES, notices=tuple(notices)
        )
        self.decision: Decision = POLICY.open(self.facts, Moment.SEASON)

    @property
    def state(self) -> DialogueState:
        return self.decision.state

    @property
    def scripts(self) -> list[str]:
        return [s.key for s in self.decision.say if s.key != "hearing.noting_down"]

    @property
    def opened(self) -> list[str]:
        return [c.kind for c in self.decision.commands if isinstance(c, OpenTicket)]

    def hears(self, heard: Understanding, choice: str = "") -> Self:
        self.decision = POLICY.decide(self.state, heard, self.facts, choice)
        return self

    def says(self, text: str, intent: Intent = Intent.FALLBACK, **more: object) -> Self:
        return self.hears(means(text, intent, **more))  # type: ignore[arg-type]  # a test's shorthand

    def presses(self, digits: str) -> Self:
        return self.hears(*understand_digits(digits, self.state))

    def taps(self, choice: str) -> Self:
        return self.hears(understand_choice(choice, ""), choice)

    def is_silent(self) -> Self:
        return self.hears(NOTHING)


def at_visit_time() -> Line:
    return Line(HOME).says("屋里十四度", Intent.COLD_ROOM, temperature=14).says("是", Intent.AFFIRM)


def at_home() -> Line:
    return Line(HOME).says("家里不热", Intent.NO_HEAT)


def at_address() -> Line:
    return Line().says("家里不热", Intent.NO_HEAT)


def at_rest_of_address() -> Line:
    return at_address().says("阳光花园", Intent.INFORM, community=1)


def at_phone() -> Line:
    return (
        Line(channel=Channel.PHONE, peer="")
        .says("我家停电了", Intent.OUT_OF_SCOPE, other_unit="electricity")
        .says("好", Intent.AFFIRM)
    )


def at_story() -> Line:
    return Line(HOME).says("我要投诉", Intent.COMPLAINT)


def at_leak() -> Line:
    return Line(HOME).says("暖器管报门", perhaps=True)


def in_emergency() -> Line:
    return Line().says("暖气爆了", Intent.LEAK_INSIDE)


def at_more() -> Line:
    return Line().says("怎么交费", Intent.BILL_PAY)


def at_read_back() -> Line:
    line = Line().says(
        "家里不热", Intent.NO_HEAT, community=1, building=3, unit=1, room=201, part="radiator", time="今晚"
    )
    return line.says("我姓刘", Intent.INFORM)


EVERYWHERE = [Line, at_visit_time, at_home, at_address, at_rest_of_address, at_phone, at_story, at_leak, in_emergency, at_more, at_read_back]  # fmt: skip


# --- the tables themselves -----------------------------------------------------------------------------------------


def test_every_question_knows_its_answers() -> None:
    menus = {name for name, q in QUESTIONS.items() if q.expect is Expect.MENU} - {"what_now"}
    assert set(ANSWERS) | set(YES_NO) | menus == set(QUESTIONS)
    assert {name for name, q in QUESTIONS.items() if q.expect is Expect.YES_NO} <= set(YES_NO)


# --- openings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "first"),
    [
        (Moment.SEASON, "greeting.incoming"), (Moment.SEASON_NIGHT, "greeting.season_night"), (Moment.BEFORE_SEASON, "greeting.before_season"),
        (Moment.AFTER_SEASON, "greeting.after_season"), (Moment.CLOSED, "greeting.closed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channel", list(Channel))
def test_the_opening_fits_season_and_hour(moment: Moment, first: str, channel: Channel) -> None:
    said = [s.key for s in POLICY.open(Facts(channel), moment).say]
    assert said[0] == first
    assert "greeting.incoming" in said


def test_announcements_come_before_the_greeting() -> None:
    facts = Facts(Channel.PHONE, notices=(Notice(7, "东站抢修", Both("今天18点", "今天18:00")), Notice(8, "换阀")))
    decision = POLICY.open(facts, Moment.SEASON_NIGHT)
    assert [s.key for s in decision.say] == [
        "announcement.until",
        "announcement.told",
        "greeting.season_night",
        "greeting.incoming",
    ]
    assert decision.state.announced == (7, 8)


def test_another_matter_waits_until_the_alarm_has_its_address() -> None:
    line = in_emergency().says("而且家里一直不热", Intent.NO_HEAT)
    assert line.scripts == ["hearing.afterwards", "ask.address_urgent"]
    assert line.state.matter == "leak_inside"
    line.says("阳光花园三号楼501", Intent.INFORM, community=1, building=3, room=501)
    assert line.scripts == ["hearing.back_to", "ask.part"]
    assert line.state.matter == "no_heat"


def test_an_announcement_is_told_once_as_soon_as_it_concerns_the_caller() -> None:
    line = at_address()
    line.facts = Facts(Channel.PHONE, "+8613900000000", community_names=NAMES, notices=(Notice(7, "东站抢修"),))
    assert line.says("阳光花园", Intent.INFORM, community=1).scripts == ["announcement.told", "ask.building"]
    assert line.says("三号楼501", Intent.INFORM, building=3, room=501).scripts == ["ask.part"]


def test_a_leak_is_not_held_up_by_an_announcement() -> None:
    line = Line(notices=[Notice(7, "东站抢修")])
    line.decision = POLICY.open(Facts(Channel.PHONE), Moment.SEASON)  # nobody had told it yet
    assert line.says("暖气爆了", Intent.LEAK_INSIDE).scripts[0] == "safety.leak_inside"
    assert line.says("阳光花园", Intent.INFORM, community=1).scripts == ["ask.building"]
    line.says("三号楼501", Intent.INFORM, building=3, room=501)
    assert line.scripts[0] == "announcement.told", "when the alarm has all it needs"


# --- nothing heard, nothing understood --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "answers"),
    [
        (Line, [["hearing.not_heard"], ["hearing.not_heard_noise"], ["hearing.which_matter"], ["handoff"]]),
        (at_home, [["hearing.not_heard", "repeat.question"], ["hearing.not_heard_noise", "hearing.keys_yes_no", "repeat.question"], ["hearing.what_now"], ["handoff"]]),
        (at_rest_of_address, [["hearing.not_heard", "repeat.question"], ["hearing.not_heard_noise", "ask.key_building"]]),
        (at_phone, [["hearing.not_heard", "repeat.question"], ["hearing.not_heard_noise", "hearing.keys_phone", "repeat.question"], ["hearing.what_now"], ["handoff"]]),
        (at_visit_time, [["hearing.not_heard", "repeat.question"], ["ticket.opened", "greeting.anything_else"]]),
        (in_emergency, [["hearing.not_heard", "repeat.question"], ["hearing.not_heard_noise", "repeat.question"], ["handoff"]]),
        (at_leak, [["hearing.not_heard", "repeat.question"], ["safety.leak_inside", "ticket.emergency_forwarded", "ask.is_this_home"]]),
        (at_more, [["hearing.not_heard", "repeat.question"], ["hearing.not_heard_noise", "repeat.question"], ["hearing.which_matter"], ["handoff"]]),
    ],
)  # fmt: skip
def test_silence_leads_step_by_step_to_keys_and_to_a_person(place: type[Line], answers: list[list[str]]) -> None:
    line = place()
    for expected in answers:
        line.is_silent()
        if expected == ["handoff"]:
            assert RequestHandoff() in line.decision.commands
            assert line.decision.then is Then.WAIT
        else:
            assert line.scripts == expected


def test_silence_and_misunderstanding_are_counted_apart() -> None:
    line = at_home().is_silent().says("呜哩哇啦")
    assert (line.state.silences, line.state.tries) == (1, 1)
    assert line.scripts == ["hearing.not_heard", "repeat.question"]
    line.says("呜哩哇啦呜")
    assert line.scripts[0] == "hearing.not_heard_noise"
    line.says("呜哩哇啦呜哩")
    assert line.scripts == ["hearing.what_now"]


def test_in_the_chat_the_question_stands_above_and_has_its_buttons() -> None:
    line = Line(HOME, channel=Channel.CHAT).says("家里不热", Intent.NO_HEAT).says("呜哩哇啦")
    assert line.scripts == ["hearing.not_heard"]
    assert [o.choice for o in line.decision.options] == ["yes", "no", "human"]


def test_without_a_model_an_open_matter_is_not_lost_by_a_menu() -> None:
    assert Line().says("呜哩哇啦", model=False).scripts == ["hearing.which_matter"]
    assert at_home().says("呜哩哇啦", model=False).scripts == ["hearing.not_heard", "repeat.question"]


def test_the_menu_for_whoever_is_stuck_keeps_his_matter() -> None:
    def stuck() -> Line:
        return at_home().is_silent().is_silent().is_silent()

    assert stuck().presses("1").scripts == ["ask.is_this_home"]
    called_back = stuck().presses("2")
    assert called_back.opened == ["no_heat"]
    assert called_back.scripts == ["ticket.opened", "greeting.anything_else"]
    assert RequestHandoff() in stuck().presses("0").decision.commands
    assert stuck().says("是三号楼", Intent.INFORM, building=3).scripts[0].startswith("ask.")


# --- at every step -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", EVERYWHERE)
@pytest.mark.parametrize("how", ["key", "words"])
def test_a_person_at_every_step(place: type[Line], how: str) -> None:
    line = place()
    line.presses("0") if how == "key" else line.says("转人工", Intent.ASK_HUMAN)
    assert RequestHandoff() in line.decision.commands


@pytest.mark.parametrize("place", EVERYWHERE)
@pytest.mark.parametrize("how", ["key", "words"])
def test_again_at_every_step_and_the_question_stays_open(place: type[Line], how: str) -> None:
    line = place()
    asked, options = line.state.asked, line.state.options
    line.presses("*") if how == "key" else line.says("再说一遍", Intent.REPEAT)
    assert line.scripts == ["repeat"]
    assert (line.state.asked, line.decision.options, line.decision.expect) == (asked, options, expect_of(asked))


@pytest.mark.parametrize("place", [p for p in EVERYWHERE if p not in (at_leak, at_home, at_read_back, at_more)])
def test_a_nod_is_no_answer_to_an_open_question(place: type[Line]) -> None:
    line = place()
    asked = line.state.asked
    line.says("嗯", Intent.AFFIRM)
    assert line.scripts == ["hearing.take_your_time"]
    assert (line.state.asked, line.opened) == (asked, [])


@pytest.mark.parametrize(
    ("place", "follows"),
    [
        (at_home, "ask.visit_time"),
        (at_read_back, "ticket.opened"),
        (at_leak, "safety.leak_inside"),
        (at_more, "greeting.go_on"),
    ],
)
@pytest.mark.parametrize("nod", ["嗯", "好", "好的。"])
def test_a_nod_answers_a_yes_no_question(place: type[Line], follows: str, nod: str) -> None:
    assert place().says(nod, Intent.FALLBACK).scripts[0] == follows


def test_hesitation_is_given_time_but_not_for_ever() -> None:
    line = at_home()
    assert line.says("那个", Intent.REPEAT).scripts == ["hearing.take_your_time"], "to the model it sounds like: again"
    assert line.says("等一下", Intent.TICKET_NUDGE).scripts == ["hearing.take_your_time"]
    assert line.says("我找找").scripts == ["hearing.not_heard", "repeat.question"]


def test_whoever_asks_whether_somebody_is_there_is_told_so() -> None:
    assert at_address().says("喂喂", Intent.GREET).scripts == ["hearing.here", "repeat.question"]
    assert Line().says("喂", Intent.GREET).scripts == ["greeting.help"]


# --- keys ----------------------------------------------------------------------------------------------------------------


def test_an_address_by_keys_part_by_part() -> None:
    line = at_rest_of_address()
    assert line.presses("3").scripts == ["ask.key_unit"]
    assert line.decision.expect is Expect.NUMBER
    assert line.presses("2").scripts == ["ask.key_room"]
    assert line.presses("501").scripts == ["ask.part"]
    slots = line.state.slots
    assert (slots.building, slots.unit, slots.room) == ("3", "2", "501")


def test_a_building_without_units_is_keyed_with_the_hash_alone() -> None:
    line = at_rest_of_address().presses("3").is_silent()
    assert line.scripts == ["ask.key_room"]
    assert line.presses("501").scripts == ["ask.part"]
    assert (line.state.slots.unit, line.state.slots.room) == ("", "501")


def test_words_are_understood_while_keys_are_asked_for() -> None:
    line = at_rest_of_address().is_silent().is_silent()
    assert line.scripts[-1] == "ask.key_building"
    assert line.says("三号楼二单元501", Intent.INFORM, building=3, unit=2, room=501).scripts == ["ask.part"]


def test_the_alarm_learns_an_address_by_keys() -> None:
    line = in_emergency().says("阳光花园", Intent.INFORM, community=1)
    line.decision = POLICY.decide(line.state, NOTHING, line.facts)
    line = line.is_silent()
    assert line.scripts[-1] == "ask.key_building"
    line.presses("3").presses("2").presses("501")
    assert line.state.slots.address == Address(1, "3", "2", "501")


def test_a_telephone_number_by_keys() -> None:
    line = at_phone()
    assert line.presses("138").scripts == ["ask.contact_phone_again"]
    line.presses("13812345678")
    assert line.state.slots.phone == "13812345678"


def test_a_caller_with_two_homes_chooses_by_key() -> None:
    line = Line(HOME, OTHER).says("家里不热", Intent.NO_HEAT)
    assert line.scripts == ["ask.which_home"]
    line.presses("2")
    assert line.state.slots.address == OTHER.address
    assert line.state.home_confirmed
    spoken = (
        Line(HOME, OTHER)
        .says("家里不热", Intent.NO_HEAT)
        .says("翠湖苑一号楼101", Intent.INFORM, community=2, building=1, room=101)
    )
    assert spoken.state.slots.community_id == 2


# --- second thoughts, what if, who comes first -----------------------------------------------------------------------------


def test_never_mind_drops_the_matter_and_keeps_the_one_before() -> None:
    line = at_story()
    assert line.says("算了", Intent.DENY).scripts == ["hearing.dropped", "greeting.anything_else"]
    assert line.opened == []
    both = at_visit_time().says("我要投诉昨天的师傅", Intent.COMPLAINT)
    assert both.says("没事了", Intent.GOODBYE).scripts == [
        "hearing.dropped",
        "hearing.back_to",
        "ticket.opened",
        "greeting.anything_else",
    ]
    assert at_more().says("没事了", Intent.GOODBYE).decision.then is Then.HANG_UP


def test_never_mind_does_not_call_off_an_alarm_but_is_asked_about_once() -> None:
    line = in_emergency()
    line.decision = POLICY.decide(line.state, means("算了", Intent.DENY), line.facts)
    assert line.scripts == ["safety.is_there_still_danger"]
    goes_on = POLICY.decide(line.state, means("有", Intent.AFFIRM), line.facts)
    assert [s.key for s in goes_on.say] == ["safety.leak_inside_again", "ask.address_urgent"]
    politely = POLICY.decide(line.state, means("没有了", Intent.GOODBYE), line.facts)
    over = POLICY.decide(line.state, means("没有了", Intent.DENY), line.facts)
    assert politely.say == over.say
    assert [s.key for s in over.say] == ["safety.looked_after_all_the_same", "greeting.anything_else"]
    assert over.state.slots.story == "算了 没有了", "whoever comes reads it"
    assert all(isinstance(c, LearnAddress) for c in over.commands)
    again = POLICY.decide(goes_on.state, means("算了", Intent.DENY), line.facts)
    assert [s.key for s in again.say] == ["greeting.anything_else"]


def test_the_story_of_one_matter_is_not_that_of_the_next() -> None:
    line = at_story().says("师傅上门不穿鞋套还很凶", Intent.COMPLAINT).says("是", Intent.AFFIRM)
    assert line.opened == ["complaint"]
    assert line.says("我还要投诉", Intent.COMPLAINT).scripts == ["ask.what_happened"]


def test_never_mind_to_the_leak_question_is_asked_about_once_and_then_counts_as_yes() -> None:
    line = at_leak()
    assert line.says("算了", Intent.DENY).scripts == ["safety.is_it_a_leak"]
    assert line.says("没有", Intent.DENY).opened == []
    unsure = at_leak().says("算了", Intent.DENY).says("说不清", Intent.FALLBACK)
    assert unsure.opened == ["leak_inside"]


@pytest.mark.parametrize(
    ("place", "follows"),
    [(Line, "greeting.anything_else"), (at_home, "ask.is_this_home"), (at_more, "greeting.anything_else")],
)
@pytest.mark.parametrize("intent", [Intent.ASK_BUTLER, Intent.LEAK_ADVICE])
def test_what_if_is_answered_without_an_alarm(place: type[Line], follows: str, intent: Intent) -> None:
    line = place().says("要是漏水先关哪个阀", intent)
    assert line.scripts == ["knowledge.leak_advice", follows]
    assert line.opened == []


def test_danger_now_is_never_taken_for_what_if() -> None:
    line = Line().says("要是漏水怎么办,现在已经漏了", Intent.LEAK_INSIDE)
    assert line.scripts[0] == "safety.leak_inside"
    assert at_leak().says("要是漏水怎么办", Intent.FALLBACK).opened == ["leak_inside"], "the open question counts"


def test_who_must_come_first_is_noted_and_told_once() -> None:
    line = at_home().says("是,家里有八十岁的老人", Intent.AFFIRM)
    assert line.scripts == ["hearing.care_noted", "ask.visit_time"]
    assert line.state.care_for == "八十岁的老人"
    assert line.says("家里有老人,明天来", Intent.INFORM, time="明天").scripts == [
        "ticket.opened",
        "greeting.anything_else",
    ]
    unclear = at_visit_time().says("家里有老人能不能快点")
    assert unclear.scripts[0] == "hearing.care_noted"


def test_an_alarm_learns_who_must_come_first_without_a_word() -> None:
    line = in_emergency()
    line.decision = Decision(
        DialogueState.from_json(line.state.to_json() | {"ticket_ids": [9], "emergency_ticket_id": 9}), ()
    )
    line.says("阳光花园,家里有瘫痪的老人", Intent.INFORM, community=1)
    assert line.scripts == ["ticket.emergency_forwarded", "ask.building"]
    assert line.decision.commands == (LearnAddress(9),)
    assert line.state.care_for


@pytest.mark.parametrize(
    ("text", "kind"), [("突然停暖了", "outage"), ("整栋楼都没暖气", "outage"), ("家里一直不热", "no_heat")]
)
def test_heating_that_stopped_is_an_outage(text: str, kind: str) -> None:
    assert Line().says(text, Intent.NO_HEAT).state.matter == kind


# --- answers ---------------------------------------------------------------------------------------------------------------


def test_a_refund_is_noted_without_an_odd_question() -> None:
    line = Line(HOME).says("退费什么时候到账", Intent.BILL_REFUND)
    assert line.scripts == ["knowledge.bill_refund", "ask.is_this_home"]
    line = line.says("是", Intent.AFFIRM)
    assert line.scripts == ["ticket.answer_later", "ticket.opened", "greeting.anything_else"]
    assert OpenTicket("refund", "退费什么时候到账") in line.decision.commands


def test_an_invoice_is_explained_and_noted_on_request() -> None:
    line = Line(HOME).says("发票怎么下载不了", Intent.BILL_INVOICE)
    assert line.scripts == ["knowledge.bill_invoice", "ask.offer_ticket"]
    line = line.says("要", Intent.AFFIRM).says("是", Intent.AFFIRM)
    assert OpenTicket("invoice", "发票怎么下载不了") in line.decision.commands
    assert Line(HOME).says("怎么开发票", Intent.BILL_INVOICE).says("不用", Intent.DENY).scripts == [
        "greeting.anything_else"
    ]


@pytest.mark.parametrize(
    ("said", "follows"),
    [("那就麻烦你了", "ask.is_this_home"), ("好的麻烦你", "ask.is_this_home"), ("太麻烦了", "hearing.not_heard")],
)
def test_an_offer_is_taken_with_courtesy_alone(said: str, follows: str) -> None:
    offered = Line(HOME).says("发票怎么下载不了", Intent.BILL_INVOICE)
    assert offered.says(said, Intent.FALLBACK, confidence=0.45).scripts[0] == follows


def test_the_same_question_a_second_time_is_offered_a_person() -> None:
    line = at_more().says("怎么交费", Intent.BILL_PAY)
    assert line.scripts == ["knowledge.bill_pay", "hearing.explain_by_person"]
    assert RequestHandoff() in line.says("要", Intent.AFFIRM).decision.commands


def test_no_question_is_asked_twice_in_the_same_words() -> None:
    assert at_story().says("对", Intent.AFFIRM).scripts == ["ask.what_happened_again"]
    line = at_rest_of_address().says("阳光花园", Intent.INFORM, community=1)
    assert line.scripts == ["ask.rest_of_address"]
    assert at_phone().says("嗯嗯啊啊的", Intent.FALLBACK).scripts == ["ask.contact_phone_again"]


@pytest.mark.parametrize(
    ("text", "more", "learnt"),
    [
        ("我姓王,明天下午在家", {"time": "明天下午"}, ("王", "明天下午")),
        ("明天下午", {"time": "明天下午"}, ("", "明天下午")),
        ("王小明", {}, ("王小明", "")),
    ],
)
def test_more_than_one_fact_in_an_answer(text: str, more: dict[str, str], learnt: tuple[str, str]) -> None:
    line = Line().says("家里不热", Intent.NO_HEAT, community=1, building=3, unit=1, room=201, part="radiator")
    assert line.scripts == ["ask.contact_name"]
    line.says(text, Intent.INFORM, **more)
    assert (line.state.slots.name, line.state.slots.visit_time) == learnt


def test_a_name_at_the_read_back_is_not_read_back_as_a_whole() -> None:
    line = at_read_back().says("我姓周", Intent.INFORM)
    assert line.scripts == ["ask.read_back_again"]
    assert line.says("对", Intent.AFFIRM).opened == ["no_heat"]
    assert at_read_back().says("不对,是三单元", Intent.DENY, unit=3).scripts == ["ask.read_back"]


def test_who_comes_first_is_no_place() -> None:
    line = in_emergency().says("等一下,家里有瘫痪的老人", Intent.FALLBACK)
    assert line.scripts == ["ask.address_urgent"]


def test_yes_and_something_more_is_a_yes() -> None:
    line = at_home().says("对,明天下午有空", Intent.INFORM, time="明天下午", confidence=0.64)
    assert line.opened == ["no_heat"]
    assert line.state.slots.visit_time == "明天下午"
    asks_something_else = at_home().says("对了先问一下怎么交费", Intent.BILL_PAY)
    assert asks_something_else.scripts[0] == "knowledge.bill_pay"


def detail(text: str, kind: EntityKind, **more: object) -> Understanding:
    """An utterance that is one thing and no other word."""
    heard = means(text, Intent.INFORM, **more)  # type: ignore[arg-type]  # a test's shorthand
    return replace(heard, entities=(Entity(kind, text, text, 0, len(text)),))


@pytest.mark.parametrize(
    ("text", "kind"),
    [("暖气片", EntityKind.PART), ("明天下午三点", EntityKind.TIME), ("十五度", EntityKind.TEMPERATURE)],
)
def test_a_detail_is_neither_yes_nor_no_to_the_leak_question(text: str, kind: EntityKind) -> None:
    line = at_leak()
    line.decision = POLICY.decide(line.state, detail(text, kind), line.facts)
    assert (line.scripts, line.opened) == (["safety.is_it_a_leak"], [])
    denied = POLICY.decide(line.state, means("不是", Intent.DENY), line.facts)
    assert not any(isinstance(c, OpenTicket) for c in denied.commands)
    confirmed = POLICY.decide(line.state, means("是", Intent.AFFIRM), line.facts)
    again = POLICY.decide(line.state, detail(text, kind), line.facts)
    for decision in (confirmed, again):  # a second unsure answer counts as yes
        assert [c.kind for c in decision.commands if isinstance(c, OpenTicket)] == ["leak_inside"]


def test_where_it_is_answers_the_leak_question_with_yes() -> None:
    line = at_leak()
    decision = POLICY.decide(line.state, detail("厨房", EntityKind.PLACE_AT_HOME), line.facts)
    assert [c.kind for c in decision.commands if isinstance(c, OpenTicket)] == ["leak_inside"]


def test_a_detail_that_only_the_model_suspects_interrupts_no_question() -> None:
    line = at_home()
    line.decision = POLICY.decide(line.state, detail("暖气片", EntityKind.PART, model_only=True), line.facts)
    assert line.scripts == ["hearing.not_heard", "repeat.question"]
