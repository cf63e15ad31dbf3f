"""
Registrations from a table, and keys that change while the tool runs.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import attrs
import pytest
from joserfc.jwk import RSAKey

from aioags.launch import Tool, ToolSettings, dump_key
from aioags.launch.registrations import Registrations
from aioags.launch.registry.conformance import a_row
from aioags.launch.registry.key_ring import KeyRing
from aioags.launch.registry.row import RowState
from aioags.launch.registry.store import MemoryRegistrationStore
from aioags.launch.registry.stored import StoredRegistrations
from tests.fakes import PaperPlatform, PaperTime, private_key

LMS = "https://lms.example"
SECOND = RSAKey.generate_key(2048, {"kid": "second"})


class Place:
    """
    Where keys are kept, a table, and a tool that reads both.
    """

    def __init__(self) -> None:
        self.time = PaperTime()
        self.keys: Any = [private_key()]
        self.reads = 0
        self.store = Counting()
        self.ring = KeyRing(self.read, clock=lambda: self.time.now)
        self.found = StoredRegistrations(self.store, self.ring, clock=lambda: self.time.now)
        settings = ToolSettings(registrations=self.found, redirect_uri="https://tool.example/launch", keys=self.ring)
        self.tool = Tool(settings, PaperPlatform())

    def read(self) -> Any:
        """
        Count, and return the keys.
        """
        self.reads += 1
        return self.keys

    def published(self) -> list[str]:
        """
        Return the ids of the keys that platforms see.
        """
        return [key["kid"] for key in self.tool.jwks()["keys"]]

    async def signs(self) -> list[str | None]:
        """
        Return the id of the key of each registration found.
        """
        return [one.key.kid for one in await self.found.find(LMS, "client-a")]


class Counting(MemoryRegistrationStore):
    """
    A store that counts questions.
    """

    asked = 0

    async def find(self, issuer: str, client_id: str | None) -> Any:
        """
        Count.
        """
        self.asked += 1
        return await super().find(issuer, client_id)


def test_it_is_a_lookup() -> None:
    assert isinstance(Place().found, Registrations)


async def test_a_key_is_added_used_and_taken_away_without_a_restart() -> None:
    place = Place()
    await place.store.save(a_row(kid="tool-key-1"))
    assert (place.published(), await place.signs()) == (["tool-key-1"], ["tool-key-1"])
    place.keys = [private_key(), SECOND]
    assert place.published() == ["tool-key-1"]
    place.time.now += 60
    assert (place.published(), await place.signs()) == (["tool-key-1", "second"], ["tool-key-1"])
    await place.store.rekey("tool-key-1", "second")
    place.time.now += 60
    assert await place.signs() == ["second"]
    place.keys = [SECOND]
    place.time.now += 60
    assert (place.published(), await place.signs()) == (["second"], ["second"])


async def test_a_change_counts_within_a_minute_and_costs_one_question() -> None:
    place = Place()
    await place.store.save(a_row())
    assert len([await place.signs() for _ in range(5)]) == 5
    assert place.store.asked == 1
    row = await place.store.get("a")
    assert row is not None
    await place.store.save(attrs.evolve(row, state=RowState.RETIRED))
    place.time.now += 59.9
    assert await place.signs() == ["tool-key-1"]
    place.time.now += 0.2
    assert await place.signs() == []
    await place.store.save(a_row("b", client_id="client-a"))
    assert await place.signs() == ["tool-key-1"]


@pytest.mark.parametrize("state", [RowState.WAITING, RowState.RETIRED])
async def test_only_what_is_active_is_found(state: RowState) -> None:
    place = Place()
    await place.store.save(a_row(state=state))
    assert await place.signs() == []


async def test_what_strangers_ask_for_pushes_out_nothing() -> None:
    place = Place()
    await place.store.save(a_row())
    await place.signs()
    for number in range(20_000):
        await place.found.find(f"https://{number}.example", None)
    asked = place.store.asked
    assert await place.signs() == ["tool-key-1"]
    assert place.store.asked == asked


async def test_a_row_whose_key_is_gone_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    await place.store.save(a_row(kid="gone"), a_row("b", client_id="client-a"))
    with caplog.at_level(logging.WARNING, "aioags.launch"):
        assert await place.signs() == ["tool-key-1"]
    assert "client-a" in caplog.text


def test_the_source_is_read_once_a_minute() -> None:
    place = Place()
    for _ in range(5):
        place.published()
    assert place.reads == 1


def test_a_ring_takes_what_keys_are_loaded_from_and_refuses_what_is_none() -> None:
    assert KeyRing(lambda: dump_key(SECOND)).key(None).thumbprint() == SECOND.thumbprint()
    assert KeyRing(lambda: json.dumps({"keys": [SECOND.as_dict(private=True)]})).key("second") == SECOND
    with pytest.raises(ValueError, match="key"):
        KeyRing(lambda: "nothing")
    with pytest.raises(ValueError, match="empty"):
        KeyRing(list)
    with pytest.raises(LookupError, match="other"):
        KeyRing(lambda: SECOND).key("other")
    with pytest.raises(TypeError, match="KeyRing"):
        StoredRegistrations(MemoryRegistrationStore(), [SECOND])  # type: ignore[arg-type]
    assert repr(KeyRing(lambda: SECOND)) == "<KeyRing of 1>"
