"""The visit on the butler's page: behind the PIN, by plain forms that may be sent twice."""

import base64
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image, ImageDraw

from console.work_order import WITHOUT_PIN
from fulfillment.appointment import Appointment
from fulfillment.look import LookedAt
from fulfillment.ticket import TicketState, TimelineEntry
from fulfillment.visit import PictureKind, Responsibility, Visit, VisitState
from tests.console.sample import STANDARD
from tests.console.test_work_order import BY_BUTLER, BY_DEPUTY, PHONE, Scene, Telephone, scene
from tests.fakes import BUTLER

__all__ = ["scene"]  # the fixture
KEY = "0123456789abcdef" * 2


def a_photo(color: str = "orange") -> bytes:
    """As a camera makes it: with a place in its EXIF."""
    image, exif = Image.new("RGB", (2000, 1000), color), Image.Exif()
    exif[0x010F] = "SecretCamera"
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def a_signature(*, strokes: bool = True) -> str:
    image = Image.new("RGB", (900, 360), "white")
    if strokes:
        ImageDraw.Draw(image).line([(50, 300), (300, 60), (500, 300), (820, 80)], fill="black", width=7)
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def phone(scene: Scene) -> Telephone:
    phone = scene.phone(BY_BUTLER, unlocked=True)
    phone.press("accept")
    return phone


def visit_of(scene: Scene) -> Visit:
    with scene.store.read() as tx:
        return tx.visits(scene.leak)[-1]


def test_without_the_pin_nothing_is_reported_and_an_emergency_is_still_taken(scene: Scene) -> None:
    phone = scene.phone(BY_BUTLER)
    phone.press("accept")
    before = scene.store.commits
    for action in ("contacted", "leave", "arrived", "found", "checks", "material", "nobody-home", "cannot-come",
                   "repaired", "photograph", "signature", "note"):  # fmt: skip
        assert action not in WITHOUT_PIN
        assert phone.press(action, text="x") == "请先输入密码,再操作一次", action
    assert scene.store.commits == before
    page = phone.open().text
    assert PHONE in page, "who accepted an emergency calls at once"
    assert "先确认是您本人" in page
    assert "现场照片" not in page


def test_the_pin_is_the_persons_own_and_asked_once(scene: Scene) -> None:
    phone = scene.phone(BY_BUTLER)
    assert phone.unlock("135790", key="a") == "密码不对,请再试一次"
    assert "先确认是您本人" not in phone.open().text, "nothing to confirm before it is his"
    assert phone.unlock(key="b") == "已确认是您本人"
    phone.press("accept")
    assert "去填处理结果" in phone.open().text
    other = Telephone(scene.app, scene.links.token(BY_DEPUTY + "x"))
    other.client = phone.client
    assert other.press("leave") == "请先输入密码,再操作一次", "another person's link in the same browser"
    scene.clock.advance(hours=13)
    assert phone.press("leave") == "请先输入密码,再操作一次", "the shift is over"


def test_a_new_pin_ends_what_the_old_one_opened(scene: Scene, phone: Telephone) -> None:
    with scene.store.write() as tx:
        tx.set_staff_pin(BUTLER, "another hash")
    assert phone.press("leave") == "请先输入密码,再操作一次"


def test_wrong_pins_lock_but_a_form_that_is_sent_twice_counts_once(scene: Scene) -> None:
    phone, most = scene.phone(BY_BUTLER), STANDARD.outgoing.pin.tries
    for n in range(most - 1):
        for _ in range(3):
            phone.unlock("135790", key=f"try{n}")
    assert phone.unlock("135790", key="last") == "密码不对,请再试一次"
    assert phone.unlock(key="right").startswith("输错次数较多")
    assert phone.press("accept").startswith("已由您接单"), "an emergency waits for no PIN"


def test_somebody_without_a_pin_is_told_what_to_do(scene: Scene) -> None:
    with scene.store.write() as tx:
        tx.set_staff_pin(BUTLER, "")
    phone = scene.phone(BY_BUTLER)
    phone.press("accept")
    assert "您还没有设置密码" in phone.open().text
    assert phone.unlock() == "密码不对,请再试一次"


def test_an_ordinary_cases_number_is_behind_the_pin(scene: Scene) -> None:
    phone = scene.phone("of-cold")
    assert "tel:" not in phone.open().text
    assert "输入密码后显示电话" in phone.open().text
    phone.unlock()
    assert "tel:+8613800000003" in phone.open().text


