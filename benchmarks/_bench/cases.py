"""
What is measured, and how long.
"""

from __future__ import annotations

from functools import partial

from .contests import Contest
from .measuring import Job
from .servers import python, quick

HAND = "no delay, 64 in flight"
TLS = "TLS, 64 in flight"
OTHERS = "other clients, no delay, 64 in flight"
TOKEN = "token at hand"
ABOVE = "where the time of a score goes"
LAUNCHES = "launches checked"
FAR = {number: f"50 ms, {number:,} in flight" for number in (64, 256, 1000)}


def contests(level: str) -> list[Contest]:
    """
    Return what is run.

    Args:
        level: ``quick`` (a minute and a half), ``usual`` (ten), ``full`` (more rounds of what is promised).
    """
    some = 1 if level == "quick" else 3
    many = {"quick": 2, "usual": 7, "full": 11}[level]
    launched = {"quick": 1, "usual": 7, "full": 11}[level]
    seconds = 0.2 if level == "quick" else 1.5
    contest = partial(Contest, rounds=some, seconds=seconds)
    ours = ("hand", "aioags", "aioags-uvloop", "undici")
    return [
        contest(HAND, ("hand", "tuned", *ours[1:]), quick, rounds=many),
        contest(TLS, ours, partial(quick, tls=True), rounds=many if level == "full" else some),
        contest(ABOVE, ("hand", "above", "lane", "bare"), quick, rounds=many),
        contest(OTHERS, ("hand", "gather", "alone", "httpx", "pylti", "pylti16", "wrk"), quick),
        contest("no delay, 16 in flight", ours, quick, job=Job("", in_flight=16)),
        *(_far(contest, in_flight, ours) for in_flight in FAR),
        contest(
            "50 ms, the default pace",
            ("aioags",),
            partial(quick, 50.0),
            key="rate",
            job=Job("", in_flight=32, pace="default"),
            delay=0.05,
        ),
        *_limits(level, contest),
        *_listings(contest),
        contest("stampede of 1,000", ("stampede",), python, "rate", Job("", 1000, 0), seconds=None, counted=True),
        contest(TOKEN, ("tokenhit",), partial(python, "--page", "10"), job=Job("", 200_000, 0), seconds=None),
        contest("cold start", ("coldhand", "cold"), python, "process", Job("", 1, 0), seconds=None),
        contest(LAUNCHES, ("pyltilaunches", "launches"), quick, "rate", Job("", 1000), rounds=launched, seconds=None),
    ]


def _far(contest: partial[Contest], in_flight: int, names: tuple[str, ...]) -> Contest:
    job = Job("", in_flight=in_flight)
    return contest(FAR[in_flight], names, partial(quick, 50.0), key="share", job=job, delay=0.05)


def _limits(level: str, contest: partial[Contest]) -> list[Contest]:
    fixed = partial(contest, names=("retrying", "paced"), key="rate", seconds=None, counted=True)
    if level == "quick":
        fixed = partial(fixed, rounds=1)
    wait = ("--delay", "20")
    few = 150 if level == "quick" else 300
    short = 2000 if level == "quick" else 3000
    return [
        fixed(title="100 a second allowed", server=partial(python, "--allow", "100", *wait), job=_default(300)),
        fixed(title="Canvas's bucket", server=partial(python, "--bucket", *wait), job=_default(few)),
        fixed(
            title="a token lives three seconds",
            names=("paced",),
            server=partial(python, "--token-life", "3", "--delay", "50"),
            job=_default(short),
        ),
    ]


def _default(count: int) -> Job:
    return Job("", count, 0, in_flight=32, pace="default")


def _listings(contest: partial[Contest]) -> list[Contest]:
    listed = partial(contest, names=("handitems", "items"), job=Job("", 10_000, 1), seconds=None)
    return [
        listed("10,000 line items, 10 on a page", server=partial(python, "--page", "10")),
        listed("10,000 line items, 200 on a page", server=partial(python, "--page", "200")),
        contest(
            "100,000 results joined with 200,000 members",
            ("handjoined", "joined"),
            partial(python, "--page", "200"),
            job=Job("", 100_000, 0),
            seconds=None,
        ),
    ]
