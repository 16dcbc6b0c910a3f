"""Files as companies really send them, and files that are none."""

import zipfile
from collections.abc import Callable
from datetime import time
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment.importing import TableKind, Words, import_company
from fulfillment.importing import tables as tables_module
from fulfillment.importing.words import load_words
from ivr.robots import robot_address
from kernel.errors import ConfigurationError, ImportRejected
from tests.fakes import FakeStore
from tests.importing.conftest import SAMPLE

Write = Callable[..., Path]
HEADER = "卡号,小区,楼号,单元,房号,户主"
ROW = "60010001,翠湖花园,3,2,501,张三"


def _names(store: FakeStore) -> set[str]:
    with store.read() as tx:
        cards = [tx.household_by_card(f"6001000{n}") for n in range(10)]
    return {home.name for home in cards if home}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_encodings_and_line_ends(encoding: str, ending: str, company: FakeStore, words: Words, csv_file: Write) -> None:
    file = csv_file("households.csv", ending.join([HEADER, ROW, ""]), encoding)
    assert import_company(company, file, words).problems == []
    assert _names(company) == {"张三"}


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiters(delimiter: str, company: FakeStore, words: Words, csv_file: Write) -> None:
    text = f"{HEADER}\n{ROW}\n".replace(",", delimiter)
    assert import_company(company, csv_file("households.csv", text), words).imported[TableKind.HOUSEHOLDS] == 1


def test_english_headings_in_any_order_beside_unknown_ones(company: FakeStore, words: Words, csv_file: Write) -> None:
    text = "room,备注,Name,CARD_NUMBER,building,community,unit\n501,x,张三,60010001,3,翠湖花园,2\n"
    report = import_company(company, csv_file("households.csv", text), words)
    assert report.problems == []
    assert report.ignored == ["households.csv: 备注"]
    assert _names(company) == {"张三"}


def test_a_title_empty_lines_and_marked_headings(company: FakeStore, words: Words, csv_file: Write) -> None:
    text = f"示例热力 2026 用户台账,,,,,\n\n{HEADER.replace('卡号', '供暖 卡号(必填)*')}\n\n{ROW}\n,,,,,\n\n坏行,翠湖花园,1,1,1,x\n"
    report = import_company(company, csv_file("households.csv", text), words)
    assert [(p.line, p.reason) for p in report.problems] == [(8, "bad_key")]
    assert _names(company) == {"张三"}


def test_lines_are_counted_as_an_editor_counts_them(company: FakeStore, words: Words, csv_file: Write) -> None:
    text = f'{HEADER}\n60010001,翠湖花园,3,2,501,"张\n三"\n坏,翠湖花园,3,2,502,李四\n'
    report = import_company(company, csv_file("households.csv", text), words)
    assert [p.line for p in report.problems] == [4]
    assert _names(company) == {"张三"}


def test_a_chinese_file_name_names_the_table(company: FakeStore, words: Words, csv_file: Write) -> None:
    assert import_company(company, csv_file("用户台账.csv", f"{HEADER}\n{ROW}\n"), words).problems == []
    assert _names(company) == {"张三"}


def test_a_workbook_with_all_tables(store: FakeStore, words: Words, book: Write) -> None:
    file = book(
        "公司资料.xlsx",
        {
            "住户": [
                ["卡号", "小区", "楼号", "单元", "房号", "户主", "手机"],
                [60010001, "翠湖花园", 3, 2.0, "501", "张三", 19911000001],
            ],
            "值班表": [
                ["班次", "值班人员", "供热站", "星期", "开始", "结束"],
                ["站点值班", 7, "S1", "每天", time(8), time(8)],
            ],
            "小区": [["小区编号", "小区名称", "供热站", "管家"], ["C1", "翠湖花园", "S1", 7]],
            "员工": [["工号", "姓名", "手机"], [7, "王伟", 19900000007]],
            "供热站": [["编号", "名称"], ["S1", "一站"]],
            "说明": [["随便写写"]],
        },
    )
    report = import_company(store, file, words)
    assert [str(p) for p in report.problems] == []
    with store.read() as tx:
        home = tx.household_by_card("60010001")
        (duty,) = tx.duties()
        assert tx.all_staff()[0].number == "07"
    assert home is not None
    assert (home.building, home.unit, home.phone) == ("3", "2", "+8619911000001")
    assert (duty.start, duty.until) == (time(8), time(8))


