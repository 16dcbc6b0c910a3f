"""The operators' pages: the live queue, conversations taken over, tickets, and the alarm that is never quiet by itself."""

from console.blueprint import build_console
from console.ports import Health

__all__ = ["Health", "build_console"]
