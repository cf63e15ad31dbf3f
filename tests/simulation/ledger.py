"""
What was made, told and held: written down while the world runs, read by the invariants when it is over.

The scores of the second tool and the teachers' grades are in it as well, as somebody else's touches. What the platform
took is written down where it took it, not where the answer arrived.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import attrs

Key = tuple[str, str, str]
"""Platform, URL of the line item, user id."""

RECORDED, UNKNOWN, REFUSED = "recorded", "unknown", "refused"


@attrs.define(eq=False)
class Told:
    """
    What the tool was told of a score.

    Attributes:
        verdict: `RECORDED`, `UNKNOWN` or `REFUSED` (surely not recorded).

        error: Class name; empty: there was none.

        transient: It may be tried again.
    """

    at: float
    verdict: str
    error: str = ""
    transient: bool = False


@attrs.define(eq=False)
class Made:
    """
    One score of the tool.

    Attributes:
        number: In the order of making, in the whole world; the score carries it to the platform.

        way: ``post`` or ``put``.

        maker: The process's life.

        repeatable: A lost answer does not forbid to send it again.

        began, ended: When it was given away, and when what it was given to returned or committed. None: not yet.

        stored: What `put` committed: is it the user's latest? None: it did not commit.

        stored_at: When it was first stored; put again after an error, it ends later.

        acknowledged: `put` returned.

        buried: It was told last that its line item is gone, and it was.
    """

    number: int
    key: Key
    way: str
    maker: str
    at: float
    valued: bool
    repeatable: bool
    began: float | None = None
    ended: float | None = None
    stored: bool | None = None
    stored_at: float | None = None
    acknowledged: bool = False
    buried: bool = False
    told: list[Told] = attrs.field(factory=list)

    @property
    def recorded_at(self) -> float | None:
        """
        When it was first told as recorded. None: never.
        """
        return next((told.at for told in self.told if told.verdict == RECORDED), None)

    def is_newer_than(self, other: Made) -> bool:
        """
        The tool's own order: the making within a process; between processes one began when the other was over.
        """
        if self.maker == other.maker:
            return self.number > other.number
        return self.began is not None and other.ended is not None and self.began > other.ended


@attrs.frozen
class Applied:
    """
    A score that a platform took.

    Attributes:
        sent_at: When this very request left the tool.

        kept: It is in the platform's history; a platform that two requests upset may answer yes and keep the other.

        echo: The network repeated it by itself.

        sender: The process that sent it, which may not be the one that made it.
    """

    number: int
    at: float
    sent_at: float
    kept: bool
    echo: bool
    sender: str


@attrs.frozen
class Met:
    """
    What a request met on its way: the name of a fault, or of the outage it ran into.
    """

    at: float
    maker: str
    platform: str
    fault: str
    outage: int | None = None


@attrs.define(eq=False)
class Outage:
    """
    A time in which a platform answers nobody.

    Attributes:
        windows: Of each client, how many requests it had allowed itself when it began.

        asked: How many requests of each client reached the platform meanwhile, those not counted that were on the way.

        of: The operation that alone is not answered. Empty: none is.
    """

    number: int
    platform: str
    kind: str
    start: float
    end: float
    of: str = ""
    windows: dict[str, int] = attrs.field(factory=dict)
    asked: dict[str, int] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Wanted:
    """
    One call of `find_or_create_line_item`.

    Attributes:
        url: What it returned. None: it failed, or its process died.

        over: It returned, or failed.

        orphans: Half made columns that it left.

        told_created: How many answers said that it is created.

        again: How many requests to create it were sent after such an answer.
    """

    platform: str
    identity: str
    maker: str
    began: float
    url: str | None = None
    over: bool = False
    orphans: int = 0
    told_created: int = 0
    again: int = 0


@attrs.define(eq=False)
class Call:
    """
    One call of a process that was alive when it ended, or will be found hanging.
    """

    what: str
    maker: str
    began: float
    ended: float | None = None


@attrs.define(eq=False)
class Ledger:
    """
    Everything that was written down.

    Attributes:
        sent: When each request with a score left the tool.

        senders: The processes that sent a score.

        taken: When the outbox of each process last took a score from the store, by process and score.

        restamped: Scores that an outbox had given up, and of which somebody decided that they go as of now.

        believable: How often a platform itself refused a score, and not for the number of requests.

        failed: Scores that a platform refused as if it had failed.

        drains_cancelled: How often a caller was cancelled that may have been draining.

        faults: The names of all that happened to any request.

        touched: When somebody else changed a grade, or what it is out of.

        veils: Behind a proxy that answers for it: which platform, from when, until when.

        obstacles: Until when a platform's own rule refused a key.

        wrongs: What was seen to be wrong on the spot, as (name of the invariant, sentence).
    """

    made: dict[int, Made] = attrs.field(factory=dict)
    strangers: set[int] = attrs.field(factory=set)
    applied: dict[int, list[Applied]] = attrs.field(factory=lambda: defaultdict(list))
    sent: dict[int, list[float]] = attrs.field(factory=lambda: defaultdict(list))
    restamped: set[int] = attrs.field(factory=set)
    senders: dict[int, set[str]] = attrs.field(factory=lambda: defaultdict(set))
    taken: dict[tuple[str, int], float] = attrs.field(factory=dict)
    believable: Counter[int] = attrs.field(factory=Counter)
    failed: set[int] = attrs.field(factory=set)
    drains_cancelled: int = 0
    faults: set[str] = attrs.field(factory=set)
    met: dict[int, list[Met]] = attrs.field(factory=lambda: defaultdict(list))
    token_met: list[Met] = attrs.field(factory=list)
    touched: dict[Key, list[float]] = attrs.field(factory=lambda: defaultdict(list))
    refused: dict[int, list[float]] = attrs.field(factory=lambda: defaultdict(list))
    outages: list[Outage] = attrs.field(factory=list)
    veils: list[tuple[str, float, float]] = attrs.field(factory=list)
    wanted: list[Wanted] = attrs.field(factory=list)
    calls: list[Call] = attrs.field(factory=list)
    wrongs: list[tuple[str, str]] = attrs.field(factory=list)
    dead: set[str] = attrs.field(factory=set)
    numbers: int = 0

    def next_number(self) -> int:
        """
        Return a number for a score.
        """
        self.numbers += 1
        return self.numbers

    def of(self, key: Key) -> list[Made]:
        """
        Return the tool's scores of one key, in the order of making.
        """
        return [made for made in self.made.values() if made.key == key]

    def all_keys(self) -> list[Key]:
        """
        Return the keys of all scores of the tool, each once.
        """
        return list(dict.fromkeys(made.key for made in self.made.values()))

    def forget_created(self, platform: str) -> None:
        """
        Note that what a platform said that it created may be gone: it may be created anew.
        """
        for call in self.wanted:
            if call.platform == platform:
                call.told_created = 0
