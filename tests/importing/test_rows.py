"""One row at a time: what becomes of a cell, and what its owner is told when nothing can."""

from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest

from fulfillment.company import Duty, Household, OperatorRole, StaffRole
from fulfillment.importing import ImportReport, Words, import_company
from tests.fakes import FakeStore

HEADER = "供暖卡号,小区名称,楼号,单元,房号,户主,手机,采暖方式,供热面积,已缴费,重点照顾\n"
GOOD = "60010001,翠湖花园,3号楼,2单元,501室,张三,199 1100 0001,地暖,88.5,是,否\n"
Write = Callable[..., Path]


def _import(store: FakeStore, words: Words, file: Path) -> ImportReport:
    return import_company(store, file, words)


def _home(store: FakeStore, card: str = "60010001") -> Household:
    with store.read() as tx:
        home = tx.household_by_card(card)
    assert home is not None
    return home


def test_a_row_becomes_a_household(company: FakeStore, words: Words, csv_file: Write) -> None:
    report = _import(company, words, csv_file("households.csv", HEADER + GOOD))

    home = _home(company)
    assert report.problems == []
    assert (home.building, home.unit, home.room) == ("3", "2", "501")
    assert (home.name, home.phone) == ("张三", "+8619911000001")
    assert (home.installation, home.area_m2, home.paid, home.vulnerable) == ("floor_heating", 88.5, True, False)


@pytest.mark.parametrize(
    ("cells", "stored"),
    [("居民,", (True, 0)), (",0", (True, 0)), ("非居民,1860.50", (False, 186050)), ("商铺,300", (False, 30000))],
)
def test_what_a_home_is_used_for_and_owes(
    cells: str, stored: tuple[bool, int], company: FakeStore, words: Words, csv_file: Write
) -> None:
    table = f"卡号,小区,楼号,房号,用热性质,往年欠费\n1,翠湖花园,3,501,{cells}\n"
    report = _import(company, words, csv_file("households.csv", table))
    assert report.problems == []
    assert (_home(company, "1").is_residential, _home(company, "1").arrears_fen) == stored


def test_a_debt_that_is_no_number_is_said(company: FakeStore, words: Words, csv_file: Write) -> None:
    report = _import(company, words, csv_file("households.csv", "卡号,小区,楼号,房号,往年欠费\n1,翠湖花园,3,501,有\n"))
    assert [problem.column for problem in report.problems] == ["往年欠费"]


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("3", "3"),
        ("１２", "12"),
        ("3号楼", "3"),
        ("三号楼", "3"),
        ("十二栋", "12"),
        ("A3座", "A3"),
        ("a03", "A3"),
        ("03", "3"),
        ("3#", "3"),
        ("东楼", "东"),
        ("10", "10"),
        ("3 号楼", "3"),
    ],
)
def test_buildings_are_stored_as_they_are_heard(
    said: str, stored: str, company: FakeStore, words: Words, csv_file: Write
) -> None:
    _import(company, words, csv_file("households.csv", f"卡号,小区,楼号,房号\n1,翠湖花园,{said},501\n"))
    assert _home(company, "1").building == stored


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("19911000001", "+8619911000001"),
        ("+86 199-1100-0001", "+8619911000001"),
        ("008619911000001", "+8619911000001"),
        ("１９９１１０００００１", "+8619911000001"),
        ("010-65550100", "+861065550100"),
        ("无", ""),
        ("-", ""),
    ],
)
def test_phones_become_e164(said: str, stored: str, company: FakeStore, words: Words, csv_file: Write) -> None:
    report = _import(company, words, csv_file("households.csv", f"卡号,小区,楼号,房号,电话\n1,翠湖花园,1,501,{said}\n"))
    assert report.problems == []
    assert _home(company, "1").phone == stored


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        (0, "", "missing"),
        (0, "6.001E+11", "digits_lost"),
        (0, "=1+1", "formula"),
        (0, "卡1", "bad_key"),
        (1, "不存在小区", "unknown_community"),
        (2, "", "missing"),
        (2, "一个非常非常长的楼名字", "too_long"),
        (5, "=HYPERLINK(1)", "formula"),
        (5, "@SUM(A1)", "formula"),
        (5, "长" * 41, "too_long"),
        (6, "1381234", "bad_phone"),
        (6, "19911000001/19911000002", "bad_phone"),
        (6, "65550100", "bad_phone"),
        (7, "空调", "bad_choice"),
        (8, "很大", "bad_number"),
        (8, "-5", "bad_number"),
        (8, "nan", "bad_number"),
        (9, "也许", "bad_flag"),
    ],
)
def test_a_bad_cell_is_named_and_the_rows_around_it_are_kept(
    column: int, cell: str, reason: str, company: FakeStore, words: Words, csv_file: Write
) -> None:
    bad = ["60019999", "翠湖花园", "1", "1", "101", "李四", "19911000002", "暖气片", "60", "是", "否"]
    bad[column] = cell
    after = GOOD.replace("60010001", "60010002")
    file = csv_file("households.csv", HEADER + GOOD + ",".join(bad) + "\n" + after)

    report = _import(company, words, file)

    assert [(p.file, p.line, p.column, p.reason) for p in report.problems] == [
        ("households.csv", 3, HEADER.strip().split(",")[column], reason)
    ]
    assert "{" not in report.problems[0].sentence
    assert _home(company).name == "张三"
    assert _home(company, "60010002").name == "张三"
    with company.read() as tx:
        assert tx.household_by_card("60019999") is None


