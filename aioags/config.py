"""
``aioags.toml``: which registrations and courses there are, each under a name of its own.

What the command reads; `read_config` is for programs beside it.

Source:
    ``docs/guides/command-line.md``, "The file": what a table holds is said there.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from aioags.launch.keys import load_keys
from aioags.model.endpoint import Endpoint
from aioags.model.registration import Registration

__all__ = ["ConfigFileError", "Target", "read_config"]

FIELDS = ("issuer", "client_id", "token_url", "audience", "deployment_id", "authorization_url", "jwks_url")
ORIGINS = "also_origins"
CLAIM = ("lineitems", "lineitem", "scope")
_INLINE = ("key", "private_key", "pem")


class ConfigFileError(ValueError):
    """
    The file, or a key that it names, cannot be used; the text is one line that says why, and what to do. It quotes no
    key.
    """


def read_config(path: str | os.PathLike[str] = "aioags.toml", name: str | None = None) -> Target:
    """
    Read one registration and course out of the file that ``aioags init`` and ``aioags listen`` write.

    Args:
        path: The file.

        name: Of its table. None: the only one.

    Returns:
        Its ``registration`` and ``endpoint`` are what `Client.gradebook` takes. The key is read when they are asked
        for, each time.

    Raises:
        ConfigFileError: There is no such file or table, or several tables and no name.
    """
    return Config.load(Path(path)).target(name)


@attrs.frozen
class Target:
    """
    One table of the file: a registration, and the course that its endpoint is of.

    Attributes:
        name: The table's.

        path: The file's.

        values: What stands in it.

        environ: Where the variables are that it names.
    """

    name: str
    path: Path
    values: Mapping[str, Any] = attrs.field(repr=False)
    environ: Mapping[str, str] = attrs.field(repr=False)

    @property
    def where(self) -> str:
        """
        How errors name it.
        """
        return f"{self.path}, [{self.name}]"

    @property
    def registration(self) -> Registration:
        """
        What was agreed with the platform.

        Raises:
            ConfigFileError: Something is missing or wrong, or the key cannot be had.
        """
        return self.with_key(self.keys()[0])

    def with_key(self, key: Any) -> Registration:
        """
        Return the registration with this key.

        Raises:
            ConfigFileError: Something is missing or wrong.
        """
        missing = [name for name in FIELDS[:3] if not self.values.get(name)]
        if missing:
            raise ConfigFileError(f"{self.where} lacks {', '.join(missing)}: aioags init {self.name} asks for it")
        try:
            given: dict[str, Any] = {name: self.values.get(name) for name in FIELDS}
            return Registration(**given, key=key, also_origins=self.values.get(ORIGINS, ()))
        except (ValueError, TypeError) as error:
            raise ConfigFileError(f"{self.where}: {error}") from None

    def keys(self) -> list[Any]:
        """
        Load the tool's private keys; the first one signs.

        Raises:
            ConfigFileError: They are not there, not keys, or others may read them.
        """
        inline = next((name for name in _INLINE if name in self.values), None)
        if inline is not None:
            raise ConfigFileError(
                f"{self.where}: a key must not stand in it: put it into a file, and key_file = its path"
            )
        text, source = self._key_text()
        try:
            return list(load_keys(text))
        except ValueError as error:
            raise ConfigFileError(f"{self.where}: {source}: {error}") from None

    def _key_text(self) -> tuple[str, str]:
        variable, file = self.values.get("key_env"), self.values.get("key_file")
        if isinstance(variable, str):
            text = self.environ.get(variable, "")
            if not text.strip():
                raise ConfigFileError(f"{self.where}: the key is in ${variable}, which is not set")
            return text, f"${variable}"
        if not isinstance(file, str):
            raise ConfigFileError(f"{self.where} names no key: key_file = a path, or key_env = a variable")
        path = self.path.parent / file
        return read_key_file(path), str(path)

    @property
    def endpoint(self) -> Endpoint:
        """
        The AGS claim of a launch.

        Raises:
            ConfigFileError: There is none yet, or it is wrong.
        """
        claim = {name: self.values[name] for name in CLAIM if name in self.values}
        if not claim:
            raise ConfigFileError(
                f"{self.where} has no endpoint yet: aioags listen {self.name} takes one launch and writes it"
            )
        try:
            return Endpoint.from_claim(claim)
        except (ValueError, TypeError) as error:
            raise ConfigFileError(f"{self.where}: {error}") from None

    @property
    def memberships_url(self) -> str | None:
        """
        Where the course's members are. None: its launch did not say.
        """
        url = self.values.get("memberships_url")
        return url if isinstance(url, str) else None


@attrs.frozen
class Config:
    """
    The whole file.
    """

    path: Path
    tables: Mapping[str, Mapping[str, Any]] = attrs.field(repr=False)
    environ: Mapping[str, str] = attrs.field(default=os.environ, repr=False)

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str] = os.environ) -> Config:
        """
        Read it.

        Raises:
            ConfigFileError: It is not there, or cannot be read.
        """
        try:
            whole = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigFileError(f"there is no {path}: aioags init makes one, --config FILE names another") from None
        except OSError as error:
            raise ConfigFileError(f"cannot read {path}: {error.strerror}") from None
        except ValueError as error:
            # Not UTF-8, or no TOML; the text of neither quotes more than a character.
            raise ConfigFileError(f"{path} is no TOML: {error}") from None
        return cls(path, {name: table for name, table in whole.items() if isinstance(table, dict)}, environ)

    @property
    def names(self) -> list[str]:
        """
        The names in it, in order.
        """
        return list(self.tables)

    def target(self, name: str | None = None) -> Target:
        """
        Return one of its tables.

        Args:
            name: None: the only one.

        Raises:
            ConfigFileError: There is none of this name, or several and no name.
        """
        if not self.tables:
            raise ConfigFileError(f"{self.path} names no registration: aioags init makes one")
        known = ", ".join(self.names)
        if name is None and len(self.tables) > 1:
            raise ConfigFileError(f"{self.path} names several: say which, with --to or name=, one of {known}")
        chosen = name or self.names[0]
        if chosen not in self.tables:
            raise ConfigFileError(f"{self.path} has no {chosen!r}: it has {known}")
        return Target(chosen, self.path, self.tables[chosen], self.environ)


def read_key_file(path: Path) -> str:
    """
    Read a file with a private key.

    Raises:
        ConfigFileError: It is not there, or others than its owner may read it.
    """
    try:
        # Of Windows the bits say nothing.
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigFileError(f"others may read the key in {path}: chmod 600 {path}")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigFileError(f"cannot read the key {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigFileError(f"{path} is no key: it is no text") from None
