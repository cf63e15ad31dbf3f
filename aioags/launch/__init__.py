"""
From a launch to a gradebook: OIDC login, id_token, the tool's keys, deep linking (LTI 1.3, CORE and SEC 5).

Read `tool` first; then `login`, `state`, `finish`, `id_token`.
"""

from aioags.errors import IdTokenRefusedError, LaunchError, LoginLostError, UnregisteredError
from aioags.launch.claims import (
    DEEP_LINKING,
    RESOURCE_LINK,
    SUBMISSION_REVIEW,
    Context,
    DeepLinkingSettings,
    Launch,
    ResourceLink,
    read_launch,
)
from aioags.launch.deep_linking import DeepLinkingResponse, deep_linking_response
from aioags.launch.finish import LaunchForm, finish_login, read_form
from aioags.launch.id_token import Header, read_header
from aioags.launch.keys import dump_key, generate_key, jwks_document, keys_from_environment, load_keys
from aioags.launch.login import Cookie, Login, LoginRequest, begin_login, read_login
from aioags.launch.login_store import LoginStore, MemoryLoginStore
from aioags.launch.registrations import FixedRegistrations, Registrations
from aioags.launch.settings import ToolSettings
from aioags.launch.sqlite_login_store import SQLiteLoginStore
from aioags.launch.state import PendingLogin, check_seal, claimed_login
from aioags.launch.tool import Tool
from aioags.model.link_item import LinkItem

__all__ = [  # noqa: RUF022 - in reading order
    "Tool",
    "ToolSettings",
    "Launch",
    "Context",
    "ResourceLink",
    "RESOURCE_LINK",
    "DEEP_LINKING",
    "SUBMISSION_REVIEW",
    "Registrations",
    "FixedRegistrations",
    "LoginStore",
    "MemoryLoginStore",
    "SQLiteLoginStore",
    "generate_key",
    "dump_key",
    "load_keys",
    "keys_from_environment",
    "jwks_document",
    "deep_linking_response",
    "DeepLinkingResponse",
    "DeepLinkingSettings",
    "LinkItem",
    "LaunchError",
    "UnregisteredError",
    "LoginLostError",
    "IdTokenRefusedError",
    "read_login",
    "begin_login",
    "read_form",
    "read_header",
    "claimed_login",
    "check_seal",
    "finish_login",
    "read_launch",
    "Login",
    "LoginRequest",
    "PendingLogin",
    "LaunchForm",
    "Header",
    "Cookie",
]