def test_the_visit_from_leaving_to_done_each_twice(scene: Scene, phone: Telephone) -> None:
    for _ in range(2):
        assert phone.press("leave") == "已记录:已出发"
        place = {"place": "3号楼门口", "latitude": "38.0428", "longitude": "114.5149", "accuracy": "12.4"}
        assert phone.press("arrived", **place) == "已记录:已到现场"
        assert phone.press("found", text="进水阀锈死") == "现场情况已保存"
        assert phone.press("checks", check=["tools", "tidy"]) == "勾选已保存"
        assert phone.press("material", key=KEY, name="弯头", count="2") == "用料已保存"
    assert phone.press("material", key="f" * 32, name="球阀", count="1", price="45.5") == (
        "这种配件要先告知价格、住户同意,没有保存"
    )
    assert phone.press("material", key="f" * 32, name="球阀", count="1", price="45.5", agreed="on").startswith(
        "请住户先签《供热入户维修服务协议》"
    )
    assert phone.press("agreement", key="d" * 32, signature=a_signature(), name="陈静") == "协议签字已保存"
    assert phone.press("material", key="f" * 32, name="球阀", count="1", price="45.5", agreed="on") == "用料已保存"
    for bad in ({"count": "0"}, {"count": "x"}, {"price": "Infinity"}, {"price": "-1"}, {"key": "no"}, {"name": ""}):
        form = {"key": "e" * 32, "name": "球阀", "count": "1", "price": "1", "agreed": "on", **bad}
        assert phone.press("material", **form).startswith("配件名称"), bad
    page = phone.open().text
    for shown in ("定位38.04280,114.51490(±12米)", "进水阀锈死", "45.50 元", "2/11"):
        assert shown in page, shown
    for _ in range(2):
        assert phone.press("repaired", text="换了进水阀") == "已记录:已修好"
    assert scene.ticket().state is TicketState.RESOLVED
    visit = visit_of(scene)
    assert (visit.state, visit.done, len(visit.materials)) == (VisitState.DONE, "换了进水阀", 2)
    story = scene.story()
    assert [story.count(f"visit_{fact}") for fact in ("left", "arrived", "found", "checked", "done")] == [1] * 5


@pytest.mark.parametrize(
    "place", [{"latitude": "91"}, {"longitude": "x"}, {"accuracy": "9999999"}, {"accuracy": "nan"}]
)
def test_a_place_that_is_none_is_left_out(scene: Scene, phone: Telephone, place: dict[str, str]) -> None:
    form = {"place": "楼下", "latitude": "38", "longitude": "114", "accuracy": "9", **place}
    phone.press("arrived", **form)
    assert visit_of(scene).place == "楼下"


def test_nobody_home_asks_for_the_call_and_the_note(scene: Scene, phone: Telephone) -> None:
    phone.press("arrived")
    assert phone.press("nobody-home", seen="0", check=["rang"]).startswith("请先等候")
    ticks = [check.key for check in STANDARD.visit.nobody_home]
    for _ in range(2):
        assert phone.press("nobody-home", seen="0", check=ticks, agreed="明天上午").startswith("已记录:家里没人")
    assert scene.story().count("visit_nobody_home") == 1
    page = phone.open().text
    assert "方便上门:明天上午" in page
    assert "去填处理结果" in page, "he comes again"


def test_who_cannot_come_passes_it_on_and_may_take_it_again(scene: Scene, phone: Telephone) -> None:
    assert phone.press("cannot-come", seen="0", reason="no such reason").startswith("内容是空的")
    for _ in range(2):
        assert phone.press("cannot-come", seen="0", reason="vehicle", words="爆胎").startswith("已转给下一位")
    assert scene.story().count("visit_not_come") == 1
    assert scene.ticket().needs_acknowledgement
    assert phone.press("accept").startswith("已由您接单")
    assert "已联系住户</button>" in phone.open().text, "the resident is to be called again"


def test_photographs_are_drawn_anew_and_shown_to_him_alone(scene: Scene, phone: Telephone) -> None:
    for _ in range(2):
        assert phone.press("photograph", key=KEY, photo=(io.BytesIO(a_photo()), "x.php")) == "照片已保存"
    [picture] = scene.store.tables.of_visits.pictures.values()
    assert (picture.kind, picture.width, picture.height) == (PictureKind.PHOTOGRAPH, 1600, 800)
    address = f"/w/{phone.token}/pictures/{picture.id}"
    phone.client.get(f"{address}?size=small").close()
    assert LookedAt.PICTURE not in {look.what for look in scene.store.tables.looks}
    shown = phone.client.get(address)
    assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
    assert b"SecretCamera" not in shown.data
    assert shown.headers["Cache-Control"] == "private, max-age=3600", "each step shows it again, it travels once"
    shown.close()
    looks = [look for look in scene.store.tables.looks if look.what is LookedAt.PICTURE]
    assert [(look.who, look.subject) for look in looks] == [("staff:1", f"ticket:{scene.leak}")]
    missing = phone.client.get(f"/w/{phone.token}/pictures/{'0' * 32}")
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "no-store")
    assert Telephone(scene.app, phone.token).client.get(address).status_code == 404, "the link alone shows no home"
    for data in (b"", b"<svg onload=alert(1)>", a_photo()[:500]):
        assert phone.press("photograph", key="e" * 32, photo=(io.BytesIO(data), "x.jpg")).startswith("这张照片不能用")
    many = {"content_type": "multipart/form-data; boundary=x", "content_length": 13_000_000}
    answer = phone.client.post(f"/w/{phone.token}/photograph", input_stream=io.BytesIO(b"--x"), **many)
    assert answer.location.endswith("told=bad_picture"), "nobody reads thirteen megabytes"
    assert len(scene.store.tables.of_visits.pictures) == 1


