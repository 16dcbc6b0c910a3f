from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.entities import EntityWords
from bot.normalise import normalise
from bot.understanding import CommunityName, EntityKind
from kernel.clock import BEIJING
from kernel.errors import ConfigurationError

WORDS = EntityWords.load()
COMMUNITIES = (
    CommunityName(1, "翠湖花园", ("翠湖",)),
    CommunityName(2, "翠湖佳园", ("翠湖二期",)),
    CommunityName(3, "阳光小区", ("老阳光",)),
    CommunityName(4, "金色家园"),
    CommunityName(5, "滨河花园", ("滨河",)),
    CommunityName(6, "兵合花苑"),  # sounds like the one before
)
#: A Sunday, ten in the morning in Beijing.
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def found(text: str, kind: EntityKind) -> list[str]:
    return [e.value for e in WORDS.find(normalise(text).text, COMMUNITIES) if e.kind is kind]


@pytest.mark.parametrize(
    ("text", "building", "unit", "room"),
    [
        ("三号楼二单元五零幺", "3", "2", "501"),
        ("3-2-501", "3", "2", "501"),
        ("\uff13\uff0d\uff12\uff0d\uff15\uff10\uff11", "3", "2", "501"),
        ("三杠二杠五零一", "3", "2", "501"),
        ("3栋2单元501", "3", "2", "501"),
        ("3号楼2单元501室", "3", "2", "501"),
        ("三幢一门四零二", "3", "1", "402"),
        ("A3号楼2单元1203", "A3", "2", "1203"),
        ("B区四号楼一单元九零三", "B4", "1", "903"),
        ("甲3号楼2单元401", "甲3", "2", "401"),
        ("C6,2单元,302", "C6", "2", "302"),
        ("贰号楼叁单元伍零贰", "2", "3", "502"),
        ("九号楼一单元二十三零二", "9", "1", "2302"),
        ("二号楼一单元两千零二", "2", "1", "2002"),
        ("楼号是十六,单元是三,房号七零二", "16", "3", "702"),
        ("b座1单元601", "B", "1", "601"),
        ("十二号楼三单元四零一", "12", "3", "401"),
        ("二十三号楼一单元二百零一", "23", "1", "201"),
        ("8楼4单元602", "8", "4", "602"),
        ("八号楼四单元六零二 电话13800138000", "8", "4", "602"),
        ("住翠湖花园15号楼1单元1102", "15", "1", "1102"),
        ("6#2单元302", "6", "2", "302"),
        ("不对 是三单元", "", "3", ""),
        ("我家302的", "", "", "302"),
        ("12-301", "12", "", "301"),
        ("五楼东户", "", "", ""),
        ("楼上漏水", "", "", ""),
        ("工单号1122", "", "", ""),
        ("屋里14度", "", "", ""),
    ],
)
def test_house_address_in_every_spoken_form(text: str, building: str, unit: str, room: str) -> None:
    said = [found(text, k) for k in (EntityKind.BUILDING, EntityKind.UNIT, EntityKind.ROOM)]
    assert said == [[v] if v else [] for v in (building, unit, room)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13800138000", "13800138000"),
        ("138 0013 8000", "13800138000"),
        ("138-0013-8000", "13800138000"),
        ("+8613800138000", "13800138000"),
        ("电话幺三八零零幺三八零零零", "13800138000"),
        ("一三八 零零一三 八零零零 谢谢", "13800138000"),
        ("0351-6688123", "03516688123"),
        ("座机6688123", "6688123"),
    ],
)
def test_telephone_numbers(text: str, number: str) -> None:
    assert found(text, EntityKind.PHONE) == [number]


@pytest.mark.parametrize("text", ["卡号10023456789012", "1380013", "三号楼二单元五零幺"])
def test_other_numbers_are_no_telephone_numbers(text: str) -> None:
    assert found(text, EntityKind.PHONE) == []


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("14度", "14"), ("屋里只有15.5℃", "15.5"), ("十五六度", "15.5"), ("只有十三度五", "13.5"), ("十六度半", "16.5"),
        ("二十度", "20"), ("十五点五度", "15.5"), ("14-16度", "15"), ("八度", "8"),
    ],
)  # fmt: skip
def test_temperatures(text: str, degrees: str) -> None:
    assert found(text, EntityKind.TEMPERATURE) == [degrees]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("我是翠湖花园的", ["1"]),
        ("翠湖二期三号楼", ["2"]),
        ("翠湖三号楼", ["1"]),
        ("崔湖花园", ["1"]),
        ("翠虎家园", ["2"]),
        ("金色加园五栋", ["4"]),
        ("老阳光那边", ["3"]),
        ("我们小区不热", []),
        ("家里有个花园漏水", []),
        ("你好", []),
    ],
)
def test_communities_from_the_companys_list(text: str, ids: list[str]) -> None:
    assert found(text, EntityKind.COMMUNITY) == ids


def test_a_clear_name_is_certain_and_a_misheard_one_less() -> None:
    clear, same_sound, alike = (
        next(e.score for e in WORDS.find(t, COMMUNITIES) if e.kind is EntityKind.COMMUNITY)
        for t in ("金色家园", "今色家园", "银色家园")
    )
    assert clear == 1.0
    assert clear > same_sound >= 0.9 > alike


