"""The chat with a scripted hotline, to be looked at: `python -m tests.webchat.preview [port]`.

A leak, an address in 翠湖花园, an operator who comes after a few seconds: no database, no Rasa.
"""

import sys
import threading
import time

from dialogue.conversation import Author, Floor
from kernel.clock import SystemClock
from tests.webchat.fake_hotline import move
from tests.webchat.site import Site, site

TAKES_OVER_AFTER = 5.0


def operator_at_work(place: Site) -> None:
    """Takes every resident who waits, and says hello."""
    clock = SystemClock()
    while True:
        time.sleep(1)
        with place.store.read() as tx:
            waiting = [c.id for c in tx.live_conversations() if c.floor is Floor.QUEUE]
        for conversation_id in waiting:
            time.sleep(TAKES_OVER_AFTER)
            with place.store.write() as tx:
                move(tx, conversation_id, Floor.OPERATOR, at=clock, operator_id=place.operator.id)
                tx.add_message(
                    conversation_id,
                    author=Author.OPERATOR,
                    text="您好,我是张敏。您的情况我看到了,管家已经在路上,大约 15 分钟到。",
                    at=clock.now(),
                    data={"operator": place.operator.name},
                )


def main() -> None:
    place = site(thinks=0.9)
    threading.Thread(target=operator_at_work, args=[place], daemon=True).start()
    place.app.run("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8300, threaded=True)


if __name__ == "__main__":
    main()
