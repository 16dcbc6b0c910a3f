from pathlib import Path

import pytest

from bot.danger_words import Danger, DangerWords, load_danger_words
from bot.understanding import EMERGENCIES, Intent
from kernel.errors import ConfigurationError
from tests.bot.sentences import held_out, training

WORDS = load_danger_words()

SURE = [
    ("暖气漏水了", Intent.LEAK_INSIDE),
    ("客厅一直在往下滴水 是热的", Intent.LEAK_INSIDE),
    ("俺家暖气片子呲水了", Intent.LEAK_INSIDE),
    ("地暖管爆了", Intent.LEAK_INSIDE),
    ("分水器底下洇出来一大片", Intent.LEAK_INSIDE),
    ("不是不热 是暖气漏水", Intent.LEAK_INSIDE),
    ("不是马桶漏水 是旁边的暖气漏水", Intent.LEAK_INSIDE),
    ("上周修好了 今天暖气又漏水了", Intent.LEAK_INSIDE),
    ("是不是漏水了 暖气底下往外渗水", Intent.LEAK_INSIDE),
    ("没人管吗 暖气一直在漏水", Intent.LEAK_INSIDE),
    ("马路上往外冒热水", Intent.LEAK_STREET),
    ("供热主管网爆管了 喷得老高", Intent.LEAK_STREET),
    ("热力井盖丢了", Intent.MANHOLE_COVER),
    ("井盖塌了 差点掉进去人", Intent.MANHOLE_COVER),
    # every way out: spraying, seeping, steaming, bursting, running over the floor
    ("暖气管滋滋往外蹿水", Intent.LEAK_INSIDE),
    ("热水淌了一客厅", Intent.LEAK_INSIDE),
    ("满屋子都是热水", Intent.LEAK_INSIDE),
    ("暖气软管脱落了 水关不住", Intent.LEAK_INSIDE),
    ("装修的把地暖管打穿了", Intent.LEAK_INSIDE),
    ("分水器在喷", Intent.LEAK_INSIDE),
    ("工地挖破了供热主管", Intent.LEAK_STREET),
    ("单位门前供热管线泄漏", Intent.LEAK_STREET),
    # back again
    ("修好了又漏了", Intent.LEAK_INSIDE),
    ("暖气没修好 还在滴", Intent.LEAK_INSIDE),
    ("师傅昨天修好了 今天又开始滴水", Intent.LEAK_INSIDE),
    # a question about rules does not excuse what runs now
    ("我家暖气漏水了 修要钱吗", Intent.LEAK_INSIDE),
    ("家里暖气漏水了打哪个电话", Intent.LEAK_INSIDE),
    ("暖气现在还在漏 请问谁负责修", Intent.LEAK_INSIDE),
    # the foreign object is only a place, a likeness, or denied
    ("马桶旁边那根暖气管滋水", Intent.LEAK_INSIDE),
    ("暖气管喷得跟花洒似的", Intent.LEAK_INSIDE),
    ("不是自来水 是暖气管在漏", Intent.LEAK_INSIDE),
    ("晚上回来一看暖气漏了一地", Intent.LEAK_INSIDE),
    ("我还以为是洗衣机漏水 一摸是热的 暖气管往外流", Intent.LEAK_INSIDE),
    # looks like a lesson, runs now
    ("电视里那种喷法 暖气正在往外喷水", Intent.LEAK_INSIDE),
    ("热力井敞着没有围挡", Intent.MANHOLE_COVER),
    ("暖气今天又开始漏水 昨天刚修好了", Intent.LEAK_INSIDE),
    ("暖气现在漏水 说是修好了 没用", Intent.LEAK_INSIDE),
    ("从来没漏过 今天暖气底下一汪水", Intent.LEAK_INSIDE),
    ("暖气底下水往外爬", Intent.LEAK_INSIDE),
    # who was asked first sent them here
    ("自来水公司来看过 说找供暖的 管子还在往外冒热水", Intent.LEAK_INSIDE),
    ("装空调的师傅打孔 暖气管喷水了", Intent.LEAK_INSIDE),
    ("上次是我看错 这次暖气真漏水", Intent.LEAK_INSIDE),
    ("天天怕漏 今天就漏了 暖气喷水", Intent.LEAK_INSIDE),
    ("你们包不漏的暖气 又往外滴水", Intent.LEAK_INSIDE),
    ("你们上回来修 它又漏了", Intent.LEAK_INSIDE),
    # worse than before, and what was feared has come
    ("暖气以前是渗 现在是往下淌", Intent.LEAK_INSIDE),
    ("前几天暖气接头有点渗 今天成流了", Intent.LEAK_INSIDE),
    ("怕啥来啥 暖气果然漏了", Intent.LEAK_INSIDE),
    ("谁说修好了 暖气还漏着呢", Intent.LEAK_INSIDE),
    ("暖气底下接了三桶水了", Intent.LEAK_INSIDE),
    ("暖气管没完没了地漏", Intent.LEAK_INSIDE),
    ("想问下暖气漏水找谁 我家正漏着", Intent.LEAK_INSIDE),
    ("物业说是暖气漏水", Intent.LEAK_INSIDE),
    ("掉热力井里一个小孩", Intent.MANHOLE_COVER),
    ("消防通道那里的供热井盖坏了", Intent.MANHOLE_COVER),
    # feared, supposed, threatened with: it is there all the same
    ("不敢关 怕拧断 但是暖气漏得挺急", Intent.LEAK_INSIDE),
    ("没有万一了 暖气已经漏了", Intent.LEAK_INSIDE),
    ("要是再没人来 暖气漏的水就流到楼下了", Intent.LEAK_INSIDE),
    ("井盖碎了 谁要是骑车过来准得栽进去", Intent.MANHOLE_COVER),
    ("井盖没掉 可是塌了一半", Intent.MANHOLE_COVER),
]
PERHAPS = ["家里漏水了", "楼上往下滴水", "暖器管报门", "暖七管暴了", "阀门那里滴水"]
PERHAPS += [
    "水越来越大了",
    "漏水了找谁",
    "阀门低水",
    "井概坏了",
    "听说主管道漏水抢修 我家停暖了",
    "建议井盖换新的 都裂了",
    # not here or not now, or only asked about
    "听见砰一声以为暖气爆了 看了没事",
    "演习一下 假装暖气漏水",
    "请问暖气漏水多久能到",
    "暖气漏水是找物业还是找热力",
    "电视上播外地供热管爆了 咱这查过吗",
    "幼儿园做预案 供热管道破裂时按什么流程报",
    "老师让写作文 暖气漏水了先做什么",
    "暖气漏了自己能弄吗 还是得叫你们",
    "据说二号楼暖气爆了",
    "暖气漏水维修费含在热费里没",
    "暖气漏水按几",
    "我是暖气漏水那家的 想补个签字",
    "暖气漏水怎么申请换管",
    "页面上显示暖气漏水 我没报",
    "地暖把地板烤裂了",
    "车暖气漏防冻液",
    "以为分水器漏 蹲那看了半天没见水",
    "拆片子的时候暖气淌水拿啥接",
    "朋友圈里说暖气爆了",
    "暖气管喷水归财险管不",
    "推销的说这牌子暖气爱漏",
    "暖气漏水的风险大不大",
    "暖气不热 是不是哪儿漏了",
    "听着像暖气漏水 其实是气",
    "调查一下 供暖管道渗漏上报多少起",
    "老人说暖气漏水 是他看花了 老花眼",
    "暖气漏水 误报 是孩子打翻的水",
    # long ago, at somebody else's, only asked
    "我妈家十几年前暖气爆过 地板全泡了",
    "隔壁单元地暖漏了 咱这栋会不会也漏",
    "我要打孔挂电视 把地暖打漏了咋办",
    # covers that rattle, are looked after or asked about: the model decides
    "井盖咣当咣当响",
    "热力井盖丢了一般多久补上",
    "井盖坏了归你们还是归市政",
    "路口的井盖报过了 有进展没 还碎着",
]
NO = [
    ("暖气片没有渗漏现象 但是冰凉", "negated"),
    ("暖气漏水?没有的事 是没热乎气", "negated"),
    ("暖气漏倒是不漏 就是不热", "noise"),
    ("抄表漏抄我家了 暖气费不对", "noise"),
    ("没漏水就是不热", "negated"),
    ("暖气没有漏水 屋里冷", "negated"),
    ("现在不漏了", "negated"),
    ("上次漏水修好了谢谢", "past"),
    ("昨天暖气漏水已经处理完了", "past"),
    ("昨儿地暖漏水了 师傅来修好了 谢谢", "past"),
    ("要是漏水了打哪个电话", "hypothetical"),
    ("万一暖气爆了怎么办", "hypothetical"),
    ("漏水修要钱吗", "hypothetical"),
    ("暖气漏水把地板泡坏了 谁赔", "past"),
    ("昨晚暖气管漏水 师傅十分钟就到了 特别感谢", "past"),
    ("暖气今天早上开始漏水 师傅来过 已经修好了", "past"),
    ("井盖盖上了 点赞", "past"),
    ("井盖没丢 挪一边了 我们自己盖严了", "past"),
    ("公园喷泉的井盖丢了", "foreign"),
    ("暖气漏水修一次多少钱", "hypothetical"),
    ("暖气漏水是归物业还是归你们", "hypothetical"),
    ("暖气漏水的话找谁", "hypothetical"),
    ("怎么防止暖气漏水", "hypothetical"),
    ("听说容易漏水 提前问问", "hypothetical"),
    ("漏水修好了 现在屋里只有十五度", "past"),
    ("哪儿也没漏 就是温度低", "negated"),
    ("家里水管漏水 是自来水 不是暖气", "foreign"),
    ("跟暖气没关系 是洗手池漏水", "foreign"),
    ("冷水管往外滋水", "foreign"),
    ("天然气漏了", "foreign"),
    ("水龙头漏水", "foreign"),
    ("壁挂炉漏水", "foreign"),
    ("洗衣机往外冒水", "foreign"),
    ("屋顶漏雨", "foreign"),
    ("下水道的井盖丢了", "foreign"),
    ("暖气里有水流声 不热", "noise"),
    ("暖气费怎么交", ""),
    ("暖气报停", ""),
    ("阀门手柄断了", ""),
    ("进水管热 回水管凉", ""),
    ("暖气包不热", ""),
    ("暖气管子早晚得漏 换了吧", "hypothetical"),
    ("暖气要真崩了 我一个老太太往哪躲", "hypothetical"),
    ("暖气阀关好了 水不流了", "negated"),
    ("阀门底下有点渗水 师傅给紧了紧", "past"),
    ("管子接头渗水 缠完带子 现在不滴了", "past"),
    ("暖气接头渗水 擦了 干干的", "past"),
    ("报的漏水弄利索了 您给销了吧", "past"),
    ("暖气漏电 摸着麻手", "noise"),
    ("通水那天别漏了我们单元", ""),
    ("窗户上的水淌了一窗台", "foreign"),
    ("浴池排的热水淌到路上", "foreign"),
    ("加入暖气爆了 先关哪个", "hypothetical"),
    ("分水器那帽 我怕拧错了喷水", "hypothetical"),
    ("暖气漏水的那根 已经换了铜的", "past"),
    ("茶馆往街上排热水", "foreign"),
    ("厨宝底下滴热水", "foreign"),
    ("我可没说暖气漏水", "negated"),
    ("暖气滴水不漏 就是凉", "noise"),
    ("暖气不来 冻得眼泪哗哗流", "noise"),
    ("公共浴室热水管漏了", "foreign"),
    ("气炸了", ""),
    ("你们泄露我的电话", ""),
    ("缴费流水怎么导出", ""),
    ("井盖费多少钱", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "intent"), SURE)