def test_merged_cells_mean_the_same_as_above(company: FakeStore, words: Words, book: Write) -> None:
    head = HEADER.split(",")
    lines = [
        ["用户台账", "", "", "", "", ""],
        head,
        ["60010001", "翠湖花园", 3, 1, 101, "甲"],
        ["60010002", None, None, 2, 102, "乙"],
        ["60010003", None, None, 3, 103, "丙"],
        ["60010004", None, 4, 1, 101, "丁"],
    ]
    file = book("households.xlsx", {"Sheet1": lines}, merge=["A1:F1", "B3:B5", "C3:C5"])
    report = import_company(company, file, words)
    assert _names(company) == {"甲", "乙", "丙"}
    assert [(p.line, p.column, p.reason) for p in report.problems] == [(6, "小区", "missing")]


def test_formulas_are_not_values(company: FakeStore, words: Words, book: Write) -> None:
    rows = [
        ["60010001", "翠湖花园", 3, 1, "=100+1", "甲"],
        ["60010002", "翠湖花园", 3, 1, 102, "#N/A"],
        ["60010003", "翠湖花园", 3, 1, 103, "丙"],
    ]
    report = import_company(company, book("households.xlsx", {"Sheet1": [HEADER.split(","), *rows]}), words)
    assert [(p.line, p.column, p.reason) for p in report.problems] == [(2, "房号", "formula"), (3, "户主", "formula")]
    assert _names(company) == {"丙"}


def test_long_numbers_that_a_spreadsheet_has_spoilt(company: FakeStore, words: Words, book: Write) -> None:
    row = [6001000112345678901, "翠湖花园", 3, 1, 101, "甲"]
    report = import_company(company, book("households.xlsx", {"Sheet1": [HEADER.split(","), row]}), words)
    assert [p.reason for p in report.problems] == ["digits_lost"]


def test_ten_thousand_rows_in_bounded_transactions_and_twice_the_same(
    company: FakeStore, words: Words, csv_file: Write
) -> None:
    rows = [f"7{n:07},翠湖花园,{n % 30 + 1},1,{n},户{n}" for n in range(10_000)]
    file = csv_file("households.csv", "\n".join([HEADER, *rows]))
    writes = _count_writes(company)

    first = import_company(company, file, words, batch=500)
    assert (first.imported[TableKind.HOUSEHOLDS], first.problems) == (10_000, [])
    assert len(writes) == 20

    writes.clear()
    rows[4321] += "改"
    second = import_company(company, csv_file("households.csv", "\n".join([HEADER, *rows])), words, batch=500)
    assert second.imported[TableKind.HOUSEHOLDS] == 1
    assert second.unchanged[TableKind.HOUSEHOLDS] == 9_999
    assert len(writes) == 1, "what has not changed takes no write lock"


