"""
Worlds from the command line: replay one seed, look for one that fails, or show that each mend is needed.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator

import attrs

from tests.simulation.clock import RestlessError
from tests.simulation.invariants import breaches
from tests.simulation.removals import check_removals
from tests.simulation.world import World

_SHOWN = 2


@attrs.frozen
class Outcome:
    """
    What became of one world.

    Attributes:
        breaches: Broken promises, each as its name and a sentence; empty: none.

        trace: What happened, a line each.
    """

    seed: int
    breaches: list[str]
    trace: list[str] = attrs.field(repr=False)


def play(seed: int) -> Outcome:
    """
    Make a world, let it happen, and look what was broken.
    """
    logger = logging.getLogger("aioags")
    level = logger.level
    # What the outbox logs is not wrong: its store fails, and platforms refuse.
    logger.setLevel(logging.CRITICAL + 1)
    world = World(seed)
    try:
        world.run()
        found = breaches(world)
    except RestlessError as error:
        found = [f"every_call_ends: {error}"]
    finally:
        world.close()
        logger.setLevel(level)
    return Outcome(seed, found, world.trace)


def main(arguments: list[str] | None = None) -> int:
    """
    Run the command.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="replay the world of this seed")
    parser.add_argument("--trace", action="store_true", help="show what happened in it")
    parser.add_argument("--seeds", type=int, default=0, help="play so many worlds, until one fails")
    parser.add_argument("--first", type=int, default=0, help="beginning with this seed")
    parser.add_argument("--keep-going", action="store_true", help="play them all, and count what fails")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to play in")
    parser.add_argument("--removals", action="store_true", help="take each mend out, and see whether that is noticed")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return _replay(asked.seed, trace=asked.trace)
    failed = False
    if asked.seeds:
        failed = _search(asked.first, asked.seeds, keep_going=asked.keep_going, jobs=asked.jobs)
    if asked.removals and not failed:
        failed = not check_removals()
    return int(failed)


def _replay(seed: int, *, trace: bool) -> int:
    outcome = play(seed)
    if trace:
        print("\n".join(outcome.trace))
    for breach in outcome.breaches:
        print(f"seed {seed}: {breach}")
    print(f"seed {seed}: {len(outcome.breaches)} broken promises")
    return int(bool(outcome.breaches))


def _search(first: int, seeds: int, *, keep_going: bool, jobs: int) -> bool:
    begun, kinds, failed, played = time.monotonic(), Counter[str](), 0, 0
    for outcome in _all(range(first, first + seeds), jobs):
        played += 1
        for breach in _few(outcome.breaches):
            print(f"seed {outcome.seed}: {breach}", flush=True)
        kinds.update({_name(breach) for breach in outcome.breaches})
        failed += bool(outcome.breaches)
        if failed and not keep_going:
            print(f"replay it: python -m tests.simulation {outcome.seed} --trace")
            break
    print(f"{played} worlds ran, {failed} with a broken promise, in {time.monotonic() - begun:.0f} s")
    for name, count in kinds.most_common():
        print(f"  {count:5} {name}")
    return failed > 0


def _all(seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(_without_trace, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_without_trace, seeds, chunksize=5)


def _without_trace(seed: int) -> Outcome:
    return attrs.evolve(play(seed), trace=[])


def _name(breach: str) -> str:
    return breach.partition(":")[0]


def _few(breaches_: list[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for breach in breaches_:
        seen[_name(breach)] += 1
        if seen[_name(breach)] <= _SHOWN:
            yield breach
