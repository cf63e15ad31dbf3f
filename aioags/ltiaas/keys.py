"""
What lets a call in: a header made of the account's API key and the key of a launch. It is never renewed.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Self

import attrs

from aioags.calls.tokens import Authorization

_PLAIN = re.compile(r"[\x21-\x7e]+")


def check_secret(name: str, value: object, *, colon: bool = True) -> str:
    """
    Return a secret that can stand in a header as it is.

    Args:
        colon: May it hold one? The header splits the API key from the rest at its first.

    Raises:
        ValueError, TypeError: It cannot. The message never quotes it.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {type(value).__name__}")
    if not _PLAIN.fullmatch(value):
        raise ValueError(f"{name} must be printable ASCII without blanks and line breaks, and not empty")
    if not colon and ":" in value:
        raise ValueError(f"{name} must not hold a colon: it is the account's API key alone")
    return value


@attrs.frozen
class LaunchKey:
    """
    The key of one launch context.

    Attributes:
        scheme: First word of the ``Authorization`` header.

        value: The key itself. Never shown.

        refused: What a 401 of LTIAAS means, for the message of the error.

        needed: What would help.
    """

    scheme: str
    value: str = attrs.field(repr=False)
    refused: str = attrs.field(repr=False)
    needed: str = attrs.field(repr=False)

    @classmethod
    def ltik(cls, value: str) -> Self:
        """
        Take the ``ltik`` of a launch URL: good for 24 hours.
        """
        refused = "LTIAAS refuses the API key, or this ltik, which lives 24 hours"
        return cls("LTIK-AUTH-V2", check_secret("ltik", value), refused, "a new launch is needed")

    @classmethod
    def service_key(cls, value: str) -> Self:
        """
        Take the ``serviceKey`` of an idtoken: it does not expire, but what stands behind it may change.
        """
        refused = "LTIAAS refuses the API key, or this service key"
        needed = "a newer service key is needed, from the idtoken of a later launch"
        return cls("SERVICE-AUTH-V1", check_secret("service_key", value), refused, needed)


class StaticCredential:
    """
    The same header for every request; what is refused stays refused.

    Attributes:
        name: Whose it is; with the origin of a request it names the platform for pacing.

        account: None: it sends no token of the cache.
    """

    account: Hashable = None

    def __init__(self, api_key: str, key: LaunchKey, name: str) -> None:
        header = f"{key.scheme} {api_key}:{key.value}"
        self._authorization = Authorization(header, cached=False, token=None)
        self.name = name

    def held(self, scopes: tuple[str, ...]) -> Authorization | None:
        """
        Return the header, whatever the call.
        """
        return self._authorization

    async def authorize(self, scopes: tuple[str, ...], *, since: float = 0.0) -> Authorization:
        """
        Return the header, whatever the call.
        """
        return self._authorization

    def suspects(self, authorization: Authorization, status: int) -> bool:
        """
        Return False: there is no other header to be had.
        """
        return False

    def discard(self, authorization: Authorization) -> None:
        """
        Do nothing: there is no other header to be had.
        """

    def acquit(self, authorization: Authorization, status: int) -> None:
        """
        Do nothing: no renewal was tried.
        """
