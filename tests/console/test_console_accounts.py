"""An administrator gives accounts and passwords, and imports a company's files after having looked what they would do."""

import io

import pytest
from flask import Flask

from fulfillment.company import OperatorRole
from tests.console.conftest import Person, sign_in
from tests.fakes import FakeStore

NEW = {"login": "Xiaozhang", "name": "小张", "role": "operator", "phone": "138 0000 0009"}
STATIONS = "站点编号,站点名称,地址,值班电话\nS1,东城站,东城路2号,110\nS9,,新路1号,\n"
STAFF = "温心号,姓名,手机,供热站\n77,郑新,13800000077,S8\n"


def upload(person: Person, path: str, *files: tuple[str, str | bytes], live: bool = False) -> str:
    data = {
        "csrf_token": person.token(),
        "file": [(io.BytesIO(text.encode() if isinstance(text, str) else text), name) for name, text in files],
    }
    headers = {"HX-Request": "true"} if live else {}
    answer = person.client.post(f"/console{path}", data=data, headers=headers, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()  # werkzeug's client keeps a large body in a file
    return f"{answer.status_code} {answer.text}"


def test_a_new_colleague_logs_in(admin: Person, app: Flask, store: FakeStore) -> None:
    assert "账号已添加" in admin.told(admin.post("/administration/operators", **NEW))
    assert "未设密码" in admin.get("/administration").text
    with store.read() as tx:
        known = tx.operator_by_login("xiaozhang")
    assert known
    assert known.phone == "+8613800000009"
    short = admin.post(f"/administration/operators/{known.id}/password", password="short")
    assert short.status_code == 400
    assert "至少 10 位" in short.text
    told = admin.told(admin.post(f"/administration/operators/{known.id}/password", password="correct horse battery"))
    assert "密码已设置" in told
    assert sign_in(app, "xiaozhang").get("/").status_code == 200
    assert "short" not in admin.get("/administration").text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"login": "admin"}, "已经有人用"),
        ({"login": "<b>"}, "登录名用"),
        ({"name": " "}, "请填写姓名"),
        ({"phone": "110110"}, "拨不通"),
    ],
)
def test_an_account_that_cannot_be(admin: Person, store: FakeStore, change: dict[str, str], told: str) -> None:
    answer = admin.post("/administration/operators", **NEW | change)
    assert answer.status_code == 400
    assert told in answer.text
    with store.read() as tx:
        assert len(tx.operators()) == 3


def test_the_last_administrator_stays_one(admin: Person, store: FakeStore) -> None:
    with store.read() as tx:
        mine = tx.operator(3)
    form = {"name": mine.name, "role": "operator", "phone": "", "active": "on"}
    for change in (form, {"name": mine.name, "role": "administrator", "phone": ""}):
        answer = admin.post("/administration/operators/3", **change)
        assert answer.status_code == 400
        assert "最后一位" in answer.text
    assert "已保存" in admin.told(admin.post("/administration/operators/2", **form | {"role": "administrator"}))
    assert "已保存" in admin.told(admin.post("/administration/operators/3", **form | {"role": "supervisor"}))
    with store.read() as tx:
        assert tx.operator(3).role is OperatorRole.SUPERVISOR
        assert tx.operator(3).password_hash == mine.password_hash
    assert admin.get("/administration").status_code == 403


def test_a_closed_account_is_out_at_once(admin: Person, xiaoli: Person) -> None:
    assert xiaoli.get("/").status_code == 200
    assert "已保存" in admin.told(admin.post("/administration/operators/1", name="小李", role="operator", phone=""))
    assert xiaoli.get("/").status_code == 302
    assert "停用" in admin.get("/administration").text


def test_files_are_checked_and_nothing_is_written(admin: Person, store: FakeStore) -> None:
    page = upload(admin, "/imports/check", ("站点.csv", STATIONS), ("人员.csv", STAFF), live=True)
    assert page.startswith("200")
    assert "<html" not in page
    assert "检查结果 (还没有导入)" in page
    assert "2 处有问题" in page, "a station without a name; somebody of a station that does not exist"
    with store.read() as tx:
        assert tx.station(1).address == "东城路1号"


def test_later_tables_may_name_rows_of_earlier_ones(admin: Person) -> None:
    stations = "站点编号,站点名称\nS8,北城站\n"
    page = upload(admin, "/imports/check", ("人员.csv", STAFF), ("站点.csv", stations))
    assert "每一行都可以用" in page


def test_good_rows_are_imported_and_bad_ones_told(admin: Person, store: FakeStore) -> None:
    page = upload(admin, "/imports", ("站点.csv", STATIONS))
    assert "已导入" in page
    assert "1 处有问题" in page
    with store.read() as tx:
        assert tx.station(1).address == "东城路2号"


def test_a_file_of_a_megabyte_and_more(admin: Person) -> None:
    lines = "".join(f"S{n},供热站{n},{'长' * 100}\n" for n in range(1, 6000))
    page = upload(admin, "/imports/check", ("站点.csv", "站点编号,站点名称,地址\n" + lines))
    assert "5999" in page or "5998" in page


@pytest.mark.parametrize("name", ["what.csv", "站点.pdf", "../../站点.csv"])
def test_a_file_that_is_no_table(admin: Person, name: str) -> None:
    content = STATIONS.encode("utf-8") if name.endswith("csv") and "what" in name else b"%PDF-1.4 \x00\x01"
    page = upload(admin, "/imports/check", (name, content))
    assert page.startswith("400")
    assert "没有导入" in page


def test_no_file_at_all(admin: Person) -> None:
    assert upload(admin, "/imports").startswith("400")


def test_only_administrators(zhuguan: Person, store: FakeStore) -> None:
    assert zhuguan.get("/imports").status_code == 403
    assert upload(zhuguan, "/imports", ("站点.csv", STATIONS)).startswith("403")
    assert zhuguan.post("/administration/operators", **NEW).status_code == 403
    assert zhuguan.post("/administration/operators/3/password", password="x" * 20).status_code == 403
    with store.read() as tx:
        assert len(tx.operators()) == 3
