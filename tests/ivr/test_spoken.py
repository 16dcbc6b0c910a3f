"""Numbers are read digit by digit, quantities as quantities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dialogue.phone_number import as_said
from ivr.numbers import caller_number
from ivr.spoken import speakable


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("请拨13812345678。", "请拨1 3 8 , 1 2 3 4 , 5 6 7 8。"),
        ("请拨+8613812345678", "请拨1 3 8 , 1 2 3 4 , 5 6 7 8"),
        ("0353-1234567", "0 3 5 3 , 1 2 3 4 5 6 7"),
        ("工单1122-0007", "工单1 1 2 2 , 0 0 0 7"),
        ("拨12345", "拨1 2 3 4 5"),
        ("室温15.5度,标准18度", "室温15.5度,标准18度"),
        ("2026年11月15日", "2026年11月15日"),
        ("9点至18点", "9点至18点"),
        ("3号楼1502", "3号楼1502"),
        ("1 3 8", "1 3 8"),
        ("电费1234.56789元", "电费1234.56789元"),
        ("  空白  ", "空白"),
        ("", ""),
    ],
)
def test_digits(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


@given(st.text(max_size=200))
def test_whatever_is_said_is_xml_and_stays_as_it_is_the_second_time(text: str) -> None:
    once = speakable(text)
    element = etree.Element("Say")
    element.text = once
    assert etree.fromstring(etree.tostring(element)).text in (once or None, once.replace("\r", "\n"))
    assert speakable(once) == once


@pytest.mark.parametrize(
    ("number", "at_home"),
    [
        ("+8613812345678", "13812345678"),
        ("+863531234567", "03531234567"),
        ("+85221234567", "+85221234567"),
        ("12345", "12345"),
        ("", ""),
    ],
)
def test_numbers_as_they_are_dialled_at_home(number: str, at_home: str) -> None:
    assert as_said(number) == at_home


@given(st.text(max_size=40))
def test_any_caller_is_a_number_or_nobody(from_: str) -> None:
    number = caller_number(from_)
    assert number == "" or (number.startswith("+") and number[1:].isdigit())
