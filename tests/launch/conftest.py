"""
Keys that the tests of launches share.
"""

from __future__ import annotations

import pytest

from tests.fakes import private_key


@pytest.fixture(scope="session")
def private_pem() -> str:
    """
    A private key as PEM text.
    """
    return private_key().as_pem(private=True).decode()
