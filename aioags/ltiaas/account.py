"""
An account at LTIAAS: where it is, its API key, and what can be asked of a launch.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from aioags.calls.engine import Engine
from aioags.calls.service import Service
from aioags.errors import NotOfferedError
from aioags.grading.members import list_members
from aioags.ltiaas.deep_linking import DeepLinkingMessage
from aioags.ltiaas.idtoken import Idtoken
from aioags.ltiaas.keys import LaunchKey, StaticCredential, check_secret
from aioags.ltiaas.operations import LTIAASDialect
from aioags.ltiaas.reference import ServiceReference
from aioags.model import checks
from aioags.model.link_item import LinkItem
from aioags.model.member import Member
from aioags.model.mistakes import lists
from aioags.model.secure import check_secure_url
from aioags.model.unreadable import OnUnreadable
from aioags.protocol.dialect import Dialect

# aioags.Gradebook, which is of a higher rank.
Gradebook = TypeVar("Gradebook")


class Account(Generic[Gradebook]):
    """
    One account at LTIAAS. Made by `Client.ltiaas`; keep it on the server: the API key must never reach a browser.

    A launch is named by its ``ltik``, a job by a service key. Every method may raise any `AGSError`; a 401 is final and
    says what is needed.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        engine: Engine,
        open_gradebook: Callable[[Service[Dialect]], Gradebook],
    ) -> None:
        if isinstance(api_key, str) and api_key.startswith(("https://", "http://")):
            raise ValueError("api_key is a URL: the base_url comes first, then the api_key")
        self._api_key = check_secret("api_key", api_key, colon=False)
        self._base = _checked_base(base_url)
        self._engine = engine
        self._open_gradebook = open_gradebook

    def __repr__(self) -> str:
        return f"<LTIAAS account {self._base!r}>"

    def gradebook(
        self,
        *,
        ltik: str | None = None,
        service_key: str | None = None,
        reference: ServiceReference | None = None,
        idtoken: Idtoken | None = None,
        line_item: str | None = None,
    ) -> Gradebook:
        """
        Return the gradebook of one launch context. Cheap: make one per launch or job.

        Args:
            ltik, service_key, reference: What lets it in: exactly one of the three.

            idtoken: Of the same launch, to go with an ltik or a service key. It tells the coupled line item and the
                scopes; calls that the LMS does not offer are then refused before anything is sent, and the requests are
                paced by LMS instead of all together. None: nothing of it is known.

            line_item: URL of the coupled line item. None: the one that `idtoken` or `reference` names, if any.

        Raises:
            NotOfferedError: The launch offers no AGS, or is one of LTI 1.1.

            ValueError, TypeError: Not exactly one key, or one that cannot stand in a header.
        """
        if idtoken is not None and not isinstance(idtoken, Idtoken):
            raise TypeError(f"idtoken must be an Idtoken, got {type(idtoken).__name__}")
        key = _key(ltik, service_key, reference)
        _check_offered(idtoken, reference)
        known = idtoken or reference
        if line_item is not None:
            checks.text("line_item", line_item)
        dialect = LTIAASDialect(
            self._base,
            key,
            api_key=self._api_key,
            coupled=line_item or (known.line_item if known else None),
            container=self._container(known, key),
            scope=known.scope if known else frozenset(),
        )
        return self._open_gradebook(Service(self._engine, dialect, self._credential(key, known)))

    async def idtoken(self, *, ltik: str) -> Idtoken:
        """
        Read what a launch says: who, where from, and which services it offers.

        Args:
            ltik: Of the launch URL's query: ``ltik``, or ``legacy-ltik`` of a launch of LTI 1.1.
        """
        service = self._service(LaunchKey.ltik(ltik))
        return await service.perform(service.dialect.idtoken())

    async def claims(self, *, ltik: str) -> dict[str, Any]:
        """
        Read a launch's claims as the LMS wrote them (``raw=true``); of LTI 1.1 its form parameters.
        """
        service = self._service(LaunchKey.ltik(ltik))
        return await service.perform(service.dialect.claims())

    @lists
    def memberships(
        self,
        *,
        ltik: str | None = None,
        service_key: str | None = None,
        reference: ServiceReference | None = None,
        role: str | None = None,
        resource_link_id: str | None = None,
        limit: int | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> AsyncGenerator[Member, None]:
        """
        Read who is in the course, every page, each fetched when it is needed.

        Args:
            ltik, service_key, reference: What lets it in: exactly one of the three.

            role: Only members with this role, such as ``Learner``. None: any.

            resource_link_id: Only who may see this link. None: the whole course.

            limit: Most members on one page, at least 1; not a bound on the whole. None: the LMS chooses. One that
                cuts the listing there is asked again without.

            on_unreadable: A plain function that is given each `Unreadable`, such as one without a user id; the rest of
                its page follows. None: the first one raises.

        Yields:
            Members with the role, each once, in the LMS's order; see `aioags.Client.memberships`.

        Spec:
            NRPS 2.2
        """
        key = _key(ltik, service_key, reference)
        return list_members(
            self._service(key, reference),
            role=role,
            resource_link_id=resource_link_id,
            limit=limit,
            on_unreadable=on_unreadable,
        )

    async def deep_linking_form(
        self,
        content_items: Iterable[LinkItem | Mapping[str, Any]],
        *,
        ltik: str,
        message: str | None = None,
        log: str | None = None,
        error_message: str | None = None,
        error_log: str | None = None,
    ) -> str:
        """
        Answer a deep linking launch: return an HTML form that submits itself, to be put into the page as it is.

        Args:
            content_items: Links, in order; a mapping is a content item as the standard writes it, of any type, with
                ``type``, ``url``, ``title``, ``lineItem`` … The ``url`` of a link is the account's launch URL, with
                query parameters of your own.

            message, log: What the LMS shows or notes when all went well. None: nothing.

            error_message, error_log: The same for a failure; given, they make the LMS refuse the content.

        Raises:
            ForbiddenError: Also when the launch was none of deep linking.

            ValueError, TypeError: A content item is none.

        Spec:
            DL 3, 4.4
        """
        service = self._service(LaunchKey.ltik(ltik))
        options = _options(message, log, error_message, error_log)
        return await service.perform(service.dialect.deep_linking_form(content_items, options))

    async def deep_linking_message(
        self,
        content_items: Iterable[LinkItem | Mapping[str, Any]],
        *,
        ltik: str,
        message: str | None = None,
        log: str | None = None,
        error_message: str | None = None,
        error_log: str | None = None,
    ) -> DeepLinkingMessage:
        """
        Answer a deep linking launch with a form of your own: return the signed message and where to post it.

        Args:
            content_items, message, log, error_message, error_log: As in `deep_linking_form`.

        Spec:
            DL 3, 4.4
        """
        service = self._service(LaunchKey.ltik(ltik))
        options = _options(message, log, error_message, error_log)
        return await service.perform(service.dialect.deep_linking_message(content_items, options))

    def _service(self, key: LaunchKey, known: ServiceReference | None = None) -> Service[LTIAASDialect]:
        dialect = LTIAASDialect(self._base, key, api_key=self._api_key)
        return Service(self._engine, dialect, self._credential(key, known))

    def _credential(self, key: LaunchKey, known: Idtoken | ServiceReference | None = None) -> StaticCredential:
        platform = known.platform_id if known else None
        return StaticCredential(self._api_key, key, f"LTIAAS {platform}" if platform else "LTIAAS")

    def _container(self, known: Idtoken | ServiceReference | None, key: LaunchKey) -> str:
        # There is no container URL; unnamed contexts are told apart by their key, which is kept from sight.
        if known is not None and known.platform_id and known.context_id:
            return f"{self._base} {known.platform_id} {known.context_id}"
        return f"{self._base} {key.value}"


def _checked_base(base_url: str) -> str:
    if isinstance(base_url, str) and not base_url.startswith(("https://", "http://")):
        # Not quoted: it may be the key.
        raise ValueError("base_url must be a URL such as https://your.ltiaas.com, https or http to loopback")
    check_secure_url("base_url", base_url)
    if "?" in base_url or "#" in base_url:
        raise ValueError(f"base_url must have no query and no fragment, got {base_url!r}")
    return base_url.rstrip("/")


def _key(ltik: str | None, service_key: str | None, reference: ServiceReference | None) -> LaunchKey:
    if sum(given is not None for given in (ltik, service_key, reference)) != 1:
        raise ValueError("give exactly one of ltik, service_key and reference")
    if ltik is not None:
        return LaunchKey.ltik(ltik)
    if service_key is not None:
        return LaunchKey.service_key(service_key)
    if not isinstance(reference, ServiceReference):
        raise TypeError(f"reference must be a ServiceReference, got {type(reference).__name__}: read it with from_dict")
    return LaunchKey.service_key(reference.service_key)


def _check_offered(idtoken: Idtoken | None, reference: ServiceReference | None) -> None:
    if idtoken is not None and reference is not None:
        raise ValueError("a reference knows its launch: give idtoken with an ltik or a service_key only")
    if idtoken is not None and idtoken.is_lti_1_1:
        raise NotOfferedError(f"this launch is of LTI {idtoken.lti_version}, which has no AGS", spec="AGS 3.1")
    known = idtoken or reference
    if known is not None and not known.offers_grades:
        raise NotOfferedError("this launch offers no AGS", spec="AGS 3.1")


def _options(
    message: str | None, log: str | None, error_message: str | None, error_log: str | None
) -> dict[str, str | None]:
    for name, value in (
        ("message", message),
        ("log", log),
        ("error_message", error_message),
        ("error_log", error_log),
    ):
        checks.optional_text(name, value)
    return {"message": message, "log": log, "errMessage": error_message, "errLog": error_log}
