"""What is spoken must fit the ear: one breath, then it is the caller's turn."""

import pytest

from tests.dialogue.talk import BOOK

#: What the bot says to residents by itself; answers on fees are measured in tests/importing.
THEMES = ("announcement", "ask", "greeting", "hearing", "safety", "scope", "ticket")
MOST_CHARACTERS = 60
SAMPLES = {
    "address": "翠湖花园3号楼2单元五零幺", "first": "翠湖花园3号楼2单元五零幺", "second": "阳光花园1号楼1单元幺零幺", "community": "翠湖花园",
    "phone": "13800000001", "number": "1122-0007", "card": "100001", "agent": "11", "butler": "王建军", "butler_phone": "19900000011",
    "station": "城东供热站", "promise": "我们会在今天10点30分前与您联系,今天12点前到现场", "symptom": "家里一直不热", "visit_time": "明天下午",
    "matter": "家里暖气一直不热", "title": "室温不达标", "state": "已登记,正在派人", "unit": "国家电网供电服务热线", "building": "3",
    "what": "城东主管道抢修,翠湖花园暂停供暖", "until": "今天18点", "who": "八十岁的老人", "season_start": "11月15日",
    "choices": ["单户补装", "既有楼宇", "新建小区"], "last": "9月30日", "hours": "9点到12点、14点到18点", "when": "11月24日14点", "overtime": "每小时30元", "yuan": "1860.5",
}  # fmt: skip


@pytest.mark.parametrize("key", [k for k in BOOK.scripts if k.partition(".")[0] in THEMES])
def test_a_sentence_is_one_breath_unless_it_saves_somebody(key: str) -> None:
    script = BOOK.scripts[key]
    if not script.interruptible:
        return
    voice = BOOK.say(key, **{name: SAMPLES[name] for name in script.params}).voice
    assert sum(c.isalnum() for c in voice) <= MOST_CHARACTERS, voice  # marks are pauses
