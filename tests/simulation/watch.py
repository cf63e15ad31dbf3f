"""
What is wrong as soon as it is seen: it is written down on the spot, while the world goes on.
"""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING

import attrs

from aioags import RetryPolicy
from tests.simulation.clock import VirtualLoop
from tests.simulation.ledger import Ledger

if TYPE_CHECKING:
    from tests.simulation.network import Sent

# Seconds. A shorter silence is its client's own to keep; of a longer one the store is told, and the others read there
# what they take next.
_LONGEST_OWN, _TOLD_WITHIN = 150.0, 60.0
# What was taken before is under way: it waits its policy's time for a place at the most, and as long for its tries.
_LONGEST_CALL = 2 * RetryPolicy().total_time


@attrs.define(eq=False)
class Watch:
    """
    Who looks at the requests of a world.

    Attributes:
        glitched: A clock was far off for a moment.
    """

    loop: VirtualLoop = attrs.field(repr=False)
    ledger: Ledger = attrs.field(repr=False)
    glitched: bool = False
    # Until when a process was told to leave a platform alone.
    _holds: dict[tuple[str, str], float] = attrs.field(factory=dict)
    # When the outbox of some process was told so, until when by its own clock, and until when in truth.
    _blocks: dict[str, tuple[float, float, float]] = attrs.field(factory=dict)

    def note_hold(self, sent: Sent) -> None:
        """
        Note that an answer asks to wait.
        """
        key = (sent.process.name, sent.place.name)
        self._holds[key] = max(self._holds.get(key, 0.0), self.loop.now + sent.hold)
        self._note_block(sent)

    def lifted(self, platform: str) -> None:
        """
        Note that somebody decided that an outbox need not wait.
        """
        self._blocks.pop(platform, None)

    def check_hold(self, sent: Sent) -> None:
        """
        Look whether a request is sent while its process, or its outbox, was told to wait.
        """
        until = self._holds.get((sent.process.name, sent.place.name), 0.0)
        if sent.operation != "token" and self.loop.now < until - 1e-6:
            sentence = f"{sent.process.name} sent {shown(sent)} at {self.loop.now:.3f}, told to wait until {until:.3f}"
            self.ledger.wrongs.append(("nothing_is_sent_inside_a_hold", sentence))
        self._check_block(sent)

    def _note_block(self, sent: Sent) -> None:
        """
        Note a silence that the outbox of one process has to tell the others, by its own clock.
        """
        is_put = sent.number in self.ledger.made and self.ledger.made[sent.number].way == "put"
        if is_put and sent.hold > _LONGEST_OWN:
            until, over = sent.process.wall.shows() + sent.hold, self.loop.now + sent.hold
            before = self._blocks.get(sent.place.name, (0.0, 0.0, 0.0))
            self._blocks[sent.place.name] = (self.loop.now, max(until, before[1]), max(over, before[2]))

    def _check_block(self, sent: Sent) -> None:
        noted, until, over = self._blocks.get(sent.place.name, (inf, 0.0, 0.0))
        made = self.ledger.made.get(sent.number or 0)
        # By a clock that is a year off for a moment nobody can tell the others until when.
        if made is None or made.way == "post" or self.glitched:
            return
        # The silence that was asked for has passed, whatever a clock shows that was set back since.
        if self.loop.now >= over:
            return
        taken = self.ledger.taken[sent.process.name, made.number]
        if taken < noted + _TOLD_WITHIN and self.loop.now < noted + _TOLD_WITHIN + _LONGEST_CALL:
            return
        if sent.process.wall.shows() < until - 1.0:
            sentence = f"{sent.process.name} sent {shown(sent)} at {self.loop.now:.3f}, while another was told to wait"
            self.ledger.wrongs.append(("nothing_is_sent_inside_a_hold", sentence))

    def check_delete(self, sent: Sent) -> None:
        """
        Look whether a line item is deleted in which grades stand.
        """
        if sent.operation == "delete_line_item":
            grades = sent.place.grades(sent.request.url)
            if any(grade.history or grade.override for grade in grades):
                sentence = f"{sent.process.name} deletes {sent.request.url}, in which grades stand"
                self.ledger.wrongs.append(("no_column_with_a_grade_is_deleted", sentence))

    def check_race(self, sent: Sent, url: str, columns: int) -> None:
        """
        Look whether a first score made a column, which raced onto a line item of its own process.
        """
        made_it = sent.place.made_by.get(url) == sent.process.name
        if columns and not sent.echo and made_it and self._has_company(sent, (sent.place.name, url)):
            sentence = (
                f"{shown(sent)} of {sent.process.name} made one more column: it raced onto what {url} was made as"
            )
            self.ledger.wrongs.append(("first_scores_do_not_race", sentence))

    def _has_company(self, sent: Sent, item: tuple[str, str]) -> bool:
        """
        True when another score of its process was on its way to the line item: of other processes it knows nothing.
        """
        for made in self.ledger.made.values():
            mine = made.key[:2] == item and sent.process.name in self.ledger.senders[made.number]
            under_way = mine and min(self.ledger.sent[made.number]) <= sent.at
            if under_way and made.number != sent.number and not any(told.at <= sent.at for told in made.told):
                return True
        return False


def shown(sent: Sent) -> str:
    """
    Return a request as the trace says it.
    """
    again = " again by itself" if sent.echo else ""
    if sent.number is None:
        tail = sent.request.url.removeprefix(sent.place.platform.base_url).split("?")[0]
        return f"{sent.operation} {tail}{again}"
    body = json.loads(sent.request.body or b"{}")
    item = sent.place.item(sent.request.url.replace("/scores", "")).number
    given = body.get("scoreGiven", "nothing")
    return f"score #{sent.number} (item {item}, {body['userId'][:6]} gets {given}, {body['timestamp'][11:26]}){again}"
