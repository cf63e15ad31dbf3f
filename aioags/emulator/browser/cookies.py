"""
A browser's cookies, with the rules that decide whether a launch finds its state again (RFC 6265bis).

A tool is mostly shown in a frame of the course: to the browser the course's site is who is visited, and the tool a
third party. Only a cookie with ``SameSite=None; Secure`` is kept then. In a window of its own, the launch is still a
POST from another site, which carries no other cookie either; what the person does in the tool afterwards carries all.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

import attrs

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@attrs.frozen
class HeldCookie:
    """
    One cookie.

    Attributes:
        same_site: ``none``, ``lax`` or ``strict``; ``lax`` where the tool says nothing, as browsers take it.
    """

    name: str
    value: str
    host: str
    path: str
    secure: bool
    same_site: str

    @property
    def third_party(self) -> bool:
        """
        True when it is kept and sent in a frame of another site.
        """
        return self.same_site == "none" and self.secure


@attrs.define
class CookieJar:
    """
    The cookies of one browser.

    Attributes:
        frame_of: Host of the page around the frame. None: there is none.

        open: False: no cookie is kept.
    """

    frame_of: str | None
    open: bool = True
    _kept: dict[tuple[str, str, str], HeldCookie] = attrs.field(factory=dict)

    def keep(self, url: str, header: str) -> None:
        """
        Take one Set-Cookie header of an answer.
        """
        cookie, over = _parsed(urlsplit(url), header)
        if not self.open or (self._is_third_party(cookie.host) and not cookie.third_party):
            return
        key = (cookie.host, cookie.path, cookie.name)
        if over:
            self._kept.pop(key, None)
        else:
            self._kept[key] = cookie

    def sent(self, url: str, method: str, initiator: str | None) -> dict[str, str]:
        """
        Return what a request carries, by name.

        Args:
            initiator: Host of the page that the request comes from. None: the person typed the address.
        """
        parts = urlsplit(url)
        found = [cookie for cookie in self._kept.values() if _belongs(cookie, parts)]
        return {cookie.name: cookie.value for cookie in found if self._may_go(cookie, method, initiator)}

    def of(self, url: str) -> dict[str, str]:
        """
        Return what is kept for a URL, by name.
        """
        parts = urlsplit(url)
        return {cookie.name: cookie.value for cookie in self._kept.values() if _belongs(cookie, parts)}

    def _is_third_party(self, host: str) -> bool:
        return self.frame_of is not None and self.frame_of != host

    def _may_go(self, cookie: HeldCookie, method: str, initiator: str | None) -> bool:
        if self._is_third_party(cookie.host) or initiator not in (None, cookie.host):
            return cookie.third_party or (
                not self._is_third_party(cookie.host) and cookie.same_site == "lax" and method == "GET"
            )
        return True


def _parsed(url: SplitResult, header: str) -> tuple[HeldCookie, bool]:
    pair, *rest = (part.strip() for part in header.split(";"))
    name, _, value = pair.partition("=")
    said = {key.strip().lower(): given.strip() for key, _, given in (part.partition("=") for part in rest)}
    same_site = said.get("samesite", "").lower()
    path = said.get("path") or url.path.rpartition("/")[0] or "/"
    over = said.get("max-age", "1").lstrip("-") == "0" or said.get("max-age", "").startswith("-")
    over = over or "1970" in said.get("expires", "")
    chosen = same_site if same_site in ("none", "strict") else "lax"
    return HeldCookie(name, value, url.hostname or "", path, "secure" in said, chosen), over


def _belongs(cookie: HeldCookie, url: SplitResult) -> bool:
    path = cookie.path.rstrip("/")
    inside = url.path == path or url.path.startswith(path + "/") or not path
    safe = url.scheme == "https" or url.hostname in LOOPBACK or not cookie.secure
    return cookie.host == url.hostname and inside and safe
