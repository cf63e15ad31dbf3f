"""
What an error carries besides its text: the frames that it came through, with their local variables.

A monitor such as Sentry stores those. Below `Engine.perform` they hold the access token, the signed assertion, the API
key of a gateway: in the headers of a request, in the form of a token request, in its answer. So when an error leaves a
call, the frames below it are cleared.
"""

from __future__ import annotations

from contextlib import suppress

# Whose frames see a secret. Others keep their locals for whoever looks for a bug: a transport of the caller's own, the
# caller's program.
_KEEPERS = frozenset({"aioags", "aiohttp", "joserfc"})


def forget_locals(error: BaseException) -> None:
    """
    Clear the local variables of every frame that an error, its causes and its contexts came through.

    Frames that still run are left alone. Only for what has just been raised below: then all those frames have ended.
    One that waits would be ended by Python before 3.13.
    """
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        left += (one.__cause__, one.__context__)
        _clear(one)


def _clear(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _KEEPERS:
            # That of who asked, and of who waits for it, still runs.
            with suppress(RuntimeError):
                frame.clear()
        trace = trace.tb_next
