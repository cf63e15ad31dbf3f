"""
A JupyterHub that lets people in with jupyterhub-ltiauthenticator, in a process of its own, without proxy and notebooks.

It prints its URL, and is told what it needs of the platform in the environment, each name in capitals. ``/hub/seen``
shows the claims of the last launch.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.handlers import BaseHandler
from jupyterhub.proxy import Proxy
from ltiauthenticator.lti13.auth import LTI13Authenticator
from traitlets.config import Config

seen: dict[str, Any] = {}


class NoProxy(Proxy):
    """
    Routes nothing: people meet the hub itself.
    """

    should_start = False

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        """
        Do nothing.
        """

    async def delete_route(self, routespec: str) -> None:
        """
        Do nothing.
        """

    async def get_all_routes(self) -> dict[str, Any]:
        """
        Return none.
        """
        return {}


class Seen(BaseHandler):
    """
    Shows the claims of the last launch.
    """

    def get(self) -> None:
        """
        Answer with them.
        """
        self.write(seen)


def remember(authenticator: LTI13Authenticator, handler: BaseHandler, model: dict[str, Any]) -> dict[str, Any]:
    """
    Keep what a launch said, as a hub that sends grades would.
    """
    del authenticator, handler
    seen.clear()
    seen.update(model["auth_state"])
    return model


def configured() -> Config:
    """
    Return the settings of a hub on a free port, which leaves nothing outside its folder.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = Config()
    config.JupyterHub.authenticator_class = LTI13Authenticator
    config.JupyterHub.proxy_class = NoProxy
    config.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port}"
    config.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
    config.JupyterHub.db_url = "sqlite://"
    config.JupyterHub.cookie_secret_file = "secret"
    config.JupyterHub.redirect_to_server = False
    config.JupyterHub.cleanup_servers = False
    config.JupyterHub.log_level = "CRITICAL"
    config.JupyterHub.extra_handlers = [("/seen", Seen)]
    config.Authenticator.allow_all = True
    config.Authenticator.post_auth_hook = remember
    config.LTI13Authenticator.username_key = os.environ.get("USERNAME_KEY", "sub")
    config.LTI13Authenticator.issuer = os.environ["ISSUER"]
    config.LTI13Authenticator.client_id = {os.environ["CLIENT_ID"]}
    config.LTI13Authenticator.authorize_url = os.environ["AUTHORIZATION_URL"]
    config.LTI13Authenticator.jwks_endpoint = os.environ["JWKS_URL"]
    return config


class Host(JupyterHub):
    """
    Says where it is once it answers, and ends with its standard input.
    """

    def load_config_file(self, *args: Any, **kwargs: Any) -> None:
        """
        Take the settings from here, not from a file.
        """
        self.update_config(configured())

    async def start(self) -> None:
        """
        Start, then print the URL.
        """
        await super().start()
        print(self.hub.url.removesuffix("/"), flush=True)


def main() -> None:
    """
    Run until the standard input ends.
    """
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Host.launch_instance(argv=[])


if __name__ == "__main__":
    main()
