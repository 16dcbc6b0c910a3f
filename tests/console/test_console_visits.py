"""What a butler reported of his visit, on the ticket's page."""

import io
from dataclasses import replace

import pytest
from flask import Flask
from PIL import Image

from dialogue.pictures import Photograph, forget_pictures
from dialogue.visit_pictures import Signed, VisitPictures
from fulfillment.desk import Desk
from fulfillment.ticket import TicketState
from fulfillment.visit import Material, PictureKind, Responsibility
from fulfillment.visiting import Visits
from kernel.errors import NotFound
from storage import SoundFolder
from tests.console.conftest import Person
from tests.console.sample import HOSTILE, STANDARD, Day
from tests.fakes import BUTLER, FakeStore, FixedClock


def a_jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "orange").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def pictures(app: Flask, store: FakeStore, clock: FixedClock, day: Day) -> VisitPictures:
    """A finished visit to the leak, with a photograph and a signature."""
    visits = Visits(store, STANDARD, clock)
    pictures = VisitPictures(store, visits, SoundFolder(app.extensions["pictures"], ".jpg"), clock)
    with store.write() as tx:
        butler, ticket = tx.staff(BUTLER), tx.ticket(day.leak)
    Desk(store, STANDARD, clock).acknowledge(ticket.id, by=butler.name, staff_id=BUTLER)
    visits.arrive(ticket.id, butler, "3号楼门口")
    visits.find(ticket.id, butler, HOSTILE)
    visits.tick(ticket.id, butler, ["agreement"])
    visits.use(ticket.id, butler, Material("k1", "麻", 1), agreed=False)
    visits.use(ticket.id, butler, Material("k2", "球阀", 1, 4550), agreed=True)
    pictures.keep(ticket.id, butler, "p", Photograph(a_jpeg(), 40, 30))
    pictures.keep(ticket.id, butler, "s", Photograph(a_jpeg(), 40, 30), signed=Signed(PictureKind.SIGNATURE, "陈静"))
    visits.judge(ticket.id, butler, Responsibility("inside_home", 4550, agreed=True))
    visits.finish(ticket.id, butler, "换了球阀")
    return pictures


@pytest.mark.usefixtures("pictures")
def test_the_ticket_shows_checklist_materials_pictures_and_signature(xiaoli: Person, day: Day) -> None:
    page = xiaoli.get(f"/tickets/{day.leak}").text
    for shown in (
        "上门记录",
        "已完成",
        "3号楼门口",
        "换了球阀",
        "球阀 × 1",
        "45.50 元",
        "麻 × 1",
        "免费",
        "上门检查 1/11",
    ):
        assert shown in page, shown
    assert "户内自有设施" in page
    assert "告知费用 45.50 元" in page
    assert "陈静 签字" in page
    assert "<script>alert(1)" not in page


def test_the_sheet_of_a_finished_visit_is_the_signed_record(
    xiaoli: Person, store: FakeStore, day: Day, pictures: VisitPictures
) -> None:
    """K6, N14: content, start and end, who, telephone, signature; to be printed for the resident."""
    page = xiaoli.get(f"/tickets/{day.leak}/sheet").text
    with store.read() as tx:
        [signed] = [p for p in tx.visit_pictures(day.leak) if p.kind is PictureKind.SIGNATURE]
        butler = tx.staff(BUTLER)
    for shown in ("供暖维修记录", "到场时间", "完成时间", "换了球阀", "球阀 × 1 (45.50 元)", butler.name, signed.id):
        assert shown in page, shown
    assert "139-0000-0001" in page or "139 0000 0001" in page
    assert "□ 满意" not in page, "nothing is left to be filled in by hand"
    assert "供暖维修派工单" in xiaoli.get(f"/tickets/{day.cold}/sheet").text
    assert pictures.file(day.leak, signed.id).is_file()


def test_pictures_are_shown_to_operators_with_their_own_ticket_only(
    app: Flask, xiaoli: Person, store: FakeStore, day: Day, pictures: VisitPictures
) -> None:
    with store.read() as tx:
        ids = [p.id for p in tx.visit_pictures(day.leak)]
    for picture_id in ids:
        shown = xiaoli.get(f"/tickets/{day.leak}/pictures/{picture_id}")
        assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
        shown.close()
        assert xiaoli.get(f"/tickets/{day.cold}/pictures/{picture_id}").status_code == 404
        assert app.test_client().get(f"/console/tickets/{day.leak}/pictures/{picture_id}").status_code == 302
    with pytest.raises(NotFound):
        pictures.file(day.leak, "f" * 32)


def test_photographs_go_in_time_and_the_signed_record_stays(
    store: FakeStore, clock: FixedClock, day: Day, pictures: VisitPictures
) -> None:
    clock.advance(days=91)
    for _ in range(2):
        forget_pictures(store, pictures.files, clock.now())
    with store.read() as tx:
        [left] = tx.visit_pictures(day.leak)
        assert tx.ticket(day.leak).state is TicketState.RESOLVED
    assert left.name == "陈静"
    assert pictures.file(day.leak, left.id).is_file()


@pytest.mark.usefixtures("pictures")
def test_a_fault_that_comes_back_within_half_a_year_is_marked(
    xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    clock.advance(days=100)
    with store.write() as tx:
        again = tx.add_ticket(
            replace(tx.ticket(day.leak), id=0, number="", opened_at=clock.now(), state=TicketState.NEW)
        )
    for path in (f"/tickets/{again.id}", f"/tickets/{again.id}/sheet"):
        page = xiaoli.get(path).text
        assert "同一故障半年内返修, 免费" in page, path
        assert "H5" in page
    assert "同一故障半年内返修" not in xiaoli.get(f"/tickets/{day.leak}").text


def test_an_operator_agrees_a_time_and_hears_when_it_is_gone(
    xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    with store.write() as tx:
        test = tx.save_ticket(replace(tx.ticket(day.cold), kind="temperature_test", assignee_id=BUTLER))
        other = tx.add_ticket(replace(test, id=0, number=""))
    slot = next(STANDARD.visit.appointments.slots(clock.now())).isoformat()
    assert "预约上门" in xiaoli.get(f"/tickets/{test.id}").text
    assert xiaoli.told(xiaoli.post(f"/tickets/{test.id}/appointment", slot=slot)) == "已约定上门时间, 正在通知住户"
    assert "小李 约定" in xiaoli.get(f"/tickets/{test.id}").text
    told = xiaoli.told(xiaoli.post(f"/tickets/{other.id}/appointment", slot=slot))
    assert told == "这个时间刚刚被约走, 请换一个时间"
    assert "预约上门" not in xiaoli.get(f"/tickets/{day.leak}").text