def test_sure(text: str, intent: Intent) -> None:
    found = WORDS.judge(text)
    assert (found.danger, found.intent) == (Danger.SURE, intent)


@pytest.mark.parametrize("text", PERHAPS)
def test_perhaps(text: str) -> None:
    assert WORDS.judge(text).danger is Danger.PERHAPS


@pytest.mark.parametrize(("text", "excuse"), NO)
def test_no(text: str, excuse: str) -> None:
    found = WORDS.judge(text)
    assert (found.danger, found.excuse) == (Danger.NO, excuse)


def test_words_alone_find_most_emergencies_and_are_never_sure_of_anything_else() -> None:
    """Without any model; the floors are what was measured on the held-out set, less three sentences."""
    emergencies = [WORDS.judge(s.text).danger for s in held_out() if s.emergency]
    others = [s.text for s in held_out() if not s.emergency and WORDS.judge(s.text).danger is Danger.SURE]
    assert emergencies.count(Danger.SURE) / len(emergencies) >= 0.58
    assert emergencies.count(Danger.NO) / len(emergencies) <= 0.12
    assert others == []


def test_sure_of_next_to_nothing_harmless_in_the_training_data() -> None:
    """One in two thousand; half of the data was written to lead the words astray."""
    harmless = [s.text for s in training() if s.intent not in EMERGENCIES]
    wrong = [text for text in harmless if WORDS.judge(text).danger is Danger.SURE]
    assert len(wrong) <= len(harmless) / 2000, wrong


@pytest.mark.parametrize("content", ["", "water_out: 1", "- a", "water_out: {plain: '('}"])
def test_a_broken_table_stops_the_start(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "danger_words.yml"
    broken.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"danger_words\.yml"):
        DangerWords.load(broken)
