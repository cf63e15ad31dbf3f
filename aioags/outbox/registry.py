"""
From the name of a registration, and the endpoint stored with a score, back to a gradebook.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aioags.client import Client
from aioags.gradebook import Gradebook
from aioags.model.endpoint import Endpoint
from aioags.model.registration import Registration

Registry = Callable[[Client, str, Mapping[str, Any]], Gradebook | Awaitable[Gradebook]]
"""
Opens the gradebook that a registration id and an endpoint stand for. The endpoint is what was put, as JSON: for a
launch's `Endpoint` its claim, for another back end whatever you put. The function decides by your own records which
back end to ask; it may be asynchronous, and may raise anything when it cannot tell: then the scores of this line item
wait, and it is asked again later. Raises it for one line item after the other, the whole registration waits.
"""


def direct(registrations: Mapping[str, Registration]) -> Registry:
    """
    Return the registry of platforms that speak LTI 1.3 themselves.
    """

    def open_gradebook(client: Client, registration_id: str, endpoint: Mapping[str, Any]) -> Gradebook:
        registration = registrations.get(registration_id)
        if registration is None:
            raise LookupError(f"there is no registration {registration_id!r}")
        return client.gradebook(registration, Endpoint.from_claim(endpoint))

    return open_gradebook


async def open_gradebook(registry: Registry, client: Client, registration_id: str, endpoint: str) -> Gradebook:
    """
    Open a gradebook, whatever the registry does for it.

    Raises:
        TypeError: It did not return a gradebook.

        Exception: Whatever the registry raises.
    """
    opened = registry(client, registration_id, json.loads(endpoint))
    gradebook = await opened if inspect.isawaitable(opened) else opened
    if not isinstance(gradebook, Gradebook):
        raise TypeError(f"a registry returns a Gradebook, this one returned {type(gradebook).__name__}")
    return gradebook
