"""
What lies between the tool's processes and the platforms: it delays, loses, repeats and lies.

A request that left a process goes on by itself, also when the process gives up waiting or dies. Each meets at most one
fault, drawn when it leaves by the weather of the world; an outage comes before all of them. A platform reads a request
when it arrives and answers when it has done the work, so that requests to it overlap.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextvars import Context
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

import attrs

from aioags import LostAnswerError, Request, Response, UnreachableError
from aioags.emulator import Visit
from tests.rigs.work import Work
from tests.simulation.clock import Process, VirtualLoop
from tests.simulation.faults import KINDS, OUTAGES, VEILS, Kind, instead
from tests.simulation.ledger import Applied, Ledger, Met, Outage, Wanted
from tests.simulation.odd_records import MOST_WORK, Oddness
from tests.simulation.places import Place, is_of_one_user, number_in, operation_of
from tests.simulation.watch import Watch, shown

PATIENCE = 30.0
"""Seconds of silence after which a client takes an answer for lost, as `Timeouts` has it."""

LONGEST_DELAY = 2.0
"""Most seconds that a request without a fault is on its way."""


@attrs.define(eq=False)
class Sent:
    """
    One request on its way.

    Attributes:
        number: Of the score in it. None: there is none.

        fault: What it will meet. Empty: nothing.

        wanted: The call of `find_or_create_line_item` that it is part of. None: of none.

        echo: The network repeats it; nobody waits for the answer.

        hold: Seconds that its answer asks to wait. 0: it does not.

        work: Seconds that the platform takes for it.
    """

    request: Request
    process: Process
    place: Place
    operation: str
    at: float
    answer: asyncio.Future[Response]
    number: int | None
    fault: str = ""
    wanted: Wanted | None = None
    echo: bool = False
    hold: int = 0
    work: float = 0.0


@attrs.define(eq=False)
class Network:
    """
    The network of a world.

    Attributes:
        weather: How likely each kind of fault is, for one request.

        pace: Seconds that a request is on its way, in the middle.

        mixed_up: How many answers were about something else.

        watch: Who sees on the spot what is wrong.
    """

    loop: VirtualLoop = attrs.field(repr=False)
    dice: random.Random = attrs.field(repr=False)
    ledger: Ledger = attrs.field(repr=False)
    say: Callable[[str, str], None] = attrs.field(repr=False)
    context: Context = attrs.field(repr=False)
    oddness: Oddness = attrs.field(repr=False)
    places: dict[str, Place] = attrs.field(factory=dict)
    weather: dict[str, float] = attrs.field(factory=dict)
    pace: float = 0.05
    mixed_up: int = 0
    watch: Watch = attrs.field(init=False, repr=False)
    weighing: bool = False

    def __attrs_post_init__(self) -> None:
        self.watch = Watch(self.loop, self.ledger)

    def later(self, seconds: float, act: Callable[..., None], *arguments: Any) -> None:
        """
        Do something that no process can stop any more.
        """
        self.loop.call_later(seconds, act, *arguments, context=self.context)

    def outage(self, sent: Sent) -> Outage | None:
        """
        Return the outage that a request runs into now.
        """
        now, name, of = self.loop.now, sent.place.name, ("", sent.operation)
        return next(
            (o for o in self.ledger.outages if o.platform == name and o.of in of and o.start <= now < o.end), None
        )

    async def carry(self, process: Process, request: Request) -> Response:
        """
        Take a request from a process, and bring it what it will believe to be the answer.
        """
        place = next(p for p in self.places.values() if request.url.startswith(p.platform.base_url + "/"))
        sent = Sent(
            request, process, place, operation_of(request), self.loop.now, self.loop.create_future(), number_in(request)
        )
        if sent.number is not None:
            self.ledger.sent[sent.number].append(sent.at)
            self.ledger.senders[sent.number].add(process.name)
        self.watch.check_hold(sent)
        sent.wanted = self._wanted_by(sent)
        sent.fault = self._draw(sent)
        wait = min(self.dice.expovariate(1 / self.pace), LONGEST_DELAY / 2)
        if sent.fault == "late":
            wait += self.dice.choice((3.0, 20.0, 45.0)) if place.compares else 3.0
        if sent.fault == "twice":
            again = attrs.evolve(sent, echo=True)
            self.later(
                wait + self.dice.choice((0.001, 0.05, 2.0) + ((25.0,) if place.compares else ())), self._come, again
            )
        self.later(wait, self._come, sent)
        self.later(PATIENCE, self._give_up, sent)
        self.say(process.name, f"sends {shown(sent)}")
        return await sent.answer

    def weigh(self, request: Request) -> None:
        """
        Count what an answer makes the tool read, until the loop goes on: nothing else runs meanwhile.
        """
        if self.weighing:
            # With what another answer in the same turn makes it read.
            return
        work = Work("/aioags/wire/")
        work.start()
        self.weighing = True

        def stop() -> None:
            work.stop()
            self.weighing = False
            if work.calls > MOST_WORK:
                said = f"{work.calls} calls to read the answer to GET {request.url}"
                self.ledger.wrongs.append(("no_answer_is_much_work", said))

        self.loop.call_soon(stop, context=self.context)

    def _draw(self, sent: Sent) -> str:
        drawn = self.dice.random()
        for fault, chance in self.weather.items():
            drawn -= chance
            if drawn < 0:
                of = KINDS[fault].of
                return fault if not of or sent.operation in of else ""
        return ""

    def _wanted_by(self, sent: Sent) -> Wanted | None:
        if sent.operation != "create_line_item":
            return None
        resource_id = json.loads(sent.request.body or b"{}").get("resourceId")
        # A client makes those of one identity one after the other.
        mine = (sent.place.name, resource_id, sent.process.name)
        calls = (call for call in self.ledger.wanted if not call.over)
        found = next((call for call in calls if (call.platform, call.identity, call.maker) == mine), None)
        if found is not None and found.told_created:
            found.again += 1
        return found

    def _come(self, sent: Sent) -> None:
        outage = self.outage(sent)
        if outage is not None and sent.at >= outage.start + LONGEST_DELAY:
            outage.asked[sent.process.name] = outage.asked.get(sent.process.name, 0) + 1
        kind, name = KINDS.get(sent.fault), sent.fault
        if outage is not None:
            kind, name = OUTAGES[outage.kind], f"outage: {outage.kind}"
        elif veil := sent.place.veil_over(sent.operation):
            kind, name = VEILS[veil], f"proxy: {veil}"
        if name:
            self._note(sent, Met(self.loop.now, sent.process.name, sent.place.name, name, outage and outage.number))
        takes = kind is None or (outage is None and (kind.takes or (kind.takes is None and self.dice.random() < 0.5)))
        if not takes:
            self._reply(sent, kind, name, None)
        elif sent.place.has_forgotten(sent.request, self.loop.now):
            self._reply(sent, kind, name, self._forgotten(sent))
        elif not sent.place.lets_in(sent.request):
            self._reply(sent, kind, name, self._barred(sent))
        else:
            visit = sent.place.platform.arrive(sent.request)
            # Others come while it is read.
            self.later(self.dice.random() * 0.02, self._work, sent, visit, kind, name)

    def _work(self, sent: Sent, visit: Visit, kind: Kind | None, name: str) -> None:
        self._reply(sent, kind, name, self._apply(sent, visit))

    def _reply(self, sent: Sent, kind: Kind | None, name: str, answer: Response | None) -> None:
        if sent.echo:
            return
        if kind is None or kind.status == -1:
            assert answer is not None
            answer = self.oddness.touch(sent.operation, answer, one_user=is_of_one_user(sent.request))
            self._answer(sent, self._mixed_up(sent, answer) if name == "of another" else answer, name)
        elif kind.status:
            self._answer(sent, self._instead(sent, kind), name)
        elif not kind.silent:
            self.later(sent.work + 0.01, self._break, sent, name)

    def _note(self, sent: Sent, met: Met) -> None:
        self.ledger.faults.add(met.fault)
        if sent.number is not None:
            self.ledger.met[sent.number].append(met)
        elif sent.operation == "token":
            self.ledger.token_met.append(met)

    def _apply(self, sent: Sent, visit: Visit) -> Response:
        platform, ledger = sent.place.platform, self.ledger
        before, columns = self._history(sent), len(platform.course.orphans)
        self.watch.check_delete(sent)
        try:
            answer = visit.apply()
        finally:
            # Until its answer leaves, the platform is busy with it: whoever comes meanwhile may be upset.
            sent.work = self.dice.random() * 0.02
            self.later(sent.work, visit.leave)
        done = visit.exchange.applied
        if sent.number is not None and done:
            kept = self._history(sent) > before
            self.watch.check_race(sent, self._key(sent)[1], len(platform.course.orphans) - columns)
            ledger.applied[sent.number].append(
                Applied(sent.number, self.loop.now, sent.at, kept, sent.echo, sent.process.name)
            )
            if sent.number in ledger.strangers:
                ledger.touched[self._key(sent)].append(self.loop.now)
        elif sent.number is not None:
            ledger.refused[sent.number].append(self.loop.now)
            # Nobody can tell a refusal from a failure where both are 500.
            told = not sent.fault and not sent.echo and 400 <= answer.status < 500
            refusal = visit.exchange.refusal
            ledger.believable[sent.number] += told and refusal is not None and refusal.kind != "throttled"
            if answer.status >= 500:
                ledger.failed.add(sent.number)
        if sent.operation == "update_line_item" and done:
            for key in ledger.all_keys():
                if key[:2] == (sent.place.name, sent.request.url):
                    ledger.touched[key].append(self.loop.now)
        if sent.operation == "create_line_item" and done:
            self._note_created(sent, answer.json()["id"])
        self.say(sent.place.name, f"{'takes' if done else 'refuses'} {shown(sent)}: {answer.status}{_words(answer)}")
        headers = (*answer.headers, ("Date", formatdate(platform.site.now(), usegmt=True)))
        if sent.operation == "token" and answer.status == 200:
            sent.place.granted[answer.json()["access_token"]] = self.loop.now
            sent.place.renewed[sent.process.name] = self.loop.now
        if answer.status == 400:
            sent.place.refused[sent.process.name] = self.loop.now
        if sent.place.terse and not done and sent.place.does_not_know(sent.request):
            return Response(404, "", headers, b"", sent.request.url)
        body = self._lagging(sent, answer.body) if answer.status == 200 else answer.body
        return Response(answer.status, answer.phrase, headers, body, sent.request.url)

    def _forgotten(self, sent: Sent) -> Response:
        self.say(sent.place.name, f"has forgotten the token of {shown(sent)}")
        # Where a renewal did not help against a 400, no other call renews for that for a minute: it is believed.
        if sent.number is not None and sent.place.renewed_in_vain(sent.process.name, self.loop.now):
            self.ledger.refused[sent.number].append(self.loop.now)
        challenge = (("WWW-Authenticate", 'Bearer error="invalid_token"'),) if sent.place.challenges else ()
        return Response(400, "", challenge, b"Authorization token expired.", sent.request.url)

    def _barred(self, sent: Sent) -> Response:
        self.say(sent.place.name, f"bars {shown(sent)}")
        assert sent.number is not None
        self.ledger.refused[sent.number].append(self.loop.now)
        headers = (("Date", formatdate(sent.place.platform.site.now(), usegmt=True)),)
        return Response(401, "", headers, b"", sent.request.url)

    def _note_created(self, sent: Sent, url: str) -> None:
        course = sent.place.platform.course
        # Sakai hands out the one that has the label already.
        is_new = url not in sent.place.made
        sent.place.made.setdefault(url, self.loop.now)
        sent.place.made_by.setdefault(url, sent.process.name)
        if sent.fault == "orphan" and is_new:
            # The item is half made: it counts for nothing, and no service shows it.
            item = sent.place.item(url)
            del course.items[item.number]
            course.orphans.append(item)
            if sent.wanted is not None:
                sent.wanted.orphans += 1

    def _lagging(self, sent: Sent, body: bytes) -> bytes:
        if sent.operation != "list_line_items" or not sent.place.lag:
            return body
        since = self.loop.now - sent.place.lag
        shown = [item for item in json.loads(body) if sent.place.made.get(item["id"], 0.0) <= since]
        return json.dumps(shown).encode()

    def _history(self, sent: Sent) -> int:
        if sent.number is None:
            return 0
        _, url, user = self._key(sent)
        try:
            return len(sent.place.platform.history(url, user))
        except LookupError:
            return 0

    def _key(self, sent: Sent) -> tuple[str, str, str]:
        body = json.loads(sent.request.body or b"{}")
        path, mark, query = sent.request.url.partition("?")
        return sent.place.name, path.removesuffix("/scores") + mark + query, body["userId"]

    def _mixed_up(self, sent: Sent, answer: Response) -> Response:
        url, other = sent.place.last.get(sent.operation, ("", answer))
        if url == sent.request.url or (sent.operation == "results" and not _can_be_told(sent, url, other)):
            return answer
        self.mixed_up += 1
        return attrs.evolve(other, url=sent.request.url)

    def _instead(self, sent: Sent, kind: Kind) -> Response:
        answer, sent.hold = instead(kind, self.dice, sent.place.platform.site.now(), sent.request.url)
        if kind.body.startswith(b'{"status"') or kind.status == 400:
            sent.place.refused[sent.process.name] = self.loop.now
        return answer

    def _answer(self, sent: Sent, answer: Response, name: str) -> None:
        wait = min(self.dice.expovariate(1 / self.pace), LONGEST_DELAY / 2)
        self.later(sent.work + wait, self._deliver, sent, answer, name)

    def _is_awaited(self, sent: Sent) -> bool:
        if sent.answer.cancelled() and sent.at <= sent.process.cancelled_at:
            self._note(sent, Met(self.loop.now, sent.process.name, sent.place.name, "cancelled by its caller"))
        if not sent.process.alive and not sent.answer.done():
            # Whoever goes on with the score knows no more than after a lost answer.
            self._note(sent, Met(self.loop.now, sent.process.name, sent.place.name, "asked by the dead"))
            sent.answer.cancel()
        return not sent.answer.done()

    def _deliver(self, sent: Sent, answer: Response, name: str) -> None:
        if not self._is_awaited(sent):
            return
        if sent.operation in KINDS["of another"].of and answer.status == 200:
            sent.place.last[sent.operation] = (sent.request.url, answer)
        if sent.wanted is not None and answer.status in (200, 201) and "page" not in name:
            sent.wanted.told_created += 1
        if sent.hold:
            self.watch.note_hold(sent)
        if name:
            hint = f", wait {sent.hold} s" if sent.hold else ""
            self.say("network", f"{name}: {answer.status} to {shown(sent)}{hint}")
        sent.answer.set_result(answer)

    def _break(self, sent: Sent, name: str) -> None:
        if not self._is_awaited(sent):
            return
        self.say("network", f"{name}: no answer to {shown(sent)}")
        if name.endswith("refused"):
            sent.answer.set_exception(UnreachableError("connection refused", transient=True))
        else:
            sent.answer.set_exception(LostAnswerError("the connection broke", recorded=None, transient=True))

    def _give_up(self, sent: Sent) -> None:
        self._break(sent, "silence")


@attrs.frozen
class Line:
    """
    What a process's client sends with.
    """

    network: Network = attrs.field(repr=False)
    process: Process = attrs.field(repr=False)

    async def send(self, request: Request) -> Response:
        """
        Send one request.
        """
        if self.network.loop.after_all:
            raise asyncio.CancelledError
        answer = await self.network.carry(self.process, request)
        if is_of_one_user(request):
            self.network.weigh(request)
        return answer

    async def aclose(self) -> None:
        """
        There is nothing to close.
        """


def _can_be_told(sent: Sent, url: str, other: Response) -> bool:
    """
    True when these results show that they are not those that were asked for: by their item, or by their user.
    """
    asked, _, query = sent.request.url.partition("?")
    if url.partition("?")[0] != asked:
        return b'"scoreOf"' in other.body
    user = dict(parse_qsl(query)).get("user_id")
    return user is not None and user.encode() not in other.body


def _words(answer: Any) -> str:
    words = answer.body[:80].decode("utf-8", "replace") if answer.status >= 400 else ""
    return f" {answer.reason or ''} {words}".rstrip()
