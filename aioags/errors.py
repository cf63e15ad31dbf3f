"""
Every error of the package.

::

    AGSError                    .recorded  .transient  .retry_after  .spec
    ├── NotOfferedError           the endpoint lacks the URL or the scope
    ├── CoupledLineItemError      deleting the platform's own line item without force
    ├── AuthorizationError        no access token
    │   ├── GrantRefusedError       the platform said no: .code .description .status
    │   └── GrantMalformedError     its answer is not a token
    ├── PlatformError             it answered, not as asked: .status .method .url .words .body
    │   ├── RefusedError            4xx, and 2xx that mean a refusal
    │   │   ├── ForbiddenError        401, 403
    │   │   ├── NotFoundError         404, 410: .gone
    │   │   ├── StaleScoreError       the platform holds a score as new or newer
    │   │   └── UserNotGradableError  this user cannot have a grade here
    │   ├── ThrottledError          429 and its disguises
    │   ├── BrokenError             5xx
    │   └── MalformedError          2xx that cannot be read
    ├── UntrustedURLError         a URL to another origin, or not https
    ├── NoAnswerError             the network failed
    │   ├── UnreachableError        the request never left
    │   └── LostAnswerError         it left, and nobody knows what became of it
    ├── SupersededError           a newer score of the same user took its place
    ├── NotSentError              a batch was left before this score was sent
    └── LaunchError               a login or launch was not accepted: .reason
        ├── UnregisteredError       no registration fits its issuer, client id or deployment
        ├── RegistrationRefusedError the tool could not register itself with a platform
        ├── RegistryError           the store of registrations failed, or has another state by now
        ├── LoginLostError          its login is unknown, over, used, or another browser's: launch again
        └── IdTokenRefusedError     the id_token failed a check

Wrong arguments are not in this tree: they are `ValueError` and `TypeError`, raised before anything is sent.
"""

from __future__ import annotations

import re
from typing import Any, Self

import attrs

_PRIVATE_QUERY = re.compile(r"(?i)([?&](?:user_?id|login_hint|access_token|ltik|url)=)[^&#]*")


def shown_url(url: str) -> str:
    """
    Return a URL fit for a log line: no user information, and in its query no user id, no token, no other URL.
    """
    return _PRIVATE_QUERY.sub(r"\1…", re.sub(r"(//)[^/@?#]*@", r"\1", url))


_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """
    Return a text that any log, terminal and database takes: control characters and halves of pairs are replaced.
    """
    return _UNPRINTABLE.sub("\ufffd", text)


def _rebuild(cls: type[AGSError], state: dict[str, Any], notes: list[str]) -> AGSError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    for note in notes:
        error.add_note(note)
    return error


