"""The command line: readable scripts, played against a running network."""

import io
import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from simulator.__main__ import main
from simulator.config import Config, ConfigError, read_config
from simulator.play import ScriptError, Step, read_script
from tests.simulator.desk import (
    ACCOUNT,
    BUTLER,
    HOTLINE,
    RESIDENT,
    SECOND_BUTLER,
    TOKEN,
    Desk,
    Product,
    eventually,
    gather,
    running_desk,
    twiml,
)

SAMPLES = Path("simulator/samples")


@pytest.fixture
def script(tmp_path: Path, desk: Desk) -> "ScriptFile":
    return ScriptFile(tmp_path / "script.txt", desk)


class ScriptFile:
    def __init__(self, path: Path, desk: Desk) -> None:
        self._path, self._desk = path, desk

    def play(self, text: str, *arguments: str) -> int:
        self._path.write_text(text, encoding="utf-8")
        return main(["play", str(self._path), "--base", self._desk.base, "--limit", "5", *arguments])


def hotline(product: Product) -> None:
    product.answers["/voice"] = twiml(gather("您好,请问有什么可以帮您?", actionOnEmptyResult="true", timeout="20"))
    product.answers["/heard"] = lambda: twiml(
        gather("请先关闭阀门。请问您的地址是?", action="/address")
        if product.forms("/heard")[-1].get("SpeechResult")
        else gather("没有听清楚", actionOnEmptyResult="true", timeout="20")
    )
    product.answers["/address"] = twiml('<Say language="cmn-CN">请稍等,我记录一下</Say>' + f"<Dial>{BUTLER}</Dial>")


def test_a_whole_call_is_played_and_printed(
    product: Product, script: ScriptFile, capsys: pytest.CaptureFixture[str]
) -> None:
    hotline(product)
    code = script.play(f"""
        // a leak
        ? 您好
        ...
        ? 没有听清
        > 家里暖气管爆了
        ? 阀门
        ? 地址
        ~ 1
        > 阳光花园3号楼2单元501
        butler {BUTLER}: answer
        ? 已与对方接通
        butler {BUTLER}: say 我马上到
        ? 马上到
        hang up
        over?
    """)
    out = capsys.readouterr()
    assert code == 0, out.err
    lines = out.out.splitlines()
    spoken = [line.split("  ", 1)[1] for line in lines]
    assert "热线: 请先关闭阀门。请问您的地址是?" in spoken
    assert "居民甲: 阳光花园3号楼2单元501" in spoken
    assert "管家甲: 我马上到" in spoken
    assert all(line[2] == ":" and line[5] == "." for line in lines), "every line begins with its time"
    assert lines == sorted(lines, key=lambda line: line[:7])


