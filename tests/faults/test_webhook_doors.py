"""Only the carrier gets in, and whatever it delivers twice is answered once."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest

from app import create_app
from dialogue.conversation import Channel
from kernel.settings import Settings
from ops.nlu_process import free_port
from ops.town import BIN, HOME, Town
from tests.faults.calling import Call, Line, stranger
from tests.faults.records import conversation_of, read, ticket_of, utterances

pytestmark = pytest.mark.nlu
OUTSIDE = "https://hotline.example.cn"
LEAK = "家里暖气管爆了,水喷得到处都是"
FORM = {"CallSid": "CA" + "1" * 32, "From": "+8617700000001", "CallStatus": "completed"}


@pytest.fixture(scope="module")
def paths(town: Town) -> list[str]:
    """One for every route below /ivr that the web process serves."""
    settings = Settings(
        **{n: town.environment[n.upper()] for n in Settings.model_fields if n.upper() in town.environment}
    )
    app = create_app(settings)
    values = {"conversation_id": "c0ffee", "attempt_id": "a" * 32, "phone": "+8613900000099"}
    with app.test_request_context():
        return [
            app.url_map.bind("").build(r.endpoint, {name: values.get(name, 1) for name in r.arguments})
            for r in app.url_map.iter_rules()
            if r.rule.startswith("/ivr")
        ]


def test_no_webhook_opens_for_a_stranger(town: Town, line: Line, paths: list[str]) -> None:
    assert len(paths) >= 15
    for path in paths:
        answers = {
            "unsigned": httpx.post(town.web + path, data=FORM, trust_env=False),
            "another account's token": line.post(path, FORM, token="another account's token"),
            "signed for another path": line.post(path, FORM, signed_as=f"{town.web}/ivr/elsewhere"),
            "signed for another host": line.post(path, FORM, signed_as=f"https://evil.example.com{path}"),
            "GET": httpx.get(town.web + path, trust_env=False),
        }
        assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(answers, 403), path
    assert read(town, lambda tx: tx.conversation_by_external_id(Channel.PHONE, FORM["CallSid"])) is None
    assert line.post("/ivr/status", FORM).status_code == 204, "and it opens for the carrier"


@pytest.fixture(scope="module")
def behind_a_proxy(town: Town) -> Iterator[str]:
    """A second web process on the same database, known outside by another address."""
    port = free_port()
    environment = {**town.environment, "PUBLIC_BASE_URL": OUTSIDE, "WEB_PORT": str(port)}
    command = [str(BIN / "gunicorn"), "-c", "ops/gunicorn_conf.py", "ops.web:start()"]
    with (town.folder / "proxied.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=HOME, env=environment, stdout=log, stderr=log)
    web = f"http://127.0.0.1:{port}"
    town.wait(lambda: town._answers(f"{web}/healthz"))
    yield web
    os.kill(process.pid, signal.SIGTERM)
    process.wait(15)


def test_the_signature_is_of_the_address_outside(behind_a_proxy: str, line: Line) -> None:
    query = f"?{quote('来源')}={quote('暖气热线')}"
    for path in ("/ivr/calls", f"/ivr/calls{query}", "/ivr/calls?x=%e6%9a%96+%2B&y="):
        form = {"CallSid": "CA" + os.urandom(16).hex(), "From": stranger(), "City": "示例市 样板区&'\"<>"}
        good = line.post(path, form, web=behind_a_proxy, signed_as=OUTSIDE + path)
        assert good.status_code == 200, path
        assert f'action="{OUTSIDE}/ivr/calls/' in good.text
        assert line.post(path, form, web=behind_a_proxy).status_code == 403, "signed for the inner address"
        assert line.post(path + "z", form, web=behind_a_proxy, signed_as=OUTSIDE + path).status_code == 403


def test_a_webhook_delivered_again_is_answered_with_the_same_bytes(town: Town) -> None:
    call = Call(town)
    assert call.again() == call.body
    for words in (LEAK, "翠湖花园三号楼二单元五零一", "", "谢谢,没有了"):
        call.say(words)
        assert call.again() == call.body, words
        assert call.again() == call.body, words
    conversation = conversation_of(town, call.sid)
    assert len(utterances(town, conversation.id)) == 3
    assert ticket_of(town, conversation.id).nudges == 0


def test_eight_deliveries_of_one_turn_at_once_are_one_turn(town: Town) -> None:
    for words in (LEAK, "我家在翠湖花园三号楼二单元五零一,暖气管爆了一直喷水"):
        call = Call(town)
        form = {"CallSid": call.sid, "From": call.caller, "SpeechResult": words, "Confidence": "0.9"}
        with ThreadPoolExecutor(8) as deliveries:
            answers = list(deliveries.map(lambda _, f=form, c=call: c.line.post(c.next, f), range(8)))
        assert {a.status_code for a in answers} == {200}
        assert len({a.content for a in answers}) == 1
        conversation = conversation_of(town, call.sid)
        assert [u.text for u in utterances(town, conversation.id)] == [words]
        if "翠湖" in words:
            assert ticket_of(town, conversation.id).nudges == 0


def test_eight_deliveries_of_one_new_call_are_one_conversation(line: Line) -> None:
    form = {"CallSid": "CA" + os.urandom(16).hex(), "From": stranger()}
    with ThreadPoolExecutor(8) as deliveries:
        answers = list(deliveries.map(lambda _: line.post("/ivr/calls", form), range(8)))
    assert len({a.content for a in answers}) == 1
