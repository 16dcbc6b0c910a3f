"""What chat robots say to members of staff. A message may be long, but it is read in a group: no telephone number is in it,
the signed link leads to that.
"""

from collections.abc import Callable, Sequence

from fulfillment.company import Staff
from fulfillment.ports import Alarm
from fulfillment.robot_messages import LINKED_AT_ONCE, RobotText
from fulfillment.sentinel import Cause, RecoveredText, SentinelText
from fulfillment.staff_notices import NoticeText, Occasion, StaffNotice
from ivr.alarm_text import SEGMENT, cut, one_line, place_of, symptom_of, units
from ivr.ports import Book
from kernel.clock import local

_LONGEST_PLACE, _LONGEST_SYMPTOM = 60, 76

Link = Callable[[str], str]


def robot_text(book: Book, link: Link) -> RobotText:
    """`link` gives the work order's address for an attempt's id."""

    def compose(alarms: Sequence[Alarm], staff: Staff) -> str:
        told = [
            book.say(
                "alarm.robot",
                name=staff.name,
                ticket=alarm.ticket.number,
                place=cut(one_line(place_of(book, alarm.ticket, alarm.community_name)), _LONGEST_PLACE),
                symptom=cut(one_line(symptom_of(book, alarm.ticket)), _LONGEST_SYMPTOM),
                link=link(alarm.attempt.id),
            ).chat
            for alarm in alarms[:LINKED_AT_ONCE]
        ]
        if len(alarms) > LINKED_AT_ONCE:
            told.append(book.say("alarm.robot_more", count=len(alarms) - LINKED_AT_ONCE).chat)
        return "\n\n".join(told)

    return compose


def notice_text(book: Book) -> NoticeText:
    """A clock's warning or breach within one text segment: the place gives way, ticket and hour never do."""

    def compose(notice: StaffNotice) -> str:
        def render(place: str) -> str:
            return _notice(book, notice, place)

        place = one_line(place_of(book, notice.ticket, notice.community_name))
        return render(cut(place, SEGMENT - units(render(""))))

    return compose


def notice_message(book: Book, link: Link) -> NoticeText:
    """The same for a chat robot, to a person by name and with the work order's address."""

    def compose(notice: StaffNotice) -> str:
        place = cut(one_line(place_of(book, notice.ticket, notice.community_name)), _LONGEST_PLACE)
        said = _notice(book, notice, place)
        return book.say("alarm.notice", name=notice.staff.name, notice=said, link=link(notice.attempt.id)).chat

    return compose


def _notice(book: Book, notice: StaffNotice, place: str) -> str:
    return book.say(
        _script(notice),
        ticket=notice.ticket.number,
        kind=notice.kind_title,
        title=notice.clock_title,
        due=f"{local(notice.clock.due_by):%m-%d %H:%M}",
        place=place,
    ).chat


def _script(notice: StaffNotice) -> str:
    if notice.occasion is Occasion.HANDED_ON:
        return "alarm.notice_handed_on" if notice.given else "alarm.notice_not_come"
    if notice.given:
        return "alarm.notice_given"
    return "alarm.notice_breached" if notice.occasion is Occasion.BREACH else "alarm.notice_warning"


def sentinel_words(book: Book) -> tuple[SentinelText, RecoveredText]:
    """What the sentinel says, for texts and robots alike: no name, no place, nothing of a resident's."""

    def cause(cause: Cause, count: int, minutes: int) -> str:
        scripts = {
            Cause.DATABASE: "alarm.sentinel_database",
            Cause.OVERDUE: "alarm.sentinel_overdue",
            Cause.UNTOLD: "alarm.sentinel_untold",
            Cause.QUIET: "alarm.sentinel_quiet",
        }
        return book.say(scripts[cause], count=count, minutes=minutes).chat

    def over(cause: Cause) -> str:
        return book.say("alarm.sentinel_over", cause=cause.value).chat

    return cause, over