def test_all_that_is_wrong_with_a_row_is_told_at_once(company: FakeStore, words: Words, csv_file: Write) -> None:
    row = "60010001,没有这个小区,3,2,501,张三,12,地暖,x,是,否\n"
    report = _import(company, words, csv_file("households.csv", HEADER + row))
    assert {p.reason for p in report.problems} == {"unknown_community", "bad_phone", "bad_number"}


def test_the_first_of_two_rows_with_one_card_is_kept(company: FakeStore, words: Words, csv_file: Write) -> None:
    second = GOOD.replace("张三", "李四")
    report = _import(company, words, csv_file("households.csv", HEADER + GOOD + "\n" + second))

    assert [(p.line, p.reason) for p in report.problems] == [(4, "duplicate")]
    assert "2" in report.problems[0].sentence
    assert _home(company).name == "张三"


def test_a_bad_row_does_not_claim_its_card(company: FakeStore, words: Words, csv_file: Write) -> None:
    bad = GOOD.replace("翠湖花园", "翠湖")[:-2] + "?\n"
    report = _import(company, words, csv_file("households.csv", HEADER + bad + GOOD))
    assert [(p.line, p.reason) for p in report.problems] == [(2, "bad_flag")]
    assert _home(company).name == "张三"


def test_a_community_is_found_by_code_name_and_alias(company: FakeStore, words: Words, csv_file: Write) -> None:
    rows = "1,C02,1,1\n2,翠湖佳园,1,2\n3,翠湖二期,1,3\n4, 翠湖 佳园 ,1,4\n"
    report = _import(company, words, csv_file("households.csv", "卡号,小区,楼号,房号\n" + rows))
    assert report.problems == []
    assert len({_home(company, str(card)).community_id for card in range(1, 5)}) == 1


def test_a_name_that_two_share_is_refused_with_advice(store: FakeStore, words: Words, csv_file: Write) -> None:
    files = [
        csv_file("stations.csv", "编号,名称\nS1,一站\n"),
        csv_file("staff.csv", "工号,姓名,手机\n1,王伟,19900000001\n2,王伟,19900000002\n"),
        csv_file("communities.csv", "小区编号,小区名称,供热站,管家\nC1,甲园,S1,王伟\nC2,乙园,一站,2\n"),
    ]
    report = import_company(store, files, words)
    assert [(p.line, p.column, p.reason) for p in report.problems] == [(2, "管家", "ambiguous")]
    with store.read() as tx:
        (community,) = tx.communities()
        assert tx.staff(community.butler_id).number == "02"


def test_extra_cells_hint_at_a_missing_quote(company: FakeStore, words: Words, csv_file: Write) -> None:
    report = _import(company, words, csv_file("households.csv", HEADER + GOOD.strip() + ",x\n"))
    assert [p.reason for p in report.problems] == ["too_many_cells"]


