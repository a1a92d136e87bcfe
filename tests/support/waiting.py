"""Waiting for something to become true, with a deadline instead of a guess."""

import time


def eventually(check, timeout_s=20.0, every_s=0.05):
    """Calls check() until it gives something true, and returns that.

    An exception counts as "not yet"; at the deadline the last one, or the
    last value, is in the failure.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            outcome = check()
            if outcome:
                return outcome
        except Exception as error:  # whatever it is, it may pass
            outcome = error
        if time.monotonic() >= deadline:
            name = getattr(check, "__name__", "it")
            raise AssertionError(
                f"not within {timeout_s} s: {name} gave {outcome!r}"
            )
        time.sleep(every_s)
