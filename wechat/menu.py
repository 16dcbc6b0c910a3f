"""The menu of the official account: what is asked most, a person, and the page with the widget."""

from typing import Any

from dialogue.options import HUMAN, MENU
from wechat.ports import Scripts

_REPAIRS = ("intent:leak_inside", "intent:no_heat", "intent:temperature_test")
_BUTTONS = {option.choice: option.label for option in (*MENU, HUMAN)}


def label_of(choice: str, book: Scripts) -> str:
    """Empty for a key that is not of this menu: an older one, still on somebody's telephone."""
    return book.word(_BUTTONS[choice]) if choice in _BUTTONS else ""


def menu(base_url: str, book: Scripts) -> dict[str, Any]:
    """For menu/create. WeChat takes three buttons of four characters, each with up to five of seven."""

    def click(choice: str) -> dict[str, str]:
        return {"type": "click", "name": book.word(_BUTTONS[choice]), "key": choice}

    page = {"type": "view", "name": book.word("words.menu_page"), "url": f"{base_url}/chat/"}
    business = [click(choice) for choice in _BUTTONS if choice not in (*_REPAIRS, HUMAN.choice)]
    return {
        "button": [
            {"name": book.word("words.menu_repairs"), "sub_button": [click(choice) for choice in _REPAIRS]},
            {"name": book.word("words.menu_business"), "sub_button": business},
            {"name": book.word("words.menu_contact"), "sub_button": [click(HUMAN.choice), page]},
        ]
    }
