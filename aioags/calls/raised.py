"""
What is said of URLs of http that are asked by https: once for each host, as it will be so at every call.
"""

from __future__ import annotations

from aioags.calls.log import WARNING, OncePerHost, log


class RaisedHosts:
    """
    Says in the log, once for each host, that https is asked where http was written.
    """

    def __init__(self) -> None:
        self._said = OncePerHost()

    def __call__(self, url: str) -> None:
        """
        Note one such URL.
        """
        if (host := self._said.first(url)) is not None:
            log(
                WARNING,
                "%(host)s is asked by https, though the platform writes http in its URLs: whoever runs it should tell"
                " it that a proxy ends TLS for it",
                host=host,
            )
