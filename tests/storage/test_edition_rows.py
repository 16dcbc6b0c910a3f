"""Editions and absences, said to every store alike."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from dialogue.ports import DialogueStore
from fulfillment.company import Absence, Duty, StaffRole
from fulfillment.edition import Edition
from kernel.errors import NotFound
from tests.fakes import BUTLER, DEPUTY
from tests.storage.samples import NOW

HOUR = timedelta(hours=1)


def test_editions_are_added_and_counted(store: DialogueStore) -> None:
    with store.read() as tx:
        assert tx.count_editions() == 0
    with store.write() as tx:
        ladder = tx.add_edition(Edition(0, "ladder", {"rungs": ["butler"]}, NOW, NOW, "周主管"))
        again = tx.add_edition(Edition(0, "script.greeting.help", None, NOW + HOUR, NOW, "周主管"))
        assert tx.count_editions() == 2
    with store.read() as tx:
        assert list(tx.editions()) == [ladder, again]
        assert list(tx.editions("ladder")) == [ladder]
        assert list(tx.editions("lad")) == []


def test_absences_end_and_are_cancelled(store: DialogueStore) -> None:
    with store.write() as tx:
        ill = tx.add_absence(Absence(0, BUTLER, DEPUTY, NOW + HOUR, NOW + 3 * HOUR, NOW, "周主管"))
        away = tx.add_absence(Absence(0, DEPUTY, None, NOW, NOW + HOUR, NOW, "周主管"))
        assert list(tx.absences(NOW)) == [away, ill]
        assert list(tx.absences(NOW + HOUR)) == [ill], "its end is not in it"
        tx.save_absence(replace(tx.absence(ill.id, for_update=True), cancelled_at=NOW))
        assert list(tx.absences(NOW)) == [away]
        with pytest.raises(NotFound):
            tx.absence(99)
    with pytest.raises(NotFound), store.write() as tx:
        tx.save_absence(replace(ill, id=99))


def test_a_line_of_the_rota_keeps_its_days(store: DialogueStore) -> None:
    line = Duty(StaffRole.DUTY_CHIEF, BUTLER, None, frozenset({1, 7}), time(8), time(20), date(2026, 12, 1), None)
    with store.write() as tx:
        tx.replace_duties([line, replace(line, first=None, last=date(2026, 11, 30))])
    with store.read() as tx:
        assert list(tx.duties()) == [line, replace(line, first=None, last=date(2026, 11, 30))]