def test_equal_candidates_are_all_told() -> None:
    assert sorted(found("宾和花院", EntityKind.COMMUNITY)) == ["5", "6"]


def test_of_two_names_that_sound_alike_characters_and_tones_decide() -> None:
    assert found("宾河花园", EntityKind.COMMUNITY) == ["5"]
    assert found("冰合花苑", EntityKind.COMMUNITY) == ["6"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("不是翠湖花园,是翠湖佳园", ["2"]),
        ("翠湖花园,不对,阳光小区", ["3"]),
        ("滨河七栋二单元", ["5"]),
        ("桃花源小区十二栋", []),
        ("是不是翠湖花园", ["1"]),
    ],
)
def test_what_is_taken_back_or_another_place_is_no_community(text: str, ids: list[str]) -> None:
    assert found(text, EntityKind.COMMUNITY) == ids


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("客厅和北屋都不热", EntityKind.PLACE_AT_HOME, ["客厅", "北屋"]),
        ("主卧暖气片漏水", EntityKind.PLACE_AT_HOME, ["主卧"]),
        ("主卧暖气片漏水", EntityKind.PART, ["radiator"]),
        ("地暖分水器的阀门", EntityKind.PART, ["floor_heating", "manifold", "valve"]),
        ("立管接头滴水", EntityKind.PART, ["riser", "joint"]),
        ("家里停电了", EntityKind.OTHER_UNIT, ["electricity"]),
        ("物业不管垃圾", EntityKind.OTHER_UNIT, ["property"]),
        ("厨房煤气味", EntityKind.OTHER_UNIT, ["gas"]),
        ("暖气不热", EntityKind.OTHER_UNIT, []),
        ("明儿下午三点半来吧", EntityKind.TIME, ["明儿下午三点半"]),
        ("周六上午或者周日下午", EntityKind.TIME, ["周六上午", "周日下午"]),
    ],
)
def test_words(text: str, kind: EntityKind, values: list[str]) -> None:
    assert found(text, kind) == values


def test_every_other_unit_is_a_row_of_the_directory() -> None:
    import yaml  # noqa: PLC0415 - only here

    rows = yaml.safe_load((Path(__file__).parents[2] / "data" / "directory.yml").read_text(encoding="utf-8"))
    assert set(WORDS._units) <= {row["key"] for row in rows}


def test_positions_point_into_the_text() -> None:
    text = "翠湖花园3号楼2单元501 客厅14度 13800138000 明天上午"
    entities = WORDS.find(text, COMMUNITIES)
    assert len({e.kind for e in entities}) == 8
    assert all(text[e.start : e.end] == e.text for e in entities)


def beijing(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("明儿下午三点半", beijing(11, 23, 15, 30), beijing(11, 23, 16, 30)),
        ("周六上午", beijing(11, 28, 9), beijing(11, 28, 12)),
        ("今天晚上", beijing(11, 22, 18), beijing(11, 22, 21)),
        ("明天上午九点到十一点", beijing(11, 23, 9), beijing(11, 23, 11)),
        ("晚上七点到九点", beijing(11, 22, 19), beijing(11, 22, 21)),
        ("下周三下午两点以后", beijing(11, 25, 14), beijing(11, 25, 18)),
        ("十一月二十五号上午", beijing(11, 25, 9), beijing(11, 25, 12)),
        ("三点", beijing(11, 22, 15), beijing(11, 22, 16)),
        ("上午九点", beijing(11, 23, 9), beijing(11, 23, 10)),
        ("后天", beijing(11, 24, 9), beijing(11, 24, 18)),
        ("大后天", beijing(11, 25, 9), beijing(11, 25, 18)),
        ("14:30", beijing(11, 22, 14, 30), beijing(11, 22, 15, 30)),
        ("现在", beijing(11, 22, 10), beijing(11, 22, 12)),
        ("半夜", beijing(11, 23, 0), beijing(11, 23, 4)),
    ],
)
def test_times_become_intervals(said: str, start: datetime, end: datetime) -> None:
    assert WORDS.resolve_time(said, NOW) == (start, end)


@pytest.mark.parametrize("said", ["", "昨天", "今天早上", "2月30号", "不知道", "今天八点九十分"])
def test_what_is_past_or_no_time_is_none(said: str) -> None:
    assert WORDS.resolve_time(said, NOW) is None


def test_an_interval_is_aware_and_begins_before_it_ends() -> None:
    interval = WORDS.resolve_time("周日下午", NOW)
    assert interval is not None
    assert interval[0].utcoffset() == timedelta(hours=8)
    assert interval[0] < interval[1]


def test_a_broken_table_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "entities.yml").write_text("number: '['", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"entities\.yml"):
        EntityWords.load(tmp_path / "entities.yml")


def test_degrees_on_the_earth_are_no_number_of_anybody() -> None:
    said = "我的位置:北纬38.04231度,东经114.51492度,误差19米"
    assert WORDS.find(said) == ()
    [room] = [e for e in WORDS.find(f"{said} 翠湖3号楼501") if e.kind is EntityKind.ROOM]
    assert (room.value, room.start) == ("501", len(said) + 6)
