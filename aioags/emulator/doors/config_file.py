"""
The file that names registrations for a command line: one table for each, kept as people have written it.

Source:
    ``docs/emulator.md``, "For a command line": what the table holds is said there.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aioags.emulator.platform import Platform

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

# It becomes part of a file's name.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
INSTALL = "--config needs tomlkit: pip install 'aioags[cli]'"


class ConfigError(ValueError):
    """
    The file, or the name in it, cannot be used; the text is one line that says why.
    """


def check_config(path: Path, name: str) -> None:
    """
    Look whether a platform can be written into a file under a name, before there is one.

    Raises:
        ConfigError: It cannot: tomlkit is not there, the name is none, or the file is no TOML or cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--config: {name!r} is no name; give letters, digits, dots, hyphens and underscores")
    _table(_read(path), path, name)


def write_config(path: Path, name: str, platform: Platform) -> None:
    """
    Write registration and endpoint of the first tool under a name. Other tables, comments and further keys stay.

    The private key goes into a file beside it, readable for its owner only; the table names it. Where the tool owns its
    keys, there is none.

    Raises:
        ConfigError: As `check_config`, or it cannot be written.
    """
    said = {**platform.registration_args(), "lineitems": None, "lineitem": None, **platform.endpoint_claim()}
    said["memberships_url"] = platform.site.memberships_url(platform.course, platform.tool.client_id)
    update_table(path, name, said, pem=said.pop("key", None), keep_key=False)


def update_table(path: Path, name: str, values: Mapping[str, Any], *, pem: str | None, keep_key: bool = True) -> None:
    """
    Write values under a name; None takes one away. Other tables, comments and further keys stay.

    Args:
        pem: A private key, for a file beside it, readable for its owner only, which the table then names.

        keep_key: What a table that names a key says of it stays where `pem` is None.

    Raises:
        ConfigError: As `check_config`, or it cannot be written.
    """
    document = _read(path)
    table = _table(document, path, name)
    said = dict(values)
    try:
        if pem is not None:
            said["key_file"] = _key_file(path, name)
            _write_key(path.parent / said["key_file"], pem, ours=table.get("key_file") == said["key_file"])
        elif not keep_key:
            said["key_file"] = None
        for field, value in said.items():
            if value is not None:
                table[field] = value
            elif field in table:
                del table[field]
        _replace(path.resolve(), document.as_string())
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename or path}: {error.strerror}") from error


def _key_file(path: Path, name: str) -> str:
    return f"{path.stem}-{name}.pem"


def _read(path: Path) -> TOMLDocument:
    try:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError
    except ImportError as error:
        raise ConfigError(INSTALL) from error
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text") from error
    except TOMLKitError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error


def _table(document: TOMLDocument, path: Path, name: str) -> Any:
    import tomlkit

    if name not in document:
        document[name] = tomlkit.table()
    table = document[name]
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {name} is no table there; choose another name")
    return table


def _write_key(path: Path, pem: str, *, ours: bool) -> None:
    if path.exists() and not ours:
        raise ConfigError(f"{path} is there already, and the table does not name it: move it, or choose another name")
    # Never open to others, not even for the moment between making and closing it.
    _replace(path, pem, mode=0o600)


def _replace(path: Path, text: str, mode: int | None = None) -> None:
    # In one step: who reads it meanwhile finds the old one or the new one, and so does who comes after a crash.
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    except OSError as error:
        # Nobody knows the other name.
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, mode if mode is not None else _mode_of(path))
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o644