def _duties(store: FakeStore, words: Words, csv_file: Write, row: str) -> tuple[list[Duty], ImportReport]:
    report = import_company(store, csv_file("duties.csv", f"班次,值班人员,供热站,星期,开始,结束\n{row}\n"), words)
    with store.read() as tx:
        return list(tx.duties()), report


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("每天", {1, 2, 3, 4, 5, 6, 7}),
        ("周一至周五", {1, 2, 3, 4, 5}),
        ("1-5", {1, 2, 3, 4, 5}),
        ('"1,3,5"', {1, 3, 5}),
        ("周六、周日", {6, 7}),
        ("星期天", {7}),
        ("周一三五", {1, 3, 5}),
        ("周五至周一", {5, 6, 7, 1}),
        ("周一到周三;周六", {1, 2, 3, 6}),
    ],
)
def test_weekdays(said: str, days: set[int], company: FakeStore, words: Words, csv_file: Write) -> None:
    rota, report = _duties(company, words, csv_file, f"站点值班,31,S1,{said},20:00,8:00")
    assert report.problems == []
    assert rota[0].weekdays == days
    assert (rota[0].role, rota[0].start, rota[0].until) == (StaffRole.STATION_DUTY, time(20), time(8))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("站点值班,31,S1,周八,08:00,20:00", "bad_weekdays"),
        ("站点值班,31,S1,每天,八点,20:00", "bad_time"),
        ("站点值班,31,S1,每天,08:00,25:00", "bad_time"),
        ("站点值班,99,S1,每天,08:00,20:00", "unknown_staff"),
        ("站点值班,31,S9,每天,08:00,20:00", "unknown_station"),
        ("门卫,31,S1,每天,08:00,20:00", "bad_choice"),
        ("站点值班,31,S1,,08:00,20:00", "missing"),
    ],
)
def test_a_rota_without_one_good_row_leaves_the_old_one(
    row: str, reason: str, company: FakeStore, words: Words, csv_file: Write
) -> None:
    with company.read() as tx:
        before = list(tx.duties())
    rota, report = _duties(company, words, csv_file, row)
    assert [p.reason for p in report.problems] == [reason]
    assert rota == before


def test_hours_that_nobody_holds_are_told(company: FakeStore, words: Words, csv_file: Write) -> None:
    _, report = _duties(company, words, csv_file, "值班领导,51,,每天,00:00,24:00\n热线主管,61,,周一至周六,00:00,24:00")
    sentences = [w.sentence for w in report.warnings]
    assert len(sentences) == 6, "five stations and the supervisor"
    assert "热线主管" in sentences[-1]
    assert "周日00:00" in sentences[-1]
    assert "1440" in sentences[-1]


def test_operators_come_without_a_password_and_keep_theirs(store: FakeStore, words: Words, csv_file: Write) -> None:
    from dataclasses import replace  # noqa: PLC0415

    rows = "登录名,姓名,角色,分机,密码\nOp1,小苏,接线员,19955000001,secret\n"
    report = import_company(store, csv_file("operators.csv", rows), words)
    with store.write() as tx:
        (operator,) = tx.operators()
        tx.upsert_operator(replace(operator, password_hash="argon"))
    assert (operator.login, operator.role, operator.password_hash) == ("op1", OperatorRole.OPERATOR, "")
    assert report.ignored == ["operators.csv: 密码"]

    import_company(store, csv_file("operators.csv", rows.replace("接线员", "主管")), words)

    with store.read() as tx:
        (operator,) = tx.operators()
    assert (operator.role, operator.password_hash) == (OperatorRole.SUPERVISOR, "argon")


def test_a_deputy_who_is_the_butler_is_doubtful(company: FakeStore, words: Words, csv_file: Write) -> None:
    row = "小区编号,小区名称,供热站,管家,替班管家\nC01,翠湖花园,S1,11,11\n"
    report = import_company(company, csv_file("communities.csv", row), words)
    assert [(w.line, w.reason) for w in report.warnings] == [(2, "deputy_is_butler")]
    assert report.problems == []
