"""The facts of a call of ours, read in the transaction of a turn."""

from dialogue.outgoing import OurCall
from dialogue.ports import DialogueTx
from dialogue.state import DialogueState
from fulfillment.calling import errand_of
from fulfillment.standard import Standard


def our_call_of(tx: DialogueTx, state: DialogueState, standard: Standard) -> OurCall | None:
    """None: the resident called us."""
    if state.our_call_id is None:
        return None
    errand = errand_of(tx, tx.resident_tries(state.our_call_id)[-1], standard)
    operator_id = errand.call.operator_id
    return OurCall(
        purpose=errand.call.purpose,
        name=errand.name,
        place=errand.community_name or errand.ticket.address.text,
        title=errand.title,
        visit=errand.call.visit,
        operator="" if operator_id is None else tx.operator(operator_id).name,
        address=errand.ticket.address,
        home_id=errand.ticket.household_id,
        plan=standard.outgoing,
    )
