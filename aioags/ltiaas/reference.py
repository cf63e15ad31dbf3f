"""
What a job needs to grade later: a service key, and whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs

from aioags.ltiaas.keys import check_secret
from aioags.model import checks


def _scopes(value: Iterable[str]) -> frozenset[str]:
    if isinstance(value, str):
        raise TypeError("scope must be a collection of str, got a str")
    return frozenset(value)


@attrs.frozen(kw_only=True)
class ServiceReference:
    """
    A service key with the launch context it stands for. Store the newest of every launch, by its `key`.

    A service key does not expire, but the data behind it can go stale. Keep it as you keep a password: with the
    account's API key it opens the context's gradebook.

    Attributes:
        service_key: ``services.serviceKey`` of an idtoken.

        platform_id: LTIAAS's id of the LMS. None: the idtoken did not say.

        context_id: The LMS's id of the course. None: as above.

        resource_link_id: The LMS's id of the launched link. None: as above.

        line_item: URL of the one line item coupled to the link. None: there is none, or several.

        scope: AGS scopes that the LMS offers. Empty: not said.

        offers_grades: False: the key serves memberships only.

    Raises:
        ValueError, TypeError: A field is not as said here; the message never quotes the key.
    """

    service_key: str = attrs.field(repr=False)
    platform_id: str | None = None
    context_id: str | None = None
    resource_link_id: str | None = None
    line_item: str | None = None
    scope: frozenset[str] = attrs.field(default=frozenset(), converter=_scopes)
    offers_grades: bool = True

    def __attrs_post_init__(self) -> None:
        check_secret("service_key", self.service_key)
        for name in ("platform_id", "context_id", "resource_link_id", "line_item"):
            checks.optional_text(name, getattr(self, name))
        if not isinstance(self.offers_grades, bool):
            raise TypeError(f"offers_grades must be a bool, got {type(self.offers_grades).__name__}")
        for name in self.scope:
            checks.text("scope", name)

    @property
    def key(self) -> tuple[str | None, str | None, str | None]:
        """
        What to store it under, as the vendor advises: platform, context and resource link.
        """
        return (self.platform_id, self.context_id, self.resource_link_id)

    def to_dict(self) -> dict[str, Any]:
        """
        Return a JSON-able dict, the service key included, that `from_dict` reads back to an equal reference.
        """
        return {**attrs.asdict(self), "scope": sorted(self.scope)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """
        Read what `to_dict` wrote; keys of a later version are ignored.

        Raises:
            TypeError: Not a mapping, without a service key, or a field has the wrong type.

            ValueError: The service key cannot stand in a header.
        """
        if not isinstance(stored, Mapping):
            raise TypeError(f"a stored reference must be a mapping, got {type(stored).__name__}")
        names = {field.name for field in attrs.fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in names})
