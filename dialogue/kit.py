"""What every turn needs and no turn changes, built once by the composition root."""

from collections.abc import Mapping
from dataclasses import dataclass

from dialogue.policy import Policy
from dialogue.ports import DialogueStore, Understands
from dialogue.script_book import ScriptBook
from fulfillment.standard import Standard
from kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Kit:
    """What every turn needs and no turn changes."""

    store: DialogueStore
    understander: Understands
    policy: Policy
    book: ScriptBook
    standard: Standard
    clock: Clock
    facts: Mapping[str, str]  # what answers are filled with (data/knowledge.yml)
    facts_of_profiles: Mapping[str, Mapping[str, str]]  # and instead, where the company has chosen a profile
    hotline_phone: str  # E.164; the big call button of safety cards
