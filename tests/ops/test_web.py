"""What gunicorn loads."""

import gc

from ops.web import keep_what_is_there


def test_what_is_there_is_not_walked_through_again() -> None:
    kept = [[] for _ in range(1000)]
    try:
        keep_what_is_there()
        assert gc.get_freeze_count() > len(kept)
        assert len(gc.get_objects()) < len(kept)
    finally:
        gc.unfreeze()
