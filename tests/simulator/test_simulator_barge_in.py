"""Speech takes its time, and input during it interrupts: at a pace where that can be seen."""

import time
from dataclasses import replace

import pytest

from simulator.config import Config
from simulator.pace import Pace
from tests.simulator.desk import RESIDENT, Desk, Product, eventually, gather, twiml

LONG = "请听我说," * 200


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, speed=20)


def speaking(desk: Desk) -> bool:
    return bool(desk.phone(RESIDENT)["call"]["speaking"])


@pytest.mark.parametrize(("action", "body"), [("say", {"text": "漏水了"}), ("press", {"digits": "1"})])
def test_input_interrupts_a_nested_prompt(product: Product, desk: Desk, action: str, body: dict[str, str]) -> None:
    product.answers["/voice"] = twiml(gather(LONG, numDigits="1", speechTimeout="1"))
    product.answers["/heard"] = twiml("<Hangup/>")
    desk.do(RESIDENT, "dial")
    eventually(lambda: speaking(desk))
    began = time.monotonic()
    assert desk.do(RESIDENT, action, **body)["heard"] is True
    desk.wait_phase(RESIDENT, "idle")
    assert time.monotonic() - began < 3, "the prompt alone would take ten seconds"
    assert len(product.forms("/heard")) == 1
    assert next(line for line in desk.phone(RESIDENT)["call"]["lines"] if line["kind"] == "say")["cut"] is True


def test_words_before_a_gather_are_lost(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml(f'<Say language="cmn-CN">{LONG[:100]}</Say>' + gather("请讲", timeout="1"))
    desk.do(RESIDENT, "dial")
    eventually(lambda: speaking(desk))
    assert desk.do(RESIDENT, "say", text="喂")["heard"] is False
    desk.wait_phase(RESIDENT, "idle")
    assert product.forms("/heard") == []


def test_without_barge_in_speech_does_not_interrupt(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml(gather(LONG[:50], bargeIn="false", timeout="1"))
    desk.do(RESIDENT, "dial")
    eventually(lambda: speaking(desk))
    assert desk.do(RESIDENT, "say", text="喂")["heard"] is False


def test_polite_words_wait_until_the_prompt_is_over(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml(gather(LONG[:200]))
    product.answers["/heard"] = twiml("<Hangup/>")
    desk.do(RESIDENT, "dial")
    began = time.monotonic()
    assert desk.do(RESIDENT, "say", text="好", polite=True)["heard"] is None
    desk.wait_phase(RESIDENT, "idle")
    assert time.monotonic() - began >= 2, "two hundred characters at twenty times the normal rate"
    assert product.forms("/heard")[0]["SpeechResult"] == "好"


def test_words_that_follow_at_once_are_one_utterance(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml(gather("请讲", speechTimeout="10", timeout="20"))
    product.answers["/heard"] = twiml("<Hangup/>")
    desk.do(RESIDENT, "dial")
    eventually(lambda: desk.phone(RESIDENT)["call"]["listening"])
    desk.do(RESIDENT, "say", text="阳光小区")
    desk.do(RESIDENT, "say", text="三号楼")
    desk.wait_phase(RESIDENT, "idle")
    assert product.forms("/heard")[0]["SpeechResult"] == "阳光小区三号楼"


@pytest.mark.parametrize(
    ("speed", "machine", "person"), [(1.0, 10.0, 10.0), (20.0, 0.5, 1.0), (0.0, 0.0, 1.0), (5.0, 2.0, 2.0)]
)
def test_the_pace(speed: float, machine: float, person: float) -> None:
    pace = Pace(speed, patience=1.0)
    assert pace.machine(10) == machine
    assert pace.person(10) == person
    assert pace.person(0.3) <= 0.3, "patience never makes a wait longer than it is"
