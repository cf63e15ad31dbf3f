"""
Where a platform's services live: the form of its URLs, both ways.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

import attrs

# The number in an escaped form, with its width if it has one.
NUMBER = re.compile(r"\\\{n(?::\d+)?\\\}")


@attrs.frozen
class Place:
    """
    What a path points at, before anybody asks whether it exists.

    Attributes:
        name: ``token``, ``wrong_token``, ``container``, ``item``, ``scores``, ``results``, ``result`` (one user's),
            ``memberships``, ``jwks`` or ``authorization``.

        course: The path's own spelling of the course; None where the path has none.

        item: The path's own spelling of the line item; None where the path has none.

        user: The user id, decoded; None where the path has none.
    """

    name: str
    course: str | None = None
    item: str | None = None
    user: str | None = None


def _below(name: str, rest: str) -> Any:
    return attrs.field(default=attrs.Factory(lambda addresses: getattr(addresses, name) + rest, takes_self=True))


@attrs.define(frozen=True, slots=False, kw_only=True)
class Addresses:
    """
    The URL style of one platform.

    In the templates ``{course}``, ``{item}``, ``{user}`` and ``{tool}`` stand for one path segment each, spelt as the
    forms say; ``{n}`` in a form is the running number.

    Attributes:
        token: Path of the token endpoint.

        container, item, scores, results, result: Paths of the AGS services; ``result`` is one user's record. Each lies
            below the one before, as the standard has it, unless it is given.

        results_again: A second path of ``results``.

        query: Query of every AGS URL, without the ``?``.

        result_query: Query of a result's ``id`` where the path is that of ``results``. None: ``result`` is a path.

        course_form, item_form, tool_form: The spelling of numbers.

        memberships: Path of the membership service (NRPS 2.0).

        jwks, authorization: Paths of the platform's side of a launch.

        wrong_token: Path of another token endpoint, which people mix up with the right one.
    """

    token: str = "/lti/token"
    container: str = "/lti/contexts/{course}/line_items"
    item: str = _below("container", "/{item}")
    scores: str = _below("item", "/scores")
    results: str = _below("item", "/results")
    result: str | None = _below("results", "/{user}")
    results_again: str | None = None
    query: str = ""
    result_query: str | None = None
    course_form: str = "{n}"
    item_form: str = "{n}"
    tool_form: str = "{n}"
    memberships: str = "/lti/contexts/{course}/memberships"
    jwks: str = "/lti/jwks"
    authorization: str = "/lti/authorize"
    wrong_token: str | None = None

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        names = ("item", "scores", "results", "container", "token", "memberships", "jwks", "authorization")
        more = ("result", "wrong_token", "results_again")
        templates = ((name.removesuffix("_again"), getattr(self, name)) for name in (*names, *more))
        return [(name, _pattern(template)) for name, template in templates if template is not None]

    @cached_property
    def _numbers(self) -> dict[str, re.Pattern[str]]:
        forms = {"course": self.course_form, "item": self.item_form}
        return {name: re.compile(NUMBER.sub("([0-9]+)", re.escape(form))) for name, form in forms.items()}

    def find(self, path: str) -> Place | None:
        """
        Tell what a path points at; None: no service has such a path.
        """
        for name, pattern in self._patterns:
            if match := pattern.fullmatch(path):
                parts = match.groupdict()
                user = parts.get("user")
                return Place(name, parts.get("course"), parts.get("item"), unquote(user) if user else None)
        return None

    def number(self, part: str, spelling: str) -> int | None:
        """
        Read a number back from its spelling in a path; None: not so spelt.

        Args:
            part: ``course`` or ``item``.
        """
        match = self._numbers[part].fullmatch(spelling)
        return int(match[1]) if match else None

    def spell(self, template: str, *, course: int = 0, item: int = 0, tool: int = 0, user: str = "") -> str:
        """
        Fill a template.
        """
        return template.format(
            course=self.course_form.format(n=course),
            item=self.item_form.format(n=item),
            tool=self.tool_form.format(n=tool),
            user=quote(user, safe=""),
        )

    def url(self, base: str, template: str, *, course: int = 0, item: int = 0, tool: int = 0, user: str = "") -> str:
        """
        Build the URL of an AGS service.

        Args:
            base: Origin of the platform, without a trailing slash.
        """
        path = self.spell(template, course=course, item=item, tool=tool, user=user)
        query = self.query.format(tool=tool)
        return f"{base}{path}?{query}" if query else base + path

    def result_url(self, base: str, *, course: int, item: int, tool: int, user: str) -> str:
        """
        Build the ``id`` of one user's result.
        """
        if self.result_query is None and self.result is not None:
            return self.url(base, self.result, course=course, item=item, tool=tool, user=user)
        path = self.spell(self.results, course=course, item=item)
        return f"{base}{path}?{(self.result_query or '').format(tool=tool, user=quote(user, safe=''))}"


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)))