@attrs.define(slots=False, eq=False, repr=False)
class AGSError(Exception):
    """
    The root: three facts tell most callers all they need, whatever the class.

    Attributes:
        message: What happened, in one sentence, free of tokens and of grade data.

        recorded: Did the platform take what was sent? False: surely not. None: nobody knows. True only for a call that
            had a second effect that failed, and for a line item that was made and cannot be named.

        transient: May the same call succeed later, unchanged?

        retry_after: Seconds the platform asked to wait. None: it did not say.

        spec: The section of the standard behind the rule, such as ``AGS 3.4.9``. None: no rule of the standard.
    """

    message: str
    recorded: bool | None = attrs.field(default=False, kw_only=True)
    transient: bool = attrs.field(default=False, kw_only=True)
    retry_after: float | None = attrs.field(default=None, kw_only=True)
    spec: str | None = attrs.field(default=None, kw_only=True)

    def __str__(self) -> str:
        line = f"{self._line()} [{self.spec}]" if self.spec else self._line()
        return printable(" ".join(line.split()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__dict__.items() if name != "__notes__"}
        return _rebuild, (type(self), state, list(getattr(self, "__notes__", [])))

    def _line(self) -> str:
        return self.message

    def copied(self) -> Self:
        """
        Return an equal error without traceback or cause, for a second waiter of the same failure.
        """
        rebuild, arguments = self.__reduce__()
        copy: Self = rebuild(*arguments)
        return copy


class NotOfferedError(AGSError):
    """
    The endpoint lacks the URL or the scope that this call needs; nothing was sent.
    """


class CoupledLineItemError(AGSError):
    """
    The line item belongs to the resource link itself; deleting it takes ``force=True``.
    """


@attrs.define(slots=False, eq=False, repr=False)
class AuthorizationError(AGSError):
    """
    The platform gave no access token that serves; the call itself was not sent.

    Attributes:
        status: HTTP status of the token endpoint's answer. None: there was none.
    """

    status: int | None = attrs.field(default=None, kw_only=True)


@attrs.define(slots=False, eq=False, repr=False)
class GrantRefusedError(AuthorizationError):
    """
    The token endpoint refused.

    Attributes:
        code: The OAuth 2 error code, such as ``invalid_scope``. None: the answer held none.

        description: The platform's own words, cut and redacted. None: it gave none.

        clock_ahead: Seconds by which our clock was ahead of the platform's when the request was signed, as its answer
            tells the time (negative: behind). Beyond a few it is a reason to refuse. None: the answer does not tell.
    """

    code: str | None = attrs.field(default=None, kw_only=True)
    description: str | None = attrs.field(default=None, kw_only=True)
    clock_ahead: float | None = attrs.field(default=None, kw_only=True)


class GrantMalformedError(AuthorizationError):
    """
    The token endpoint answered with success but without a usable access token.
    """


@attrs.define(slots=False, eq=False, repr=False)
class PlatformError(AGSError):
    """
    The platform answered, but not as asked.

    Attributes:
        status: HTTP status.

        method: HTTP method of the request.

        url: Its URL, as sent. It may hold a user id; `str` of the error does not.

        words: What the platform said, one line, redacted. Empty: nothing readable.

        body: First 2 KiB of the answer, redacted. Kept out of `str` and `repr`.
    """

    status: int = attrs.field(kw_only=True)
    method: str = attrs.field(default="", kw_only=True)
    url: str = attrs.field(default="", kw_only=True)
    words: str = attrs.field(default="", kw_only=True)
    body: str = attrs.field(default="", kw_only=True)

    def _line(self) -> str:
        said = f": {self.words}" if self.words else ""
        return f"{super()._line()} ({self.method} {shown_url(self.url)} answered {self.status}{said})"


class RefusedError(PlatformError):
    """
    The platform refused: the same call will be refused again, unless `transient` says that it may lift.
    """


class ForbiddenError(RefusedError):
    """
    401 or 403, or a token that is called invalid, also with a fresh one: this tool may not do this here.
    """


@attrs.define(slots=False, eq=False, repr=False)
class NotFoundError(RefusedError):
    """
    404 or 410: no such line item or container, any more. Of a score or result it may be the user that is not known.

    Attributes:
        gone: True: of a score or result, the line item was read, and it is not there any more. None: not known, or
            another call.
    """

    gone: bool | None = attrs.field(default=None, kw_only=True)


class StaleScoreError(RefusedError):
    """
    The platform holds a score with the same or a later timestamp (AGS 3.4.9).
    """


class UserNotGradableError(RefusedError):
    """
    The user is not in the course, or has no role there that can be graded. So it is told by the platform's words, or
    by 404 for a score whose line item is there.
    """


class ThrottledError(PlatformError):
    """
    Too many requests, in whatever disguise: 429, Canvas's 403, 503 with a hint.
    """


class BrokenError(PlatformError):
    """
    5xx or 408: the platform failed. For a write, `recorded` is None: it may have been applied.
    """


class MalformedError(PlatformError):
    """
    The platform said success, with an answer that cannot be read. A listing never ends early without it.
    """


class UntrustedURLError(AGSError):
    """
    A URL that would carry the token to another origin, or in the clear. Nothing was sent to it.
    """


class NoAnswerError(AGSError):
    """
    The network failed before a whole answer came.
    """


class UnreachableError(NoAnswerError):
    """
    The request never left: no address, no connection, no slot in the pool.
    """


class LostAnswerError(NoAnswerError):
    """
    The request left and no whole answer came back: the platform may have applied it.
    """


class SupersededError(AGSError):
    """
    A newer score of the same user for the same line item took its place: it was waiting as well, or was sent before.
    """


class NotSentError(AGSError):
    """
    The batch ended before this score was sent: the block was left early, or its source failed.
    """


@attrs.define(slots=False, eq=False, repr=False)
class LaunchError(AGSError):
    """
    A login or a launch was not accepted. The message says why, and never quotes the id_token.

    Attributes:
        reason: The parameter, header or claim at fault, by its name on the wire: ``login_hint``, ``state``, ``kid``,
            ``alg``, ``aud``, ``exp``, ``nonce``, ``deployment_id``, ``roles``. Besides: ``cookie`` (another browser),
            ``signature``, ``jwks`` (the platform's keys cannot be had; `transient` says whether to try again), and
            ``registration``; for an error that the platform sent instead of an id_token, ``error``.
    """

    reason: str = attrs.field(default="", kw_only=True)


class UnregisteredError(LaunchError):
    """
    No registration, or no one registration, fits what the platform says of itself.
    """


class RegistrationRefusedError(LaunchError):
    """
    The tool could not register itself with a platform, or would not.
    """


class RegistryError(LaunchError):
    """
    The store of registrations cannot be reached, or one of them cannot be read or was changed meanwhile.
    """


class LoginLostError(LaunchError):
    """
    The launch answers a login that this browser did not begin, or that is over. Launching again may help.
    """


class IdTokenRefusedError(LaunchError):
    """
    The id_token failed one of the checks of the standard (SEC 5.1.3, CORE 5.3): it must not be believed.
    """
