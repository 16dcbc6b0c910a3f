"""Who may speak at /wechat: WeChat, now, about this account, in well-formed messages. Nobody else, and nothing explodes."""

import pytest
from wechatpy.crypto import WeChatCrypto

from bot.understanding import Intent
from simulator.wechat_envelope import Sealing, fields_of, xml_of
from tests.wechat.official import AES_KEY, OPENID, OURS, PLAIN, SAFE, Follower, Official, signed

SEALING = Sealing(SAFE.app_id, SAFE.token, AES_KEY)
LEAK = "家里暖气漏水了"
_MESSAGE = "<ToUserName>gh_0</ToUserName><FromUserName>o-1</FromUserName><MsgType>text</MsgType><MsgId>1</MsgId><Content>&{};</Content>"
BOMB = f'<!DOCTYPE x [<!ENTITY a "漏水"><!ENTITY b "&a;&a;&a;&a;">]><xml>{_MESSAGE.format("b")}</xml>'
A_FILE = f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><xml>{_MESSAGE.format("f")}</xml>'


@pytest.fixture(params=[PLAIN, SAFE], ids=["plain", "safe"])
def site(request: pytest.FixtureRequest) -> Official:
    return Official(request.param)


@pytest.fixture
def follower(site: Official) -> Follower:
    return Follower(site)


def nothing_was_heard(site: Official) -> bool:
    with site.store.read() as tx:
        return not tx.recent_conversations()


def test_the_handshake_is_answered_to_who_knows_the_token(site: Official, follower: Follower) -> None:
    query = signed(site.clock.now().timestamp()) | {"echostr": "7654321<b>"}
    answer = follower.client.get("/wechat", query_string=query)
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "7654321<b>", "text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for wrong in (signed(site.clock.now().timestamp(), token="another"), {}):
        assert follower.client.get("/wechat", query_string={**wrong, "echostr": "1"}).status_code == 403


def test_a_message_is_heard_and_answered_in_the_mode_that_was_agreed(site: Official, follower: Follower) -> None:
    site.means(LEAK, Intent.LEAK_INSIDE)
    assert "马上关掉" in follower.says(LEAK) or "关掉漏水" in follower.says(LEAK)


def test_unsigned_stale_and_future_messages_are_refused(site: Official, follower: Follower) -> None:
    message = follower.message({"MsgType": "text", "Content": LEAK})
    assert follower.post(message, signature="0" * 40, msg_signature="0" * 40).status_code == 403
    assert follower.post(message, signature="é", msg_signature="é").status_code == 403
    now = site.clock.now().timestamp()
    for at in (now - 301, now + 301):
        old = signed(at)
        assert follower.client.post("/wechat", data=message.encode(), query_string=old).status_code == 403
    assert follower.client.post("/wechat", data=message.encode()).status_code == 403


def test_a_captured_request_does_nothing_more_later() -> None:
    site = Official(PLAIN)
    follower = Follower(site)
    site.means(LEAK, Intent.LEAK_INSIDE)
    query, body = signed(site.clock.now().timestamp()), follower.message({"MsgType": "text", "Content": LEAK})
    first = follower.client.post("/wechat", data=body.encode(), query_string=query)
    again = follower.client.post("/wechat", data=body.encode(), query_string=query)
    assert (again.status_code, follower.reads(again)) == (200, follower.reads(first))
    assert site.tickets() == ["leak_inside"]
    site.clock.advance(minutes=6)
    assert follower.client.post("/wechat", data=body.encode(), query_string=query).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        BOMB, A_FILE, "", "not xml", "<xml>", "<xml/>", "<html></html>", "<xml>" * 5_000, "\0\1\2",
        "<xml><FromUserName>o</FromUserName></xml>",
        f"<xml><ToUserName>{OURS}</ToUserName><FromUserName>o'; DROP</FromUserName><MsgType>text</MsgType><MsgId>1</MsgId></xml>",
        f"<xml><ToUserName>{OURS}</ToUserName><FromUserName>{OPENID}</FromUserName><MsgType>text</MsgType><MsgId>x</MsgId></xml>",
        f"<xml><ToUserName>{OURS}</ToUserName><FromUserName><a>1</a></FromUserName><MsgType>text</MsgType><MsgId>1</MsgId></xml>",
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_not_a_message_of_wechats_is_refused_and_leaves_nothing(
    site: Official, follower: Follower, body: str
) -> None:
    assert follower.post(body).status_code == 400
    assert nothing_was_heard(site)


def test_a_bomb_around_the_encrypted_part_is_refused_too() -> None:
    site = Official(SAFE)
    follower = Follower(site, encrypted=False)
    for body in (BOMB, A_FILE):
        assert follower.post(body).status_code == 400
    assert nothing_was_heard(site)


def test_a_body_beyond_64_kb_is_not_read(follower: Follower) -> None:
    assert follower.post(follower.message({"MsgType": "text", "Content": "漏" * 30_000})).status_code == 413


def test_where_encryption_was_agreed_nothing_plain_passes() -> None:
    site = Official(SAFE)
    follower = Follower(site, encrypted=False)
    assert follower.post(follower.message({"MsgType": "text", "Content": LEAK})).status_code == 403
    assert nothing_was_heard(site)


@pytest.mark.parametrize("key", [AES_KEY, "B" * 43])
def test_a_message_for_another_account_or_under_another_key_is_refused(key: str) -> None:
    site = Official(SAFE)
    follower = Follower(site, encrypted=False)
    plain = follower.message({"MsgType": "text", "Content": LEAK})
    sealed = Sealing("wxffffffffffffffff" if key == AES_KEY else SAFE.app_id, SAFE.token, key).encrypt(plain)
    query = signed(site.clock.now().timestamp())
    query["msg_signature"] = SEALING.sign(query["timestamp"], query["nonce"], sealed)
    body = xml_of({"Encrypt": sealed}).encode()
    assert follower.client.post("/wechat", data=body, query_string=query).status_code == 403
    for rubbish in ("!!!", "QUJD", ""):
        query["msg_signature"] = SEALING.sign(query["timestamp"], query["nonce"], rubbish)
        body = xml_of({"Encrypt": rubbish}).encode()
        assert follower.client.post("/wechat", data=body, query_string=query).status_code == 403


def test_the_answer_opens_with_wechatpys_own_crypto() -> None:
    site = Official(SAFE)
    follower = Follower(site)
    crypto = WeChatCrypto(SAFE.token, AES_KEY, SAFE.app_id)
    now = str(int(site.clock.now().timestamp()))
    plain = follower.message({"MsgType": "event", "Event": "subscribe"})
    sealed = crypto.encrypt_message(plain, "nonce-2", now)
    told = fields_of(sealed.encode())
    query = {"timestamp": now, "nonce": "nonce-2", "msg_signature": told["MsgSignature"], "encrypt_type": "aes"}
    answer = follower.client.post("/wechat", data=sealed.encode(), query_string=query)
    assert answer.status_code == 200
    back = fields_of(answer.data)
    opened = crypto.decrypt_message(answer.text, back["MsgSignature"], back["TimeStamp"], back["Nonce"])
    assert "供暖" in opened or "华暖" in opened


def test_an_answer_cannot_break_out_of_its_xml(site: Official, follower: Follower) -> None:
    site.means("我要人工", Intent.ASK_HUMAN)
    follower.says("我要人工")
    conversation = site.conversation()
    site.handoff.take_over(conversation.id, 1)
    site.handoff.say(conversation.id, 1, "]]></Content><Content>别处</Content>", "op-1")
    shown = follower.says("在吗")
    assert "<Content>别处" in shown.replace("]] >", "]]>")