def test_the_resident_signs_with_more_than_a_dot(scene: Scene, phone: Telephone) -> None:
    for _ in range(2):
        assert phone.press("signature", key=KEY, signature=a_signature(), name="陈静") == "住户签字已保存"
    assert "陈静已签字" in phone.open().text
    jpeg = "data:image/png;base64," + base64.b64encode(a_photo("black")).decode()
    for bad in ("", "data:image/png;base64,@@", a_signature(strokes=False), jpeg, "javascript:alert(1)"):
        assert phone.press("signature", key="e" * 32, signature=bad).startswith("没有收到签字"), bad[:40]
    assert scene.story().count("visit_signature") == 1


def test_the_agreement_is_signed_under_its_words(scene: Scene, phone: Telephone) -> None:
    assert "上门维修不收人工费" in phone.open().text
    for _ in range(2):
        assert phone.press("agreement", key=KEY, signature=a_signature(), name="陈静") == "协议签字已保存"
    [signed] = scene.store.tables.of_visits.pictures.values()
    assert (signed.kind, signed.name) == (PictureKind.AGREEMENT, "陈静")
    assert "管箍、弯头" in signed.text


def test_a_damage_in_use_is_explained_and_signed_under_what_stands_there_now(scene: Scene, phone: Telephone) -> None:
    damage = {"signature": a_signature(), "name": "陈静"}
    assert phone.press("damage", key=KEY, rev="0", **damage).startswith("没有收到签字"), "nothing was explained"
    phone.press("judged", ground="worn", price="45.5", agreed="on")
    assert "这处损坏是使用中造成的" in phone.open().text
    assert "住户还没有在说明上签字" in phone.open().text
    stale = str(visit_of(scene).rev)
    phone.press("found", text="手柄断裂")
    assert phone.press("damage", key=KEY, rev=stale, **damage).startswith("说明的内容刚才有改动")
    assert phone.press("damage", key=KEY, rev=str(visit_of(scene).rev), **damage) == "说明签字已保存"
    [signed] = scene.store.tables.of_visits.pictures.values()
    assert (signed.kind, signed.text) == (
        PictureKind.DAMAGE,
        "现场情况:手柄断裂。这处损坏是使用中造成的,维修人员已当面说明原因和处理办法。告知费用45.50元。",
    )
    assert "住户还没有在说明上签字" not in phone.open().text


def test_a_case_of_somebody_else_takes_no_photograph(scene: Scene) -> None:
    scene.phone(BY_BUTLER).press("accept")
    deputy = scene.phone(BY_DEPUTY + "x", unlocked=True)
    told = deputy.press("photograph", key=KEY, photo=(io.BytesIO(a_photo()), "x.jpg"))
    assert told == "工单情况有变化,刚才的操作没有执行"
    with scene.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(scene.leak), state=TicketState.CANCELLED))
    assert scene.store.tables.of_visits.pictures == {}


def test_a_temperature_test_is_recorded_on_the_page(scene: Scene) -> None:
    with scene.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(scene.cold), kind="temperature_test"))
    phone = scene.phone("of-cold", unlocked=True)
    phone.press("accept")
    phone.press("arrived")
    assert "测温记录" in phone.open().text
    assert phone.press("repaired") == "请先保存测温记录"
    record = {
        "room": ["客厅", "主卧"],
        "celsius": ["19.5", ""],
        "height": "140",
        "outside": "-5",
        "instrument": "CW-07",
    }
    for bad in (
        {"celsius": ["", ""]},
        {"celsius": ["nan", ""]},
        {"celsius": ["x", ""]},
        {"height": "x"},
        {"outside": "inf"},
    ):
        assert phone.press("test", **(record | bad)).startswith("测温记录不完整"), bad
    for _ in range(2):
        assert phone.press("test", **record) == "测温记录已保存"
    assert 'value="19.5"' in phone.open().text
    assert phone.press("test", **(record | {"celsius": ["16", "21"]})) == "测温记录已保存"
    assert "最低 16 ℃,低于 18 ℃" in phone.open().text
    assert phone.press("repaired") == "已记录:已修好"
    repairs = [t for t in scene.store.tables.tickets.values() if t.details.get("from_test")]
    assert [t.kind for t in repairs] == ["cold_room"]


