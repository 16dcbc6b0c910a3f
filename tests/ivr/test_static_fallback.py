"""The answer of last resort: a file on somebody else's machine, while ours is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from tests.twilio_judges import assert_twiml, spoken

HOME = Path(__file__).resolve().parents[2]
NUMBER, DUTY = "+8641188880000", "+8619900000051"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> etree._Element:
    """By the command, as README says; there is neither a database nor anything else to ask."""
    folder = tmp_path_factory.mktemp("static")
    file = folder / "fallback.xml"
    environment = {
        **os.environ, "SECRET_KEY": "k" * 32, "COMPANY_NAME": "华暖示例热力", "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "t" * 32, "TWILIO_FROM_NUMBER": NUMBER, "DUTY_PHONE": DUTY,
        "DATABASE_URL": f"sqlite:///{folder / 'nowhere' / 'hotline.db'}",
    }  # fmt: skip
    flask = [str(Path(sys.executable).parent / "flask"), "--app", "app", "fallback-twiml", str(file)]
    subprocess.run(flask, cwd=HOME, env=environment, check=True, capture_output=True)
    return assert_twiml(file.read_bytes())


def test_it_tells_what_to_do_about_a_leak_and_then_dials_the_duty_phone(written: etree._Element) -> None:
    assert [element.tag for element in written] == ["Say", "Dial", "Say", "Hangup"]
    instruction, afterwards = spoken(written)
    assert "总阀门" in instruction
    assert "拉下电闸" in instruction
    assert "再次拨打本热线" in afterwards
    (dial,) = written.findall("Dial")
    assert [number.text for number in dial] == [DUTY]
    assert dial.get("callerId") == NUMBER


def test_it_needs_nothing_of_ours(written: etree._Element) -> None:
    """Not one address: whoever answered it would be the machine that is gone."""
    names = {name for element in written.iter() for name in element.attrib}
    assert not names & {"action", "url", "statusCallback", "waitUrl", "method"}
