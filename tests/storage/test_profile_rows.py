"""Choices of profiles, said to every store alike."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dialogue.ports import DialogueStore
from fulfillment.profile import ProfileChoice
from kernel.errors import NotFound
from tests.storage.samples import NOW

HOUR = timedelta(hours=1)


def test_choices_of_profiles_are_kept_and_withdrawn(store: DialogueStore) -> None:
    with store.write() as tx:
        first = tx.add_profile_choice(ProfileChoice(0, "leak_on_site", "B", NOW + HOUR, NOW, "周主管"))
        second = tx.add_profile_choice(ProfileChoice(0, "leak_on_site", "K", NOW, NOW, "周主管"))
        locked = tx.profile_choice(second.id, for_update=True)
        tx.save_profile_choice(replace(locked, withdrawn_at=NOW, withdrawn_by="钱主管"))
    with store.read() as tx:
        assert list(tx.profile_choices()) == [first, replace(second, withdrawn_at=NOW, withdrawn_by="钱主管")]
        with pytest.raises(NotFound):
            tx.profile_choice(99)
    with pytest.raises(NotFound), store.write() as tx:
        tx.save_profile_choice(replace(first, id=99))
