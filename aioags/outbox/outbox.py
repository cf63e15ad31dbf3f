"""
`Outbox`: scores that must survive this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Self

import attrs

from aioags.calls.engine import Runtime
from aioags.calls.log import ERROR, log
from aioags.calls.steady import SteadyWall
from aioags.client import Client
from aioags.errors import AGSError
from aioags.gradebook import Gradebook
from aioags.grading.posting import Source
from aioags.grading.sources import as_async
from aioags.model.endpoint import Endpoint
from aioags.model.line_item import LineItem, item_url
from aioags.model.mistakes import NeedsAsyncWith
from aioags.model.registration import Registration
from aioags.model.score import Score
from aioags.outbox.arguments import check_hooks, check_numbers, check_parts
from aioags.outbox.background import Background
from aioags.outbox.drain import Drained, Surroundings
from aioags.outbox.erasing import Erased, check_erasure
from aioags.outbox.journal import Journal
from aioags.outbox.limiter import Limiter, PermitCache
from aioags.outbox.model import Entry, Selection, StoreError
from aioags.outbox.planning import Planner
from aioags.outbox.putting import Putting
from aioags.outbox.registry import Registry, direct, open_gradebook
from aioags.outbox.stats import Stats
from aioags.outbox.store import Store
from aioags.outbox.telling import Hook, Teller
from aioags.outbox.verdict import Backoff

_PUT_AT_ONCE = 1_000
_MONTH = 30 * 86_400.0


class Outbox(Planner, NeedsAsyncWith):
    """
    Scores that must survive this process: stored before `put` returns, posted until the platform has them.

    The latest score of a user for a line item wins; an older one never overwrites a newer one. Scores of one process
    are in the order of their making. Of two processes the one that put last has the newer one, if it made it within the
    last minute, so that clocks that differ cost no grade; a timestamp of your own is compared as it is. Use it as an
    async context manager to post in the background, or call `drain` from a job engine.

    Args:
        store: Where scores are kept, such as ``SQLiteStore("grades.db")``. It is closed with the outbox.

        client: What posts them. It stays the caller's.

        registrations: By your own names for them. Or a function that opens a gradebook; see `Registry`.

        backoff: How it tries again.

        limiter: A limit that several machines share. None: only the client's own pacing.

        on_recorded: Called after a score was recorded by the platform.

        on_refused: Called after a score was given up that is surely not recorded. It is listed by `dead`.

        on_unknown: Called after an attempt of which nobody knows the end. It will be repeated, unless `transient` of
            the delivery's error is False: then it is listed by `dead`.

        on_deferred: Called when the platform refuses a score for the first time, which may lift. It is listed by
            `deferred`, with those of its line item that were not even sent, for which nothing is called.

        on_dropped: Called with a score that `put` or `put_many` did not store, because there is a newer one.

        look_first: Look up every score whose last attempt was cut off before it is sent again, one request each. False:
            only those of which a repeat would show, such as a comment that is appended; the others are sent again with
            the same stamp, which changes nothing.

        runtime: Clock, sleep and chance, for tests.

        line_items_at_once: How many line items of one platform are drained at once, in the background or by
            `drain_all`.

        patience: Longest wait for a platform that asks for one within one `drain`, seconds. Longer ones end the drain.

        poll: Seconds between two looks into the store for what other processes have put.

        grace: Seconds that requests in flight get to end when the outbox is closed.

        journal: What `history` can tell later, and for how long it is kept. None: nothing is written down.

    A hook is called once for each such event, unless the process dies first; if it raises, that is logged.
    """

    def __init__(
        self,
        store: Store,
        client: Client,
        registrations: Mapping[str, Registration] | Registry,
        *,
        backoff: Backoff = Backoff(),  # noqa: B008
        limiter: Limiter | None = None,
        on_recorded: Hook | None = None,
        on_refused: Hook | None = None,
        on_unknown: Hook | None = None,
        on_deferred: Hook | None = None,
        on_dropped: Hook | None = None,
        runtime: Runtime = Runtime(),  # noqa: B008
        line_items_at_once: int = 8,
        patience: float = 30.0,
        poll: float = 1.0,
        grace: float = 10.0,
        journal: Journal | None = Journal(),  # noqa: B008
        look_first: bool = False,
    ) -> None:
        check_parts(store, client, registrations, limiter, backoff, journal)
        check_hooks((on_recorded, on_refused, on_unknown, on_deferred, on_dropped))
        check_numbers(line_items_at_once=line_items_at_once, patience=patience, poll=poll, grace=grace)
        self.store = store
        self._client = client
        self._only = _only_name(registrations)
        self._registry = registrations if callable(registrations) else direct(registrations)
        self._teller = Teller(client.told, on_recorded, on_refused, on_unknown, on_deferred, on_dropped)
        self._runtime = runtime = attrs.evolve(runtime, wall=SteadyWall(runtime.wall, runtime.clock))
        self._putting = Putting(store, runtime.wall, client.turns.last)
        self._grace = grace
        self._drains = 0
        self._at_rest = asyncio.Event()
        self._around = Surroundings(
            store,
            runtime,
            backoff,
            None if limiter is None else PermitCache(limiter, runtime.sleep),
            self._teller.settled,
            client.told,
            patience,
            journal,
            look_first,
        )
        self._background = Background(
            store,
            self.drain,
            self.prune,
            runtime,
            stopping=self._around.stopping,
            at_once=line_items_at_once,
            poll=poll,
            grace=grace,
        )

    def __repr__(self) -> str:
        state = "closed; " if self._around.stopping.is_set() else ""
        waiting = f"line items waiting: {self._background.waiting}"
        return f"<Outbox in {self.store!r}: {state}{waiting}; {self._around.summary()}>"

    async def put(
        self,
        registration_id: str,
        endpoint: Endpoint | Mapping[str, Any],
        score: Score,
        *,
        line_item: LineItem | str | None = None,
    ) -> bool:
        """
        Store one score. It is durable when this returns.

        Args:
            registration_id: Your name for the registration. It reaches logs.

            endpoint: The launch's, or what your registry needs for another back end. It is stored with the line item;
                the newest one is used.

            line_item: A line item or its id. None: the endpoint's own.

        Returns:
            True: it is now the user's latest. False: it was dropped, since the outbox holds it already, or a newer one.
            That is logged, and told to ``on_dropped``.

        Raises:
            NotOfferedError: The endpoint does not let this tool post scores, or has no line item of its own.

            StoreError: It may not be stored.
        """
        entry = Entry.of(registration_id, endpoint, score, line_item=line_item)
        (stored,) = await self._put([entry])
        return stored

    async def put_many(
        self,
        registration_id: str,
        endpoint: Endpoint | Mapping[str, Any],
        scores: Source,
        *,
        line_item: LineItem | str | None = None,
    ) -> int:
        """
        Store many scores, a thousand at once; all are durable when this returns.

        Args:
            scores: Scores, or (line item, score) pairs; an iterable, or an asynchronous one.

            line_item: For scores without one of their own.

        Returns:
            How many are now their user's latest. The others were dropped, as by `put`.

        Raises:
            StoreError: Some may not be stored. To put them all again does no harm.
        """
        if isinstance(scores, Score):
            raise TypeError("put_many takes several scores; for one there is put")
        stored = 0
        entries: list[Entry] = []
        async with aclosing(as_async(scores)) as source:
            async for given in source:
                item, score = given if isinstance(given, tuple) else (None, given)
                place = line_item if item is None else item
                entries.append(Entry.of(registration_id, endpoint, score, line_item=place))
                if len(entries) >= _PUT_AT_ONCE:
                    stored += sum(await self._put(entries))
                    entries = []
        return stored + sum(await self._put(entries))

    async def _put(self, entries: list[Entry]) -> list[bool]:
        if self._around.stopping.is_set():
            raise StoreError("this outbox is closed: make a new one")
        if not entries:
            return []
        stored = await self._putting.put(entries)
        self._background.wake((entry.registration_id, entry.line_item) for entry in entries)
        if self._client.told.listener is not None:
            self._teller.put(entries, stored)
        if not all(stored):
            await self._teller.dropped([entry for entry, kept in zip(entries, stored, strict=True) if not kept])
        return stored

    async def drain(self, registration_id: str, line_item: str, *, patience: float | None = None) -> Drained:
        """
        Post everything that is due for one line item: the job of a job engine, or of a loop of your own.

        Never run it for one line item twice at once: give the engine's job a lock, such as `lock_name`. What the
        platform answers never makes it raise.

        Args:
            patience: Longest silence of the platform to wait out, seconds. None: the outbox's own. 0 where something
                else comes back when it is over, such as a sweep: then nobody's slot is spent on waiting.

        Returns:
            What it did. Scores may be due again afterwards, at a later time.

        Raises:
            StoreError: The store failed; while it does not take what became of scores, only after some 15 s.
        """
        self._drains += 1
        try:
            return await self._drain(
                registration_id, line_item, self._around.patience if patience is None else patience
            )
        finally:
            self._drains -= 1
            if not self._drains:
                self._at_rest.set()

    async def _drain(self, registration_id: str, line_item: str, patience: float) -> Drained:
        gradebook = await self._open(registration_id, line_item)
        if isinstance(gradebook, Gradebook):
            return await self._post(gradebook, registration_id, line_item, patience)
        with self._around.drain(registration_id, line_item) as drain:
            await drain.postpone(gradebook)
        return drain.done

    async def _post(self, gradebook: Gradebook, registration_id: str, line_item: str, patience: float) -> Drained:
        done = Drained()
        while not self._around.stopping.is_set():
            with self._around.drain(registration_id, line_item) as drain:
                await drain.run(gradebook)
            done += drain.done
            # A score that was put during the last pass is due, and may have found its wake-up spent.
            if drain.taken and drain.block is None and not drain.out_of_permits:
                continue
            if drain.block is None:
                return done
            wait = drain.block.until - self._runtime.wall()
            if wait > patience:
                return done
            patience -= max(wait, 0.0)
            await self._runtime.sleep(max(wait, 0.0))
        return done

    async def _open(self, registration_id: str, line_item: str) -> Gradebook | AGSError:
        endpoint = await self.store.endpoint(registration_id, line_item)
        if endpoint is None:
            return AGSError("the line item's endpoint is missing: put any score for it again", transient=True)
        try:
            return await open_gradebook(self._registry, self._client, registration_id, endpoint)
        except Exception as error:  # noqa: BLE001 - the caller's own: a registration was removed, a database is away
            log(
                ERROR,
                "outbox: the gradebook of %(registration)s cannot be opened",
                trace=True,
                registration=registration_id,
            )
            return AGSError(f"the gradebook cannot be opened: {type(error).__name__}", transient=True)

    async def drain_all(self) -> Drained:
        """
        Drain every line item that is due now, as many at once as in the background: for a cron job, or the end of a
        script.

        Returns:
            What it did. What is due at a later time is left.

        Raises:
            StoreError: Another process drains this store, or the store failed.
        """
        return await self._background.drain_all()

    async def stats(self) -> Stats:
        """
        Count what is stored.
        """
        return await self.store.stats(now=self._runtime.wall())

    async def retry(
        self,
        *,
        registration_id: str | None = None,
        line_item: LineItem | str | None = None,
        user_id: str | None = None,
        restamp: bool = False,
        waiting: bool = False,
    ) -> int:
        """
        Try dead and deferred scores again at once, those that fit everything that is given; blocks of their platforms
        are lifted.

        Args:
            restamp: Send them as of now, for scores that were refused as stale: they overwrite whatever made them so.

            waiting: Also try those at once that are due and wait for a later attempt.

        Returns:
            How many are due again.
        """
        selection = Selection(registration_id, item_url(line_item), user_id)
        now = self._runtime.wall()
        count = await self.store.retry(selection, now=now, restamp=restamp, waiting=waiting)
        self._around.health.clear()
        self._background.look()
        return count

    async def prune(self, *, older_than: float = _MONTH, dead: bool = False) -> int:
        """
        Forget scores that were recorded long ago. In the background this happens every hour, with the defaults.

        A recorded score keeps older ones of its user out, so do not prune what may still be put late.

        Args:
            older_than: Seconds since it was recorded. 30 days by default.

            dead: Also forget those that were given up so long ago.

        Returns:
            How many scores. Of the journal everything is forgotten that is older than it is to be kept.
        """
        now = self._runtime.wall()
        # What was written before the journal was switched off ends too.
        await self.store.prune_attempts(before=now - (self._around.journal or Journal()).keep)
        return await self.store.prune(before=now - older_than, dead=dead)

    async def erase(
        self,
        registration_id: str,
        *,
        user_id: str | None = None,
        line_item: LineItem | str | None = None,
        lineitems: str | None = None,
    ) -> Erased:
        """
        Forget for good: a person, a column or a course of one registration; with none of them all of the registration.

        Whatever became of the scores, their rows are gone, with what the journal tells of them and with what they
        remember of earlier ones: the outbox does not hold back an older score that is put afterwards; the platform,
        which compares stamps itself, may. A drain that has taken scores before still posts these, and brings no row
        back.

        Args:
            user_id: Only this person's; with a line item or a course only what is theirs in it.

            line_item: A line item or its id.

            lineitems: A course: the URL of its line items, as the endpoints name it that were put for them.

        Returns:
            How much is gone, and whether something keeps bytes of it.

        Raises:
            StoreError: Nothing was erased.
        """
        url = item_url(line_item)
        check_erasure(registration_id, user_id, url, lineitems)
        return await self.store.erase(registration_id, user_id=user_id, line_item=url, lineitems=lineitems)

    async def aclose(self) -> None:
        """
        Stop posting, let what is in flight end, and close the store. Can be called twice.
        """
        try:
            await self._background.stop()
            if self._drains:
                # Those that a job engine runs: not ours to cancel.
                self._at_rest.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._at_rest.wait(), self._grace)
        finally:
            await self.store.aclose()

    async def __aenter__(self) -> Self:
        await self._background.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _only_name(registrations: Mapping[str, Registration] | Registry) -> str | None:
    return next(iter(registrations)) if isinstance(registrations, Mapping) and len(registrations) == 1 else None
