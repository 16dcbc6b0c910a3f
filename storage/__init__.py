"""The only room that speaks SQL. Its door is `Store`; sound lies in a `SoundFolder` beside the database."""

from storage.recordings import SoundFolder
from storage.store import Store

__all__ = ["SoundFolder", "Store"]
