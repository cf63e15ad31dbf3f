"""
The promises about calls: how often one may ask, and when it may say no, or that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.ledger import RECORDED, REFUSED, UNKNOWN, Made, Outage
from tests.simulation.network import LONGEST_DELAY

if TYPE_CHECKING:
    from tests.simulation.world import World

_LONGEST_PROBE = 10.0


def no_outage_leaves_a_score_unknown(world: World) -> Iterator[str]:
    """
    An outage shorter than the call's time leaves no repeatable score unknown or unsent.
    """
    for made in world.ledger.made.values():
        told = made.told[0] if made.told else None
        if made.way != "post" or not made.repeatable or told is None or made.began is None:
            continue
        # Throttled: another call was asked for a longer silence than this one may take.
        if told.verdict == RECORDED or not (told.verdict == UNKNOWN or told.transient) or "Throttled" in told.error:
            continue
        met = [one for one in world.ledger.met[made.number] if one.at <= told.at]
        met += [one for one in world.ledger.token_met if one.maker == made.maker and made.began <= one.at <= told.at]
        numbers = {one.outage for one in met}
        # By one outage and nothing else: of faults and refusals beside it a call has only its tries.
        if len(numbers) != 1 or None in numbers or world.ledger.refused[made.number]:
            continue
        if not _has_company(world, made, told.at):
            continue
        outage = next(one for one in world.ledger.outages if one.number in numbers)
        end = _end_of(world, outage)
        lasted = end - min(outage.start, made.began)
        if lasted < world.retry.total_time - _LONGEST_PROBE - 2 * LONGEST_DELAY:
            yield (
                f"#{made.number} of {made.maker} was told as {told.verdict} ({told.error}) at {told.at:.3f}, for an "
                f"outage that ended at {end:.3f}"
            )


def _end_of(world: World, outage: Outage) -> float:
    """
    Return when a platform is back for so long that a probe finds it: the next outage, or a proxy, may come before.
    """
    spans = [(one.platform, one.start, one.end) for one in world.ledger.outages]
    end = outage.end
    for platform, start, until in sorted(spans + world.ledger.veils, key=lambda span: span[1]):
        if platform == outage.platform and start <= end + _LONGEST_PROBE:
            end = max(end, until)
    return end


def _has_company(world: World, made: Made, until: float) -> bool:
    """
    True when another score of the process was between two attempts when this one was tried for the last time, at the
    same platform: a call alone cannot tell an outage from its own fate.
    """
    ledger = world.ledger
    last = max((at for at in ledger.sent[made.number] if at <= until), default=until)
    for other in ledger.made.values():
        if other.maker != made.maker or other.way != "post" or other.key[0] != made.key[0] or other.key == made.key:
            continue
        before = max((at for at in ledger.sent[other.number] if at <= last), default=None)
        after = min((at for at in ledger.sent[other.number] if at > last), default=None)
        if before is None or after is None:
            continue
        if not any(before <= told.at <= after for told in other.told):
            return True
    return False


def an_outage_is_not_hammered(world: World) -> Iterator[str]:
    """
    A platform that is away gets at most twice the window (8 at the least) and one request a second from a process.
    """
    for outage in world.ledger.outages:
        for maker, asked in outage.asked.items():
            most = _bar(outage, maker)
            if asked > most:
                lasted = f"{outage.end - outage.start:.0f} s from {outage.start:.3f} on"
                yield f"{maker} sent {asked} requests into the outage of {lasted}; {most} were allowed"


def _bar(outage: Outage, maker: str) -> int:
    return 2 * max(outage.windows.get(maker, 0), 8) + int(outage.end - outage.start) + 1


def what_is_told_as_refused_was_refused(world: World) -> Iterator[str]:
    """
    A score that is told as refused by the platform was refused itself, and not for a token that was forgotten.
    """
    ledger = world.ledger
    for made in ledger.made.values():
        errors = {told.error for told in made.told if told.verdict == REFUSED} & {"RefusedError", "ForbiddenError"}
        if errors and not (ledger.refused[made.number] or ledger.met[made.number]):
            yield f"#{made.number} of {made.maker} is told as refused ({', '.join(errors)}), and nobody refused it"


def nothing_is_unknown_without_a_cause(world: World) -> Iterator[str]:
    """
    What is told as unknown met something on its way, or may have been sent by a process that died or a drain that was
    cancelled; or it was stale, it shows nothing, and so does another of the tool's.
    """
    ledger = world.ledger
    for made in ledger.made.values():
        told = next((one for one in made.told if one.verdict == UNKNOWN), None)
        if told is None or ledger.met[made.number] or made.number in ledger.failed:
            continue
        stopped = ledger.dead or world.trouble_drawn["store"] or ledger.drains_cancelled
        if made.way == "post" or not (stopped or _is_stale_by_what_shows_nothing(world, made)):
            yield f"#{made.number} was told to {made.maker} as unknown ({told.error}), and nothing had happened to it"


def _is_stale_by_what_shows_nothing(world: World, made: Made) -> bool:
    others = (one for one in world.ledger.of(made.key) if one is not made and not one.valued)
    refused = world.ledger.refused[made.number] and not made.valued
    return bool(refused) and any(world.ledger.applied[one.number] for one in others)


def a_refusal_is_believed(world: World) -> Iterator[str]:
    """
    A score that its platform refuses is tried twice at the most by one call, and once more for a token.
    """
    for made in world.ledger.made.values():
        refused, calls = world.ledger.believable[made.number], max(len(made.told), 1)
        if made.way == "post" and refused > 3 * calls:
            yield f"#{made.number} of {made.maker} was refused {refused} times in {calls} calls"
