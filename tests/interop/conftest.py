"""
Open edX, started once for all tests that need it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.openedx import EdxHost, run_host


@pytest.fixture(scope="session")
def edx_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdxHost]:
    """
    A host of Open edX's LTI consumer; each test puts a block of its own into its course.
    """
    with run_host(tmp_path_factory.mktemp("edx")) as host:
        yield host
