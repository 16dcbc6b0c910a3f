"""The butler's page behind a signed link: what it shows to whom, what a press does, and that looking does nothing."""

import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.visit_acts import VisitRooms
from console.work_order import CSP, Rooms, build_work_orders
from console.work_order_links import LIFE, WorkOrderLinks
from console.work_order_pin import PinDoor
from dialogue.papers import Papers
from dialogue.script_book import ScriptBook
from dialogue.staff_reports import StaffReports
from dialogue.visit_pictures import VisitPictures
from fulfillment.alarms import Alarms
from fulfillment.appointments import Appointments
from fulfillment.desk import Desk
from fulfillment.pins import Pins
from fulfillment.ticket import AttemptOutcome, Ticket, TicketState
from fulfillment.visiting import Visits
from kernel.errors import StoreBusy
from kernel.settings import HOME
from storage import SoundFolder
from tests.console.sample import STANDARD, sample_day
from tests.fakes import BUTLER, DEPUTY, FakeStore, FixedClock
from webchat.photographs import DarkRoom

SECRET = "s" * 32
BY_BUTLER, BY_DEPUTY = "0" * 32, f"{2:032x}"  # attempts of the sample day's leak: staff 1 and staff 2
PHONE = "+8613800000001"
PIN = "246813"


@cache
def a_hash() -> str:
    """Of PIN, quickly."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PIN)


def build_page(store: FakeStore, clock: FixedClock, links: WorkOrderLinks, folder: Path = Path("/nowhere")) -> Flask:
    """An app with nothing but the work orders, and the console's files."""
    app = Flask("work-orders-under-test")
    app.secret_key = SECRET
    app.register_blueprint(Blueprint("console", "console", url_prefix="/console", static_folder="static"))
    desk = Desk(store, STANDARD, clock)
    book = ScriptBook(HOME / "scripts_zh", company="华暖示例热力", number="01")
    door = PinDoor(Pins(store, STANDARD.outgoing.pin, clock), SECRET, clock, secure=False)
    visits = Visits(store, STANDARD, clock)
    pictures = VisitPictures(store, visits, SoundFolder(folder, ".jpg"), clock)
    visit = VisitRooms(
        visits,
        pictures,
        DarkRoom(),
        StaffReports(store, STANDARD, clock),
        Appointments(store, STANDARD, clock),
        Papers(store, STANDARD, book),
    )
    alarms = Alarms(store, STANDARD, clock)
    rooms = Rooms(store, alarms, desk, STANDARD, book, clock, links, "华暖示例热力", door, visit)
    app.register_blueprint(build_work_orders(rooms))
    return app


@dataclass
class Telephone:
    """A person with a link; his browser knows nothing of him before he has given his PIN."""

    app: Flask
    token: str
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def open(self) -> TestResponse:
        return self.client.get(f"/w/{self.token}")

    def unlock(self, pin: str = PIN, key: str = "k") -> str:
        return self.press("pin", pin=pin, key=key)

    def press(self, action: str, **form: object) -> str:
        """What the page says afterwards."""
        answer = self.client.post(f"/w/{self.token}/{action}", data=form)
        assert answer.status_code == 303, answer.text
        page = self.client.get(answer.location)
        assert page.status_code == 200
        return "".join(re.findall(r'role="status">([^<]+)', page.text))


@dataclass
class Scene:
    store: FakeStore
    clock: FixedClock
    app: Flask
    links: WorkOrderLinks
    leak: int
    cold: int

    def phone(self, attempt_id: str, *, unlocked: bool = False) -> Telephone:
        phone = Telephone(self.app, self.links.token(attempt_id))
        if unlocked:
            assert phone.unlock() == "已确认是您本人"
        return phone

    def ticket(self, ticket_id: int = 0) -> Ticket:
        return self.store.tables.tickets[ticket_id or self.leak]

    def story(self) -> list[str]:
        return [e.key for e in self.store.tables.timeline if e.ticket_id == self.leak]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    store, clock = FakeStore(), FixedClock()
    day = sample_day(store, clock.now())
    with store.write() as tx:
        deputy = replace(tx.attempt(BY_BUTLER), id=BY_DEPUTY + "x", staff_id=DEPUTY, step=2, channel="robot")
        tx.add_attempt(deputy)
        tx.save_attempt(replace(tx.attempt(BY_BUTLER), step=1))
        tx.add_attempt(replace(deputy, id="of-cold", ticket_id=day.cold, staff_id=BUTLER, step=0))
        for staff_id in (BUTLER, DEPUTY):
            tx.set_staff_pin(staff_id, a_hash())
    links = WorkOrderLinks(SECRET, "https://hotline.example.cn", clock)
    return Scene(store, clock, build_page(store, clock, links, tmp_path), links, day.leak, day.cold)


