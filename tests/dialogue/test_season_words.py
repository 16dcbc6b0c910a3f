"""The season is spoken as the company's calendar has it (F10), without anybody editing an answer."""

from pathlib import Path

from dialogue.tables import load_knowledge
from dialogue.wording import Wording
from fulfillment.standard import Standard
from tests.dialogue.talk import BOOK

DATA = Path(__file__).resolve().parents[2] / "data"


def test_as_shipped_and_as_the_local_government_moved_it() -> None:
    standard = Standard(DATA)
    wording = Wording(BOOK, standard, lambda _: "")
    shipped = wording.season()
    facts = load_knowledge(DATA).facts
    assert shipped == {name: facts[name] for name in shipped}
    standard.adopt("calendar", {"season": {"first": "11-01", "last": "04-05"}})
    assert wording.season() == {**shipped, "season_start": "11月1日", "season_end": "4月5日", "season_days": "155"}
