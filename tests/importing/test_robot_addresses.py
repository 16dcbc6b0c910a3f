"""Where staff and stations are reached in a chat, as companies write it."""

from collections.abc import Callable
from pathlib import Path

from fulfillment.importing import TableKind, Words, import_company
from ivr.robots import robot_address
from tests.fakes import FakeStore

WEBHOOK = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7e"
STAFF = f"工号,姓名,手机,企业微信群机器人\n1,王伟,19900000001,{WEBHOOK}\n2,李伟,19900000002,\n"
File = Callable[..., Path]


def test_a_webhook_is_stored_as_the_librarys_address(store: FakeStore, words: Words, csv_file: File) -> None:
    file = csv_file("staff.csv", STAFF.replace("企业微信群机器人", "机器人"))
    assert import_company(store, file, words, robot_address=robot_address).problems == []
    with store.read() as tx:
        assert [s.robot for s in tx.all_staff()] == ["wecombot://693a91f6-7e", ""]


def test_a_station_has_a_group_of_its_own(store: FakeStore, words: Words, csv_file: File) -> None:
    file = csv_file("stations.csv", "编号,名称,群机器人\nS1,东站,dingtalk://abc\nS2,西站,无\n")
    assert import_company(store, file, words, robot_address=robot_address).problems == []
    with store.read() as tx:
        assert [s.robot for s in tx.stations()] == ["dingtalk://abc", ""]


def test_what_is_no_robot_is_refused_and_not_repeated(store: FakeStore, words: Words, csv_file: File) -> None:
    """A secret with a typing error in it is still most of a secret."""
    file = csv_file("staff.csv", f"工号,姓名,手机,机器人\n1,王伟,19900000001,{WEBHOOK.replace('send', 'sent')}\n")
    report = import_company(store, file, words, robot_address=robot_address)
    (problem,) = report.problems
    assert (problem.reason, problem.column, report.imported[TableKind.STAFF]) == ("bad_robot", "机器人", 0)
    assert "693a91f6" not in str(problem)


def test_nobody_who_knows_robots_is_there(store: FakeStore, words: Words, csv_file: File) -> None:
    report = import_company(store, csv_file("staff.csv", STAFF.replace("企业微信群机器人", "机器人")), words)
    assert [p.line for p in report.problems] == [2], "refused by default"