def test_the_address_is_signed_absolute_and_short(scene: Scene) -> None:
    url = scene.links.url(BY_BUTLER)
    assert url.startswith("https://hotline.example.cn/w/")
    assert len(url) < 150, "it stands in a message"
    assert scene.links.attempt_id(url.rpartition("/")[2]) == BY_BUTLER


def test_it_shows_what_the_butler_needs_and_no_more(scene: Scene) -> None:
    page = scene.phone(BY_BUTLER).open()
    assert page.status_code == 200
    for needed in (
        "1122-0001",
        "<dd>阳光花园3号楼2单元501</dd>",
        "我家暖气片漏水了",
        "陈静",
        f"tel:{PHONE}",
        "我来处理",
        "转下一位",
        "已等待 2 分钟",
    ):
        assert needed in page.text, needed
    assert "还不知道住户是否安全" in page.text, "the sample's instruction is no script: nothing is claimed"
    for surplus in ("100001", "周强", "13800000003", "1 390000"):
        assert surplus not in page.text


def test_looking_changes_nothing_of_the_case(scene: Scene) -> None:
    """WeCom, DingTalk and Feishu open every link they see: that is on record, once, and nothing else."""
    before, commits = scene.store.tables, scene.store.commits
    for method in ("get", "head", "options"):
        getattr(scene.app.test_client(), method)(f"/w/{scene.phone(BY_BUTLER).token}")
    for action in ("accept", "pass-on", "contacted", "arrived", "repaired", "note"):
        answer = scene.app.test_client().get(f"/w/{scene.phone(BY_BUTLER).token}/{action}")
        assert answer.status_code == 302
    assert scene.store.commits == commits + 1
    assert replace(scene.store.tables, looks=[]) == before
    assert looked(scene) == [("staff:1", "work_order_link", f"ticket:{scene.leak}")]


def looked(scene: Scene) -> list[tuple[str, str, str]]:
    return [(look.who, str(look.what), look.subject) for look in scene.store.tables.looks]


def test_a_butlers_look_is_on_record_with_or_without_his_pin(scene: Scene) -> None:
    phone = scene.phone(BY_BUTLER)
    phone.open()
    assert phone.unlock() == "已确认是您本人"
    phone.press("accept")
    phone.press("contacted")
    leak = f"ticket:{scene.leak}"
    assert looked(scene) == [("staff:1", "work_order_link", leak), ("staff:1", "work_order", leak)], "once a minute"
    scene.clock.advance(minutes=1)
    phone.open()
    assert looked(scene)[2:] == [("staff:1", "work_order", leak)]


def test_who_sees_no_home_has_not_looked(scene: Scene) -> None:
    assert scene.phone(BY_BUTLER).press("accept") == "已由您接单,请马上联系住户"
    known = len(looked(scene))
    assert "阳光花园" not in scene.phone(BY_DEPUTY + "x").open().text
    assert len(looked(scene)) == known


def test_a_busy_database_keeps_no_butler_from_his_emergency(scene: Scene) -> None:
    scene.store.write_failures = [StoreBusy("locked")]
    page = scene.phone(BY_BUTLER).open()
    assert (page.status_code, PHONE in page.text) == (200, True)
    assert looked(scene) == []


def more_alarms(scene: Scene, count: int) -> list[int]:
    """The butler is told of more leaks than one message links."""
    with scene.store.write() as tx:
        leak, attempt = tx.ticket(scene.leak), tx.attempt(BY_BUTLER)
        found = []
        for n in range(count):
            address = replace(leak.address, room=f"{700 + n}")
            ticket = tx.add_ticket(replace(leak, id=0, number="", household_id=None, address=address, rev=0))
            tx.add_attempt(replace(attempt, id=f"{900 + n:032x}", ticket_id=ticket.id, lead_id=BY_BUTLER))
            found.append(ticket.id)
    return found


