"""What the chat may be told by the composition root."""

from dataclasses import dataclass, field
from datetime import timedelta

from webchat.ports import TellsTickets, TellsWaiting, no_tickets, nobody_waits
from webchat.stream import Pace


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """Rates are Flask-Limiter's notation. Addresses get more than visitors: a mobile network hides many homes behind one."""

    text_characters: int = 2000
    body_bytes: int = 64 * 1024
    picture_bytes: int = 8 * 1024 * 1024
    streams: int = 32  # of the process's threads (Settings.web_threads): the rest answers webhooks
    messages_per_visitor: str = "30 per minute"
    messages_per_address: str = "300 per minute"
    pictures_per_visitor: str = "10 per minute; 60 per hour"
    pictures_per_address: str = "60 per minute; 600 per hour"
    sessions_per_address: str = "120 per minute"
    reads_per_visitor: str = "240 per minute"
    page: int = 100  # messages per answer


@dataclass(frozen=True, slots=True)
class ChatConfig:
    """What differs from company to company. `frame_ancestors` is the CSP source list of sites that may embed the chat."""

    secret: str
    company_name: str
    hotline_phone: str = ""  # as it is dialled; "" = no call button in the menu
    secure_cookies: bool = True  # False only where PUBLIC_BASE_URL is http
    frame_ancestors: str = "*"
    token_life: timedelta = timedelta(days=400)
    stream_key_life: timedelta = timedelta(hours=2)
    pace: Pace = field(default_factory=Pace)
    limits: ChatLimits = field(default_factory=ChatLimits)
    waiting: TellsWaiting = nobody_waits  # where somebody who waits for a person stands
    tickets: TellsTickets = no_tickets  # their cards
