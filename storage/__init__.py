"""The only room that speaks SQL. Its door is `Store`."""

from storage.store import Store

__all__ = ["Store"]
