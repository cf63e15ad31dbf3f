"""
From a launch to a gradebook: OIDC login, id_token, the tool's keys, deep linking (LTI 1.3, CORE and SEC 5).

Read `tool` first; then `login`, `state`, `finish`, `id_token`.
"""

from aioags.errors import (
    IdTokenRefusedError,
    LaunchError,
    LoginLostError,
    RegistrationRefusedError,
    RegistryError,
    UnregisteredError,
)
from aioags.launch.claimed import LIS, ForUser, LaunchPresentation, ToolPlatform
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
from aioags.launch.registering.offer import ToolMessage, ToolOffer, canvas_developer_key
from aioags.launch.registering.registrar import Registered, Registrar
from aioags.launch.registrations import FixedRegistrations, Registrations
from aioags.launch.registry.key_ring import KeyRing
from aioags.launch.registry.row import RegistrationRow, RowState
from aioags.launch.registry.sqlite import SQLiteRegistrationStore
from aioags.launch.registry.store import MemoryRegistrationStore, RegistrationStore
from aioags.launch.registry.stored import StoredRegistrations
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
    "ForUser",
    "LIS",
    "ToolPlatform",
    "LaunchPresentation",
    "RESOURCE_LINK",
    "DEEP_LINKING",
    "SUBMISSION_REVIEW",
    "Registrations",
    "FixedRegistrations",
    "StoredRegistrations",
    "RegistrationStore",
    "MemoryRegistrationStore",
    "SQLiteRegistrationStore",
    "RegistrationRow",
    "RowState",
    "RegistryError",
    "KeyRing",
    "Registrar",
    "ToolOffer",
    "ToolMessage",
    "Registered",
    "canvas_developer_key",
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
    "RegistrationRefusedError",
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