def test_the_page_leads_to_all_alarms_of_its_person_and_to_nobody_elses(scene: Scene) -> None:
    ids = more_alarms(scene, 5)
    page = scene.phone(BY_BUTLER).open().text
    assert "还有 5 张急修工单等您接单" in page
    assert "全部由我来处理(6 张)" in page
    for ticket_id in ids:
        assert scene.ticket(ticket_id).number in page
    assert "等您接单" not in scene.phone(BY_DEPUTY + "x").open().text
    [one] = re.findall(r'href="/w/([^"]+)"[^>]*><b>[^<]*702', page)
    assert Telephone(scene.app, one).press("accept") == "已由您接单,请马上联系住户"
    assert scene.ticket(ids[2]).acknowledged_by == "王管家"
    assert "还有 4 张急修工单等您接单" in scene.phone(BY_BUTLER).open().text


def test_all_that_the_page_listed_are_accepted_and_none_that_came_in_since(scene: Scene) -> None:
    first, second = more_alarms(scene, 2)
    listed = [scene.ticket(t).number for t in (scene.leak, first)]
    phone = scene.phone(BY_BUTLER)
    assert phone.press("accept-all", alarm=listed) == "列出的急修工单都由您接单,请逐一联系住户"
    assert [scene.ticket(t).acknowledged_by for t in (scene.leak, first, second)] == ["王管家", "王管家", ""]
    foreign = scene.phone(BY_DEPUTY + "x")
    assert foreign.press("accept-all", alarm=[scene.ticket(second).number]) == "其中有的已由别人接单,其余由您处理"
    assert scene.ticket(second).needs_acknowledgement, "he was never told of it"


def test_accepting_is_by_the_named_person_and_once(scene: Scene) -> None:
    phone = scene.phone(BY_BUTLER)
    assert phone.press("accept") == "已由您接单,请马上联系住户"
    ticket = scene.ticket()
    assert (ticket.state, ticket.acknowledged_by, ticket.assignee_id) == (TicketState.ACKNOWLEDGED, "王管家", BUTLER)
    assert scene.store.tables.attempts[BY_BUTLER].outcome is AttemptOutcome.ACCEPTED
    assert phone.press("accept") == "已由您接单,请马上联系住户"
    assert scene.story().count("accepted") == 1


def test_the_second_one_sees_who_was_faster_and_no_number(scene: Scene) -> None:
    late = scene.phone(BY_DEPUTY + "x")
    assert PHONE in late.open().text
    scene.phone(BY_BUTLER).press("accept")
    assert late.press("accept") == "已有人先接单"
    page = late.open().text
    assert "这张工单由王管家处理" in page
    assert PHONE not in page
    assert "陈静" not in page
    assert scene.ticket().acknowledged_by == "王管家"


def test_passing_on_rings_the_next_and_does_not_close_the_door(scene: Scene) -> None:
    phone = scene.phone(BY_BUTLER)
    assert phone.press("pass-on") == "已转给下一位"
    assert phone.press("pass-on") == "已转给下一位"
    assert scene.story().count("passed_on") == 1
    assert "转下一位</button>" not in phone.open().text
    assert phone.press("accept").startswith("已由您接单"), "he may change his mind"


def test_the_work_is_reported_step_by_step_each_once(scene: Scene) -> None:
    phone = scene.phone(BY_BUTLER, unlocked=True)
    phone.press("accept")
    for action, told in (("contacted", "已记录:已联系住户"), ("arrived", "已记录:已到现场")):
        assert phone.press(action) == told
        assert phone.press(action) == told
    assert scene.story().count("contacted") == 1
    assert scene.ticket().state is TicketState.ON_SITE
    assert phone.press("note", text="阀门锈死", seen="0") == "备注已保存"
    assert phone.press("note", text="阀门锈死", seen="0") == "备注已保存"
    assert scene.story().count("noted") == 1, "the same form sent twice"
    assert "阀门锈死" in phone.open().text
    assert phone.press("repaired") == "已记录:已修好"
    assert scene.ticket().state is TicketState.RESOLVED
    page = phone.open().text
    assert "回访住户" in page
    assert PHONE not in page, "when it is over, nobody's number is there any more"


