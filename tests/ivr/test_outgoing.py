"""A resident's telephone that we ring: the carrier's webhooks, doubled, out of order, and when this product fails."""

from kernel.errors import StoreBusy
from tests.ivr.conftest import CALL_SID, TRY, ScriptedResidents
from tests.twilio_judges import JudgedClient, action_of, spoken

ANSWERED = f"/ivr/outgoing/{TRY}"


def test_picked_up_the_conversation_begins_and_goes_on_as_any_other(carrier: JudgedClient) -> None:
    first = carrier.post(ANSWERED, {"CallSid": CALL_SID})
    document = carrier.speak(ANSWERED, {"CallSid": CALL_SID})
    assert carrier.post(ANSWERED, {"CallSid": CALL_SID}).data == first.data
    assert spoken(document)
    assert "/ivr/calls/c0ffee/turns/" in action_of(document)


def test_events_are_told_and_an_end_closes_the_conversation(
    carrier: JudgedClient, scripted_residents: ScriptedResidents
) -> None:
    for status in ("initiated", "ringing", "in-progress", "completed", "completed"):
        assert carrier.post(f"{ANSWERED}/status", {"CallStatus": status, "CallSid": CALL_SID}).status_code == 204
    assert [e[1] for e in scripted_residents.events] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
        "completed",
    ]
    assert scripted_residents.ended == [CALL_SID, CALL_SID]


def test_a_fault_is_a_polite_end_and_tells_nothing(
    carrier: JudgedClient, scripted_residents: ScriptedResidents
) -> None:
    scripted_residents.failure = StoreBusy("locked")
    document = carrier.speak(ANSWERED, {"CallSid": CALL_SID})
    assert spoken(document) == ["打扰您了,再见"]
    assert document[-1].tag == "Hangup"
    assert carrier.post(f"{ANSWERED}/status", {"CallStatus": "completed"}).status_code == 503


def test_a_try_nobody_knows(carrier: JudgedClient) -> None:
    assert spoken(carrier.speak("/ivr/outgoing/" + "b" * 32, {"CallSid": CALL_SID})) == ["打扰您了,再见"]


def test_delivery_reports_of_texts_about_incidents_are_told(
    carrier: JudgedClient, scripted_residents: ScriptedResidents
) -> None:
    for form in ({"MessageStatus": "delivered", "MessageSid": "SM1"}, {"SmsStatus": "failed", "SmsSid": "SM2"}):
        assert carrier.post("/ivr/told/7/text-status", form).status_code == 204
    assert scripted_residents.events == [("told 7", "delivered", "SM1"), ("told 7", "failed", "SM2")]


def test_delivery_reports_of_texts_about_tickets_are_told(
    carrier: JudgedClient, scripted_residents: ScriptedResidents
) -> None:
    for form in ({"MessageStatus": "undelivered", "MessageSid": "SM1"}, {"SmsStatus": "delivered", "SmsSid": "SM1"}):
        assert carrier.post("/ivr/words/9/text-status", form).status_code == 204
    assert scripted_residents.events == [("word 9", "undelivered", ""), ("word 9", "delivered", "")]
