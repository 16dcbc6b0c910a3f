"""Another process that writes. `run(url, what, pipe)`; it says on the pipe what it is doing.

message: waits for a word on the pipe, then commits one message to conversation c1.
hold:    opens a transaction, writes in it, and stays there.
flood:   commits turns (message, ticket, clock, timeline, task) as fast as it can, telling how many.
add:     waits for a word, then 100 times reads conversation c1, adds one to a number in its state, and writes it.
claim:   waits for a word, then claims until nothing is due, and tells the keys.
"""

from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection

from dialogue.conversation import Author
from fulfillment.outbox import Lane
from fulfillment.ticket import TimelineEntry
from storage import Store
from tests.storage.samples import NOW, a_clock, a_task, a_ticket


def run(url: str, what: str, pipe: Connection) -> None:
    with Store(url) as store:
        store.ping()
        {f.__name__: f for f in (message, hold, flood, add, claim)}[what](store, pipe)


def wait_for_a_word(pipe: Connection) -> None:
    pipe.send("ready")
    pipe.recv()


def message(store: Store, pipe: Connection) -> None:
    wait_for_a_word(pipe)
    with store.write() as tx:
        tx.add_message("c1", author=Author.OPERATOR, text="您好", at=NOW)


def hold(store: Store, pipe: Connection) -> None:
    with store.write() as tx:
        tx.add_message("c1", author=Author.BOT, text="never said", at=NOW)
        tx.add_ticket(a_ticket())
        pipe.send("holding")
        pipe.recv()


def flood(store: Store, pipe: Connection) -> None:
    n = 0
    while True:
        with store.write() as tx:
            line = tx.add_message("c1", author=Author.RESIDENT, text=f"第{n}句", at=NOW, client_id=str(n))
            ticket = tx.add_ticket(a_ticket(details={"seq": str(line.seq)}))
            tx.add_clock(a_clock(ticket.id))
            tx.add_to_timeline(TimelineEntry(ticket.id, NOW, "bot", "opened"))
            tx.enqueue(a_task(f"forward-{ticket.id}", ticket_id=ticket.id))
        n += 1
        pipe.send(n)


def add(store: Store, pipe: Connection) -> None:
    wait_for_a_word(pipe)
    for _ in range(100):
        with store.write() as tx:
            conversation = tx.conversation("c1", for_update=True)
            tx.save_conversation(replace(conversation, state={"n": conversation.state["n"] + 1}))


def claim(store: Store, pipe: Connection) -> None:
    wait_for_a_word(pipe)
    keys = []
    while (task := store.claim(Lane.EMERGENCY, NOW, timedelta(minutes=1), "w")) is not None:
        keys.append(task.key)
    pipe.send(keys)
