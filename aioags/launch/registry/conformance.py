"""
What every `RegistrationStore` must do, as checks: give each of them a new, empty store.

Example::

    @pytest.mark.parametrize("check", CHECKS)
    async def test_my_store(check, my_store):
        await check(my_store)
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs

from aioags.launch.registry.row import RegistrationRow, RowState
from aioags.launch.registry.store import RegistrationStore

__all__ = ["CHECKS"]


def a_row(name: str = "a", **changes: Any) -> RegistrationRow:
    """
    Return a row for one school; its id is its name.
    """
    fields: dict[str, Any] = {
        "issuer": "https://lms.example",
        "client_id": f"client-{name}",
        "token_url": f"https://{name}.example/token?site=1",
        "jwks_url": f"https://{name}.example/jwks",
        "note": "Schüle «ß» 学校",
        "scopes": ("one", "two"),
        "id": name,
    }
    return RegistrationRow(**(fields | changes))


async def saves_what_it_returns(store: RegistrationStore) -> None:
    """
    A row comes back as it was, with version 1.
    """
    row = a_row(kid="k1", deployment_id="1:ü", state=RowState.WAITING, also_origins=("https://a.school.example",))
    assert await store.save(row)
    assert await store.get(row.id) == attrs.evolve(row, version=1)
    assert await store.get("another") is None


async def finds_by_issuer_and_client_id(store: RegistrationStore) -> None:
    """
    Exactly those; in any state; ordered by id.
    """
    first, second = a_row("c", client_id="1"), a_row("a", client_id="1", state=RowState.RETIRED)
    await store.save(first, second, a_row("b", client_id="2"), a_row("d", issuer="https://lms.example/"))
    assert [row.id for row in await store.find("https://lms.example", "1")] == ["a", "c"]
    assert [row.id for row in await store.find("https://lms.example", None)] == ["a", "b", "c"]
    assert await store.find("https://LMS.example", "1") == []


async def refuses_what_was_changed_meanwhile(store: RegistrationStore) -> None:
    """
    A row that is not as it was read is not overwritten, nor is a new one put over it.
    """
    await store.save(a_row())
    read = await store.get("a")
    assert read is not None
    assert await store.save(attrs.evolve(read, note="first"))
    assert not await store.save(attrs.evolve(read, note="second"))
    assert not await store.save(a_row(note="third"))
    assert not await store.save(a_row("never", version=1))
    after = await store.get("a")
    assert after is not None
    assert (after.note, after.version) == ("first", 2)


async def saves_all_or_none(store: RegistrationStore) -> None:
    """
    Where one of several cannot be saved, none is.
    """
    await store.save(a_row("b"))
    assert not await store.save(a_row("a"), a_row("b"), a_row("c"))
    assert [row.id for row in await store.page()] == ["b"]


async def lets_one_of_many_win(store: RegistrationStore) -> None:
    """
    Of those who change the same row at once exactly one does.
    """
    await store.save(a_row())
    read = await store.get("a")
    assert read is not None
    done = await asyncio.gather(*(store.save(attrs.evolve(read, note=str(number))) for number in range(8)))
    assert sum(done) == 1
    after = await store.get("a")
    assert after is not None
    assert after.note == str(done.index(True))


async def pages_in_order(store: RegistrationStore) -> None:
    """
    Each row once, by state where asked.
    """
    await store.save(*(a_row(name, state=state) for name, state in zip("dBac_", [*RowState, *RowState], strict=False)))
    seen: list[str] = []
    while page := await store.page(after=seen[-1] if seen else "", limit=2):
        seen += [row.id for row in page]
    assert seen == ["B", "_", "a", "c", "d"]
    assert [row.id for row in await store.page(state=RowState.ACTIVE)] == ["B", "_"]


async def rekeys_in_one_step(store: RegistrationStore) -> None:
    """
    Every row that names the one key names the other, and no row else.
    """
    await store.save(a_row("a", kid="old"), a_row("b", kid="old"), a_row("c", kid="other"), a_row("d"))
    read = await store.get("a")
    assert await store.rekey("old", "new") == 2
    assert [(row.kid, row.version) for row in await store.page()] == [("new", 2), ("new", 2), ("other", 1), (None, 1)]
    assert await store.rekey(None, "new") == 1
    assert await store.rekey("old", "new") == 0
    assert read is not None
    assert not await store.save(read)


CHECKS = (
    saves_what_it_returns,
    finds_by_issuer_and_client_id,
    refuses_what_was_changed_meanwhile,
    saves_all_or_none,
    lets_one_of_many_win,
    pages_in_order,
    rekeys_in_one_step,
)
"""All of them."""