def test_an_expectation_that_is_not_met_fails(
    product: Product, script: ScriptFile, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    hotline(product)
    assert script.play("? 您好\nlimit 1\n? 再见") == 1
    assert "line 3: expect 再见: not within 1 s" in capsys.readouterr().err
    assert desk.phone(RESIDENT)["phase"] == "idle", "hung up however it ended"


def test_words_before_ones_own_last_words_do_not_count(product: Product, script: ScriptFile) -> None:
    hotline(product)
    assert script.play("> 漏水\nlimit 1\n? 您好") == 1


def test_words_that_nobody_hears_fail(product: Product, script: ScriptFile, capsys: pytest.CaptureFixture[str]) -> None:
    product.answers["/voice"] = twiml(gather("请按一", input="dtmf", timeout="20"))
    assert script.play("> 你好") == 1
    captured = capsys.readouterr()
    assert "nobody listened" in captured.err
    assert "(没有被听到)" in captured.out


def test_texts_are_expected_and_listed(
    product: Product, script: ScriptFile, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    hotline(product)
    play: list[int] = []
    waiting = Thread(target=lambda: play.append(script.play(f"? 您好\nbutler {BUTLER}: text? 漏水", "--withheld")))
    waiting.start()
    eventually(lambda: product.forms("/voice"))
    desk.http.post(
        f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
        data={"To": BUTLER, "From": HOTLINE, "Body": "阳光小区漏水"},
        auth=(ACCOUNT, TOKEN),
    )
    waiting.join()
    assert play == [0]
    capsys.readouterr()
    assert main(["texts", "--base", desk.base, "--number", BUTLER]) == 0
    assert "阳光小区漏水" in capsys.readouterr().out
    assert main(["texts", "--base", desk.base, "--number", SECOND_BUTLER]) == 0
    assert capsys.readouterr().out == ""


def test_barge_in_and_keys_by_script(product: Product, config: Config, tmp_path: Path) -> None:
    product.answers["/voice"] = twiml(gather("请听我说" * 100, action="/keys", numDigits="1"))
    product.answers["/keys"] = twiml(gather("请讲", timeout="20"))
    product.answers["/heard"] = twiml("<Hangup/>")
    path = tmp_path / "script.txt"
    path.write_text("#! 2\n? 请讲\n>! 喂\nover?", encoding="utf-8")
    with running_desk(replace(config, speed=10)) as desk:
        assert main(["play", str(path), "--base", desk.base, "--limit", "5"]) == 0
    assert product.forms("/keys")[0]["Digits"] == "2"
    assert product.forms("/heard")[0]["SpeechResult"] == "喂"


def test_a_script_that_cannot_be_read(script: ScriptFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.play("? 您好\nsing") == 2
    assert "line 2: not understood: sing" in capsys.readouterr().err


def test_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "script.txt"
    path.write_text("? 您好", encoding="utf-8")
    assert main(["play", str(path), "--base", "http://127.0.0.1:9"]) == 2
    assert "is the network running?" in capsys.readouterr().err
    assert main(["play", str(tmp_path / "none.txt")]) == 2


def test_the_grammar_of_the_readme_is_understood() -> None:
    readme = Path("simulator/README.md").read_text(encoding="utf-8")
    table = readme.split("## Scripts for `play`")[1].split("## Control API")[0]
    examples = [cell for row in table.splitlines() if row.startswith("| `") for cell in row.split("|")[1].split("`")]
    steps = read_script([example for example in examples if example.strip(" ,")])
    assert len(steps) >= 12
    assert steps[-1] == Step(len(steps), "answer", "", BUTLER)
    with pytest.raises(ScriptError):
        read_script(["# eins"])


def test_samples_can_be_read() -> None:
    samples = list(SAMPLES.glob("*.txt"))
    assert samples
    for sample in samples:
        assert read_script(io.StringIO(sample.read_text(encoding="utf-8")))


# -- settings ----------------------------------------------------------------------------------------------------

GOOD = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}


def test_settings_are_read(tmp_path: Path) -> None:
    phones = [{"number": "+8613700000009", "label": "管家丙", "kind": "butler"}]
    file = tmp_path / "phones.json"
    file.write_text(json.dumps(phones), encoding="utf-8")
    for given in (json.dumps(phones), str(file)):
        config = read_config(GOOD | {"SIMULATOR_PHONES": given, "SIMULATOR_SPEED": "20", "SIMULATOR_PORT": "8111"})
        assert [(p.number, p.label, p.kind) for p in config.phones] == [("+8613700000009", "管家丙", "butler")]
        assert (config.speed, config.port) == (20.0, 8111)
    assert [p.kind for p in read_config(GOOD).phones] == ["resident", "resident", "butler", "butler"]
    assert read_config(GOOD | {"SIMULATOR_SPEED": "0"}).speed == 0


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_ACCOUNT_SID"),
        ({"TWILIO_AUTH_TOKEN": ""}, "TWILIO_AUTH_TOKEN"),
        ({"SIMULATOR_HOTLINE_NUMBER": "95598"}, "SIMULATOR_HOTLINE_NUMBER"),
        ({"SIMULATOR_SPEED": "fast"}, "SIMULATOR_SPEED"),
        ({"SIMULATOR_PATIENCE": "-1"}, "SIMULATOR_PATIENCE"),
        ({"SIMULATOR_TIMEOUT_SCALE": "fast"}, "SIMULATOR_TIMEOUT_SCALE"),
        ({"SIMULATOR_PHONES": "[1]"}, "SIMULATOR_PHONES"),
        ({"SIMULATOR_PHONES": '[{"number": "137"}]'}, "SIMULATOR_PHONES"),
        ({"SIMULATOR_PHONES": "/nowhere.json"}, "SIMULATOR_PHONES"),
        ({"TWIML_XSD": "/nowhere.xsd"}, "TWIML_XSD"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, str], names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        read_config(GOOD | wrong)
