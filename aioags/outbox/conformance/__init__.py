"""
The promises of `Store`, as tests for any store.

Subclass `StoreConformance` in a test module of yours, give it a fixture ``open_store``, and run pytest with
pytest-asyncio in auto mode::

    class TestMyStore(StoreConformance):
        @pytest.fixture
        async def open_store(self, tmp_path):
            stores = []

            def open_store():
                stores.append(MyStore(tmp_path / "grades"))
                return stores[-1]

            yield open_store
            for store in stores:
                await store.aclose()

Before that import, ``pytest.register_assert_rewrite("aioags.outbox.conformance")`` makes failures tell more.

``open_store`` returns a new handle on the same scores each time. They are gone when the next test begins.
"""

from aioags.outbox.conformance.deferring import DeferringTests
from aioags.outbox.conformance.erasing import ErasingTests
from aioags.outbox.conformance.given import OpenStore
from aioags.outbox.conformance.keeping import KeepingTests
from aioags.outbox.conformance.noting import NotingTests
from aioags.outbox.conformance.putting import PuttingTests
from aioags.outbox.conformance.settling import SettlingTests
from aioags.outbox.conformance.taking import TakingTests

__all__ = ["OpenStore", "StoreConformance"]


class StoreConformance(
    PuttingTests, TakingTests, SettlingTests, DeferringTests, KeepingTests, NotingTests, ErasingTests
):
    """
    What every store must do.
    """