def _count_writes(store: FakeStore) -> list[int]:
    writes: list[int] = []
    original = store.write

    def counted() -> object:
        writes.append(1)
        return original()

    store.write = counted  # type: ignore[method-assign, assignment]  # the fake is ours; counts what a database would lock
    return writes


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("households.csv", b"", "空"),
        ("households.csv", b" \r\n ", "空"),
        ("households.csv", HEADER.encode(), "表头"),
        ("households.csv", "卡号,小区,楼号\n1,翠湖花园,3\n".encode(), "房号"),
        ("households.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "CSV"),
        ("households.csv", b"<html><table><tr><td>1</td></tr></table>", "CSV"),
        ("households.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "xlsx"),
        ("households.xlsx", b"PK\x03\x04 this is no archive", "损坏"),
        ("households.csv", f'{HEADER}\n60010001,翠湖花园,3,2,501,"张三\n{ROW}\n'.encode(), "line 2"),
        ("photos.csv", b"a,b\n1,2\n", "households"),
        ("households.csv", b"\xff\xfe\x00", "CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(
    name: str, content: bytes, said: str, company: FakeStore, words: Words, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ImportRejected, match=said) as refusal:
        import_company(company, file, words)
    assert name in str(refusal.value)


def test_a_missing_file_and_a_folder_without_tables(store: FakeStore, words: Words, tmp_path: Path) -> None:
    with pytest.raises(ImportRejected, match="找不到"):
        import_company(store, tmp_path / "households.csv", words)
    (tmp_path / "readme.md").write_text("hello", encoding="utf-8")
    with pytest.raises(ImportRejected, match="households"):
        import_company(store, tmp_path, words)


def test_one_unusable_file_stops_the_import_before_anything_is_written(
    store: FakeStore, words: Words, csv_file: Write
) -> None:
    files = [csv_file("stations.csv", "编号,名称\nS1,一站\n"), csv_file("staff.csv", "没有表头\n1\n")]
    with pytest.raises(ImportRejected):
        import_company(store, files, words)
    with store.read() as tx:
        assert list(tx.stations()) == []


def test_huge_files(company: FakeStore, words: Words, csv_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = csv_file("households.csv", "\n".join([HEADER, *[ROW] * 50]))
    monkeypatch.setattr(tables_module, "MAX_ROWS", 49)
    with pytest.raises(ImportRejected, match="49"):
        import_company(company, file, words)
    monkeypatch.setattr(tables_module, "MAX_BYTES", 100)
    with pytest.raises(ImportRejected, match="太大"):
        import_company(company, file, words)


def test_a_small_workbook_that_unfolds_into_billions_of_cells(company: FakeStore, words: Words, book: Write) -> None:
    file = book("households.xlsx", {"Sheet1": [HEADER.split(","), ROW.split(",")]}, merge=["H1:I2"])
    bomb = file.with_name("用户.xlsx")
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(bomb, "w") as target:
        for part in source.namelist():
            target.writestr(part, source.read(part).replace(b"H1:I2", b"H1:XFD1048576"))
    with pytest.raises(ImportRejected, match="范围太大"):
        import_company(company, bomb, words)


def _with_a_cell_far_out(book: Write, merge: list[str]) -> Path:
    file = book("households.xlsx", {"Sheet1": [HEADER.split(","), ROW.split(",")]}, merge=merge)
    workbook = openpyxl.load_workbook(file)
    workbook.worksheets[0].cell(400_000, 16_000, "x")
    workbook.save(file)
    return file


def test_a_lonely_cell_far_out_is_one_bad_row(company: FakeStore, words: Words, book: Write) -> None:
    report = import_company(company, _with_a_cell_far_out(book, []), words)
    assert _names(company) == {"张三"}
    assert {p.line for p in report.problems} == {400_000}


def test_a_lonely_cell_far_out_of_a_merged_sheet_does_not_build_all_between(
    company: FakeStore, words: Words, book: Write
) -> None:
    with pytest.raises(ImportRejected, match="范围太大"):
        import_company(company, _with_a_cell_far_out(book, ["A2:A3"]), words)


def test_a_workbook_that_breaks_off_in_the_middle(company: FakeStore, words: Words, book: Write) -> None:
    file = book("households.xlsx", {"Sheet1": [HEADER.split(","), ROW.split(",")]})
    broken = file.with_name("用户.xlsx")
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(broken, "w") as target:
        for part in source.namelist():
            content = source.read(part)
            target.writestr(part, content[: len(content) // 2] if "worksheets" in part else content)
    with pytest.raises(ImportRejected, match="损坏"):
        import_company(company, broken, words)


@given(content=st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_imported_listed_or_refused(content: bytes, words: Words, tmp_path: Path) -> None:
    file = tmp_path / "stations.csv"
    file.write_bytes("编号,名称\n".encode() + content)
    store = FakeStore()
    try:
        report = import_company(store, file, words)
    except ImportRejected:
        return
    with store.read() as tx:
        assert len(tx.stations()) == report.imported[TableKind.STATIONS]


def test_a_broken_word_list_names_itself(tmp_path: Path) -> None:
    (tmp_path / "import_words.yml").write_text("tables: {}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"import_words\.yml"):
        load_words(tmp_path / "import_words.yml")


def test_temporary_and_foreign_files_of_a_folder_are_left_alone(store: FakeStore, words: Words, tmp_path: Path) -> None:
    for file in SAMPLE.glob("*.csv"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "~$households.xlsx").write_bytes(b"lock")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    report = import_company(store, tmp_path, words, robot_address=robot_address)
    assert report.ignored == [".DS_Store", "notes.csv", "~$households.xlsx"]
    assert report.imported[TableKind.HOUSEHOLDS] == 500