def test_being_late_is_told_to_the_resident(scene: Scene, phone: Telephone) -> None:
    for _ in range(2):
        assert phone.press("late", minutes="20") == "已通知住户会晚到"
    assert phone.press("late", minutes="21").startswith("内容")
    assert scene.story().count("visit_late") == 1


def test_responsibility_comes_with_what_to_say_and_its_price(scene: Scene, phone: Telephone) -> None:
    page = phone.open().text
    assert "我现在就处理,不收任何费用" in page, "what he tells the resident stands beside the choice"
    for bad in ({}, {"ground": "nobody"}, {"ground": "inside_home", "price": "x"}):
        assert phone.press("judged", **bad).startswith("没有选择责任"), bad
    for _ in range(2):
        assert phone.press("judged", ground="inside_home", price="45.5", agreed="on") == "责任判断已保存"
    judged = visit_of(scene).responsibility
    assert judged is not None
    assert (judged.ground, judged.price_fen, judged.agreed) == ("inside_home", 4550, True)
    assert scene.story().count("visit_judged") == 1


def test_a_repeated_fault_says_that_it_is_free(scene: Scene, phone: Telephone) -> None:
    assert "半年内同一故障,免费返修" not in phone.open().text
    with scene.store.write() as tx:
        ticket = tx.ticket(scene.leak)
        at = ticket.opened_at - timedelta(days=30)
        earlier = tx.add_ticket(replace(ticket, id=0, number="", opened_at=at, state=TicketState.CLOSED))
        tx.add_to_timeline(TimelineEntry(earlier.id, at, "李管家", "visit_done"))
    page = phone.open().text
    assert "半年内同一故障,免费返修" in page
    assert earlier.number in page


def test_a_slot_that_was_taken_meanwhile_gets_a_clear_answer(scene: Scene) -> None:
    with scene.store.write() as tx:
        test = tx.save_ticket(replace(tx.ticket(scene.cold), kind="temperature_test"))
        other = tx.add_ticket(replace(test, id=0, number=""))
    slot = next(STANDARD.visit.appointments.slots(scene.clock.now()))
    phone = scene.phone("of-cold", unlocked=True)
    phone.press("accept")
    assert phone.press("appointment", slot=slot.isoformat()) == "已约定,正在通知住户"
    assert phone.press("appointment", slot=slot.isoformat()) == "已约定,正在通知住户"
    with scene.store.write() as tx:
        tx.free_appointment(test.id)
        tx.add_appointment(Appointment(0, other.id, BUTLER, slot, "小李"))
    assert phone.press("appointment", slot=slot.isoformat()) == "这个时间刚刚被约走,请换一个时间"
    assert phone.press("appointment", slot="tomorrow").startswith("内容")


def test_what_is_known_of_a_home_is_told_before_somebody_leaves(scene: Scene, phone: Telephone) -> None:
    """Y1, Y3: unpaid, and what an earlier visit judged; an emergency is dispatched all the same."""
    assert "上门前请知道" not in phone.open().text
    with scene.store.write() as tx:
        ticket = tx.ticket(scene.leak)
        assert ticket.household_id is not None
        tx.upsert_household(replace(tx.household(ticket.household_id), paid=False))
        earlier = tx.add_ticket(replace(ticket, id=0, number="", opened_at=ticket.opened_at - timedelta(days=300)))
        visit = tx.add_visit(Visit(0, earlier.id, BUTLER, earlier.opened_at))
        tx.save_visit(replace(visit, state=VisitState.DONE, responsibility=Responsibility("changed")))
    page = phone.open().text
    assert "本采暖季热费还没有交" in page
    assert "以前上门时记录过管道改动或放水" in page
    assert "往年热费未结清。" not in page
    assert "上门前请知道" not in Telephone(scene.app, phone.token).open().text, "behind the PIN"
    with scene.store.write() as tx:
        home = tx.household(ticket.household_id)
        tx.upsert_household(replace(home, usage="other", arrears_fen=186050))
        visit = tx.visits(earlier.id)[-1]
        tx.save_visit(replace(visit, responsibility=Responsibility("changed", settled=True)))
    page = phone.open().text
    assert "公司维护到入户阀门井" in page
    assert "往年热费还有 1860.50 元没有结清" in page
    assert "以前上门时记录过管道改动或放水" not in page, "it was put right then"