def test_nobody_reports_on_somebody_elses_case(scene: Scene) -> None:
    scene.phone(BY_BUTLER).press("accept")
    deputy = scene.phone(BY_DEPUTY + "x", unlocked=True)
    for action in ("contacted", "leave", "arrived", "repaired"):
        assert deputy.press(action) == "工单情况有变化,刚才的操作没有执行"
    assert deputy.press("note", text="x") == "工单情况有变化,刚才的操作没有执行"
    assert scene.ticket().state is TicketState.ACKNOWLEDGED


def test_nothing_is_reported_before_it_is_accepted(scene: Scene) -> None:
    """The assignee of a new ticket is only who should take it."""
    assert scene.phone("of-cold", unlocked=True).press("repaired") == "工单情况有变化,刚才的操作没有执行"
    assert scene.ticket(scene.cold).state is TicketState.NEW


def test_an_ordinary_case_is_accepted_in_the_same_way(scene: Scene) -> None:
    phone = scene.phone("of-cold")
    page = phone.open().text
    assert "紧急" not in page
    assert "转下一位" not in page, "no ladder stands behind it"
    assert phone.press("accept").startswith("已由您接单")
    assert scene.ticket(scene.cold).acknowledged_by == "王管家"


@pytest.mark.parametrize("text", ["", "  ", pytest.param("长" * 501, id="endless")])
def test_an_empty_or_endless_note_is_refused_politely(scene: Scene, text: str) -> None:
    phone = scene.phone(BY_BUTLER, unlocked=True)
    phone.press("accept")
    assert "没有保存" in phone.press("note", text=text)


def test_links_that_are_none(scene: Scene) -> None:
    good = scene.links.token(BY_BUTLER)
    forged = WorkOrderLinks("x" * 32, "https://hotline.example.cn", scene.clock).token(BY_BUTLER)
    for token in ("nonsense", good[:-1], "A" + good, forged, scene.links.token("f" * 32), good + "/accept/x"):
        for method in ("get", "post"):
            path = f"/w/{token}" + ("/accept" if method == "post" else "")
            answer = getattr(scene.app.test_client(), method)(path)
            assert answer.status_code == 404, (token, method)
    assert "链接" in scene.app.test_client().get(f"/w/{forged}").text
    assert scene.ticket().state is TicketState.NEW
    scene.clock.advance(seconds=LIFE.total_seconds())
    assert Telephone(scene.app, good).open().status_code == 200
    scene.clock.advance(seconds=1)
    assert Telephone(scene.app, good).open().status_code == 404
    assert scene.app.test_client().post(f"/w/{good}/accept").status_code == 404
    assert scene.ticket().state is TicketState.NEW


def test_every_answer_is_strict_and_sends_its_address_nowhere(scene: Scene) -> None:
    client, token = scene.app.test_client(), scene.links.token(BY_BUTLER)
    for answer in (
        client.get(f"/w/{token}"),
        client.get("/w/none"),
        client.post(f"/w/{token}/accept"),
        client.get("/w/a/b/c"),
    ):
        headers = answer.headers
        if answer.request.path != "/w/a/b/c":  # no route of ours: the app's own 404
            assert headers["Content-Security-Policy"] == CSP
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "noindex" in headers["X-Robots-Tag"]
            assert headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in headers
    assert "'unsafe" not in CSP
    assert '<meta name="robots" content="noindex' in client.get(f"/w/{token}").text


def test_hostile_words_stay_words(scene: Scene) -> None:
    with scene.store.write() as tx:
        hostile = "<script>alert(1)</script>{{7*7}}"
        tx.save_ticket(replace(tx.ticket(scene.leak), symptom=hostile, contact_name=hostile))
    page = scene.phone(BY_BUTLER).open().text
    assert "<script>alert" not in page
    assert "49" not in re.sub(r"\d\d:\d\d", "", page).replace("1122", "")
    answer = scene.app.test_client().get(f"/w/{scene.phone(BY_BUTLER).token}?told=<b>x</b>")
    assert "<b>x" not in answer.text


def test_a_locked_database_is_told_politely(scene: Scene) -> None:
    scene.store.write_failures = [StoreBusy("locked")]
    answer = scene.app.test_client().post(f"/w/{scene.phone(BY_BUTLER).token}/accept")
    assert answer.status_code == 503
    assert "请等几秒" in answer.text


def test_an_old_address_does_not_claim_what_is_not_so(scene: Scene) -> None:
    page = scene.app.test_client().get(f"/w/{scene.phone(BY_BUTLER).token}?told=accepted").text
    assert "已由您接单" not in page
