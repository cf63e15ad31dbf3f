"""
The promises, checked against what the platforms really hold when a world is over.

Each yields a sentence for every breach that it finds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.simulation.about_calls import (
    a_refusal_is_believed,
    an_outage_is_not_hammered,
    no_outage_leaves_a_score_unknown,
    nothing_is_unknown_without_a_cause,
    what_is_told_as_refused_was_refused,
)
from tests.simulation.actors import number_of
from tests.simulation.ledger import RECORDED, REFUSED, UNKNOWN, Key, Made
from tests.simulation.network import LONGEST_DELAY

if TYPE_CHECKING:
    from aioags.outbox import StoredScore
    from tests.simulation.world import World

DAY = 86_400.0
# Longest that an automatic stamp of another process may be raised after its making (see the outbox's rules), less
# what the transaction takes.
_RAISED_WITHIN = 58.0

Invariant = Callable[["World"], Iterator[str]]


def what_is_told_as_recorded_was_held(world: World) -> Iterator[str]:
    """
    A score that is told as recorded was taken by the platform before.
    """
    for made in world.ledger.made.values():
        told = made.recorded_at
        if told is None:
            continue
        applied = [one for one in world.ledger.applied[made.number] if one.at <= told]
        if not applied:
            yield f"#{made.number} was told to {made.maker} as recorded at {told:.3f}, and the platform never took it"
    for row in world.table.rows.values():
        if str(row.state) == "sent" and not world.ledger.applied[number_of(row.score)]:
            yield f"#{number_of(row.score)} is sent, says its row, and the platform never took it"
    for _, attempt in world.table.journal.values():
        if attempt.recorded and attempt.score_given and not world.ledger.applied[int(attempt.score_given)]:
            yield f"#{attempt.score_given} is recorded, says the journal, and the platform never took it"


def nothing_older_stands_over_what_was_recorded(world: World) -> Iterator[str]:
    """
    Where the tool was told that a score is recorded, no older one of its own stands at the end.
    """
    for key in world.ledger.all_keys():
        standing = _standing(world, key)
        if standing is None or standing.number not in world.ledger.made:
            continue
        for newer in world.ledger.of(key):
            if newer.recorded_at is None or not newer.is_newer_than(standing):
                continue
            # It was taken, and a backup undid it.
            taken_at = max((one.at for one in world.ledger.applied[newer.number]), default=0.0)
            if any(taken_at <= at for at in world.places[key[0]].restored):
                continue
            if not _may_stand(world, standing, newer):
                yield f"#{standing.number} of {standing.maker} stands over the newer #{newer.number} of {newer.maker}"


def no_newest_score_is_refused_as_stale(world: World) -> Iterator[str]:
    """
    What is newer than the tool's last score is not refused as stale where nobody else has touched the grade.
    """
    ledger = world.ledger
    for made in ledger.made.values():
        stale = next((told for told in made.told if told.verdict == REFUSED and told.error == "StaleScoreError"), None)
        if stale is None or made.recorded_at is not None or any(at <= stale.at for at in ledger.touched[made.key]):
            continue
        if _is_overtaken(world, made, stale.at):
            continue
        refused = max((at for at in ledger.refused[made.number] if at <= stale.at), default=0.0)
        last = _last_taken(world, made.key, refused)
        # Processes that post by themselves share nothing: one may stamp ahead of the other.
        if last is None or not made.is_newer_than(last) or _share_nothing(world, made, last):
            continue
        # Repeated on its way, and stamped anew with the platform's own time: nobody was told.
        if any(one.echo for one in ledger.applied[last.number]) and not last.valued:
            continue
        yield f"#{made.number} of {made.maker} is newer than its last score #{last.number}, and was refused as stale"


def _share_nothing(world: World, made: Made, other: Made) -> bool:
    """
    True when two scores went their ways without a common store, sent by different processes.
    """
    senders = {made.maker, other.maker, *world.ledger.senders[made.number], *world.ledger.senders[other.number]}
    return "post" in (made.way, other.way) and len(senders) > 1


def _is_overtaken(world: World, made: Made, until: float) -> bool:
    """
    True when the same process sent one by then that it made later, and was not told that it is refused: this one is not
    the newest, whichever of them arrived.
    """
    for other in world.ledger.of(made.key):
        if other.maker != made.maker or other.number < made.number:
            continue
        for sent in world.ledger.sent[other.number]:
            told = next((one.verdict for one in other.told if one.at >= sent), UNKNOWN)
            if sent <= until and told != REFUSED:
                return True
    return False


def _last_taken(world: World, key: Key, before: float) -> Made | None:
    taken = [
        (one.at, made.number)
        for made in world.ledger.of(key)
        for one in world.ledger.applied[made.number]
        if one.at < before
    ]
    return world.ledger.made[max(taken)[1]] if taken else None


def what_is_newer_is_stored(world: World) -> Iterator[str]:
    """
    An outbox takes what is newer, whatever the clocks of the processes say.
    """
    for made in world.ledger.made.values():
        if made.stored is not False or made.ended is None:
            continue
        known = [
            one
            for one in world.ledger.of(made.key)
            if one is not made and one.stored_at is not None and one.stored_at <= made.ended
        ]
        late = made.ended - made.at > _RAISED_WITHIN
        if known and not late and all(made.is_newer_than(one) for one in known):
            last = max(known, key=lambda one: one.ended or 0.0)
            yield (
                f"#{made.number} of {made.maker} was dropped, though newer than the stored "
                f"#{last.number} of {last.maker}"
            )


def nothing_waits_longer_than_a_day(world: World) -> Iterator[str]:
    """
    No score stays unsent or dead for more than a day after what refused it is gone.
    """
    for row in world.table.rows.values():
        made = world.ledger.made[number_of(row.score)]
        if row.line_item in world.places[row.registration_id].gone or _died_with_its_item(made, row):
            continue
        if str(row.state) == "sent" or _is_for_people(world, made, row.last_error or "", unsure=row.unsure):
            continue
        yield f"#{made.number} of {made.maker} is still {row.state}: {row.last_error}, not before {row.not_before:.0f}"


def nothing_acknowledged_is_lost(world: World) -> Iterator[str]:
    """
    What an outbox acknowledged is in it, or the platform has taken it or something newer.
    """
    rows = {row.key: world.ledger.made[number_of(row.score)] for row in world.table.rows.values()}
    for made in world.ledger.made.values():
        if not (made.acknowledged and made.stored):
            continue
        kept = rows.get(made.key)
        if kept is not None and (kept is made or not made.is_newer_than(kept)):
            continue
        taken = [one for one in world.ledger.of(made.key) if one is made or not made.is_newer_than(one)]
        if not any(world.ledger.applied[one.number] for one in taken):
            yield f"#{made.number} was acknowledged to {made.maker}, and is gone"


def one_identity_is_one_column(world: World) -> Iterator[str]:
    """
    All who want a line item of one identity are given the same, and nobody creates it twice.
    """
    wanted = defaultdict(list)
    for call in world.ledger.wanted:
        wanted[call.platform, call.identity].append(call)
        if call.again:
            yield f"{call.maker} created {call.identity} again after it was answered that it is created"
        # The first failure may pass; that it is the item's own fault is known from the second on.
        if call.orphans > 2:
            yield f"{call.maker} left {call.orphans} columns of {call.identity} that nobody can delete"
    for (platform, identity), calls in wanted.items():
        place = world.places[platform]
        urls = sorted({call.url for call in calls if call.url is not None} - place.gone - place.returned)
        apart = max((place.made[url] for url in urls), default=0.0) - min(
            (place.made[url] for url in urls), default=0.0
        )
        # What no listing shows yet nobody can find.
        if len(urls) > 1 and (not place.lag or apart > place.lag + 2 * LONGEST_DELAY):
            yield f"{identity} at {platform} is {len(urls)} columns: {', '.join(urls)}"


def what_is_told_as_refused_was_not_taken(world: World) -> Iterator[str]:
    """
    A score that is told as surely not recorded, the first time that anything is told of it, was not taken by then.
    """
    for made in world.ledger.made.values():
        told = made.told[0] if made.told else None
        if told is None or told.verdict != REFUSED:
            continue
        # What the network repeats by itself may come first: then the platform says stale to the one that was sent.
        if any(one.at <= told.at and not one.echo for one in world.ledger.applied[made.number]):
            yield f"#{made.number} was told to {made.maker} as refused ({told.error}), and the platform had taken it"


def what_is_told_is_in_the_journal(world: World) -> Iterator[str]:
    """
    Of whatever a hook of the outbox told, the journal holds an attempt that says the same.
    """
    verdicts = {True: RECORDED, False: REFUSED, None: UNKNOWN}
    held: Counter[tuple[Key, int | None, str]] = Counter()
    for _, attempt in world.table.journal.values():
        number = None if attempt.score_given is None else int(attempt.score_given)
        held[attempt.key, number, verdicts[attempt.recorded]] += 1
    told = Counter(
        (made.key, made.number if made.valued else None, one.verdict)
        for made in world.ledger.made.values()
        if made.way == "put"
        for one in made.told
    )
    for (key, number, verdict), times in sorted(told.items(), key=str):
        if held[key, number, verdict] < times:
            yield f"#{number} of {key} was told as {verdict} {times} times, in the journal {held[key, number, verdict]}"


INVARIANTS: tuple[Invariant, ...] = (
    what_is_told_as_recorded_was_held,
    nothing_older_stands_over_what_was_recorded,
    no_newest_score_is_refused_as_stale,
    what_is_newer_is_stored,
    nothing_waits_longer_than_a_day,
    no_outage_leaves_a_score_unknown,
    an_outage_is_not_hammered,
    nothing_acknowledged_is_lost,
    one_identity_is_one_column,
    what_is_told_as_refused_was_refused,
    what_is_told_as_refused_was_not_taken,
    nothing_is_unknown_without_a_cause,
    a_refusal_is_believed,
    what_is_told_is_in_the_journal,
)


def breaches(world: World) -> list[str]:
    """
    Return every breach of a promise, as its name and a sentence.
    """
    found = [f"{name}: {sentence}" for name, sentence in world.ledger.wrongs]
    for call in world.ledger.calls:
        if call.ended is None and call.maker not in world.ledger.dead:
            found.append(f"every_call_ends: {call.what} of {call.maker}, begun at {call.began:.3f}, never ended")
    for invariant in INVARIANTS:
        found += [f"{invariant.__name__}: {sentence}" for sentence in invariant(world)]
    return found


def _standing(world: World, key: Key) -> Made | None:
    """
    Return the score that stands in the gradebook; None: none of the tool's.
    """
    try:
        score = world.places[key[0]].platform.score(key[1], key[2])
    except LookupError:
        return None
    number = None if score is None else int(score["https://simulation.example/score"])
    return None if number is None else world.ledger.made.get(number)


def _may_stand(world: World, standing: Made, newer: Made) -> bool:
    """
    True when no tool could have kept an older score from standing.
    """
    applied, place = world.ledger.applied, world.places[newer.key[0]]
    taken = [one for one in applied[newer.number] if one.kept]
    last = max((one for one in applied[standing.number]), key=lambda one: one.at)
    # It was on the way already when the newer one arrived, at a platform that does not compare.
    if taken and last.sent_at < taken[-1].at < last.at and not place.keeps_order(newer):
        return True
    # Processes that share nothing: only the platform could keep their order. It does not where it compares no stamps,
    # where it stamps by its own clock, and where two requests at once upset it.
    apart = standing.maker != newer.maker and newer.way == "post"
    if newer.way == "post" and standing.number in world.ledger.restamped:
        # Somebody decided that what the outbox had given up goes as of now: it is in no process's order any more.
        return True
    if standing.way != newer.way and (apart or {one.sender for one in taken} != {last.sender}):
        # One went past the outbox of the other, or another process's outbox sent it.
        return True
    return apart and (not place.compares or not newer.valued or not taken)


def _died_with_its_item(made: Made, row: StoredScore) -> bool:
    """
    True when a score is dead since its line item was not there when the tool was told so: what is dead stays dead, also
    where a backup has brought the line item back, since the tool may have made another one.
    """
    return str(row.state) == "dead" and made.buried


def _is_for_people(world: World, made: Made, error: str, *, unsure: bool) -> bool:
    """
    True when no machine can decide it: somebody else has been there, or an answer was lost and nothing can tell.
    """
    touched = bool(world.ledger.touched[made.key]) or _went_past(world, made)
    if error.startswith("StaleScoreError") and touched:
        return True
    if error.startswith("ForbiddenError") and world.places[made.key[0]].bars == made.key[2]:
        return True
    if not (unsure and error.startswith(("StaleScoreError", "LostAnswerError"))):
        return False
    return touched or bool(world.ledger.met[made.number]) or _is_held_unseen(world, made, error)


def _went_past(world: World, made: Made) -> bool:
    """
    True when the tool has itself posted a score past its outbox, so that it may stand: a newer one; or while this one
    was put; or by another process, which shares nothing with this one.
    """
    for one in world.ledger.of(made.key):
        # Given up by its caller on its way, it is told to nobody.
        in_doubt = UNKNOWN in {told.verdict for told in one.told} or (world.ledger.sent[one.number] and not one.told)
        if one.way == "put" or not (world.ledger.applied[one.number] or in_doubt):
            continue
        is_over = one.ended is not None and made.stored_at is not None and one.ended < made.stored_at
        if one.maker != made.maker or one.is_newer_than(made) or not is_over:
            return True
    return False


def _is_held_unseen(world: World, made: Made, error: str) -> bool:
    """
    True when the platform has taken a score that leaves nothing to see, and whoever heard its answer died before it was
    stored: nothing is missing, and at the repeat nobody can know it.
    """
    taken = [one.at for one in world.ledger.applied[made.number]]
    refused = world.ledger.refused[made.number]
    return (
        error.startswith("LostAnswerError")
        and not made.valued
        and bool(taken)
        and max(refused, default=0.0) > min(taken)
    )
