"""The operators' pages: the live queue, conversations taken over, tickets, and the alarm that is never quiet by itself."""

from console.blueprint import build_console
from console.ports import Audio, Health, Setup

__all__ = ["Audio", "Health", "Setup", "build_console"]
