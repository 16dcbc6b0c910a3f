"""That somebody writes: shown to the other side for a few seconds and stored nowhere. Pure."""

from dialogue.chat import Side


def typing_topic(conversation_id: str, side: Side) -> str:
    """What `DialogueStore.signal` is told while this side writes."""
    return f"typing:{conversation_id}:{side}"
