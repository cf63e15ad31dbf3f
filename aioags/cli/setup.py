"""
``aioags init`` and ``aioags keys``: from nothing to a registration in ``aioags.toml``.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aioags.cli.command import Run
from aioags.cli.failures import CommandError, Status
from aioags.config import FIELDS, Config, Target, read_key_file
from aioags.launch.keys import dump_key, generate_key, jwks_document, load_keys
from aioags.launch.lms_fields import LMSGuide, lms_guide, lms_guides
from aioags.model.secure import url_fault

TOOL_URL = "http://localhost:8765"
"""Where ``aioags listen`` listens unless told otherwise."""


def _which(text: str) -> str:
    try:
        return lms_guide(text).name
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Shown = Annotated[str | None, typer.Option(help="as the LMS shows it")]
Unusual = Annotated[str | None, typer.Option(metavar="URL", help="where it is not the usual one")]


def init(
    run: Run,
    *,
    name: Annotated[str | None, typer.Argument(help="what you call it [default: the LMS]")] = None,
    kind: Annotated[str, typer.Option("--lms", parser=_which, metavar="LMS", help=", ".join(lms_guides()))],
    site: Annotated[str | None, typer.Option(metavar="URL", help="the LMS's address")] = None,
    issuer: Shown = None,
    client_id: Shown = None,
    deployment_id: Shown = None,
    block: Annotated[str | None, typer.Option(help="of Open edX and Sakai: the id in its URLs")] = None,
    token_url: Unusual = None,
    authorization_url: Unusual = None,
    jwks_url: Unusual = None,
    audience: Unusual = None,
    tool_url: Annotated[str, typer.Option(help="where the tool is; listen's own unless you have one")] = TOOL_URL,
    key_file: Annotated[Path | None, typer.Option(help="a private key that you have")] = None,
    key_env: Annotated[str | None, typer.Option(metavar="VARIABLE", help="holds a private key")] = None,
) -> Status:
    """
    Register with an LMS: make a key, say what to paste where, ask what the LMS shows then, and write it down.

    What the options say is not asked for. It can be interrupted and called again: what is written stays.

    Example:
        aioags init school --lms moodle --site https://lms.example
    """
    chosen, name = lms_guide(kind), name or kind
    answers: dict[str, str | None] = {
        "site": site.rstrip("/") if site else None,
        "issuer": issuer,
        "client_id": client_id,
        "deployment_id": deployment_id,
        "block": block,
        "token_url": token_url,
        "authorization_url": authorization_url,
        "jwks_url": jwks_url,
        "audience": audience,
    }
    _check_urls({**answers, "tool_url": tool_url})
    target = _with_key(run, name, key_file, key_env)
    _tell_paste(run, chosen, tool_url.rstrip("/"), jwks_document(target.keys()))
    held: dict[str, str | None] = {field: target.values.get(field) for field in FIELDS}
    known = {field for field, value in (*held.items(), *answers.items()) if value}
    asked = [row for row in chosen.to_ask if row.value not in known and _wanted(chosen, row.value, known)]
    if asked and run.terminal and not run.json:
        run.say(f"\nWhat {chosen.title} shows then (Enter: not yet known):")
        for row in asked:
            note = f" ({row.note})" if row.note else ""
            answer = run.world.ask(f"  {row.field or row.value}{note}: ").strip()
            answers[row.value] = answer.rstrip("/") if row.value == "site" else answer
    _check_urls(answers)
    values = chosen.completed({**held, **{field: value for field, value in answers.items() if value}})
    url = None if tool_url == TOOL_URL else f"{tool_url.rstrip('/')}/jwks"
    _write(run, name, {**{field: values.get(field) for field in FIELDS}, "lms": kind, "tool_jwks_url": url})
    return _conclude(run, name, kind, [row.value for row in asked if row.value in FIELDS and not values.get(row.value)])


def _check_urls(answers: Mapping[str, str | None]) -> None:
    for field in ("site", "token_url", "authorization_url", "jwks_url", "tool_url"):
        fault = url_fault(answers[field]) if answers.get(field) else None
        if fault is not None:
            raise CommandError(f"--{field.replace('_', '-')} {fault}, got {answers[field]!r}")


def _with_key(run: Run, name: str, key_file: Path | None, key_env: str | None) -> Target:
    """
    Write down where the key is; make one where there is none.
    """
    if key_file is not None and key_env is not None:
        raise CommandError("--key-file and --key-env do not go together")
    there = run.config_path.exists() and name in Config.load(run.config_path).tables
    held = Config.load(run.config_path).tables[name] if there else {}
    if key_file is not None:
        load_keys(read_key_file(key_file))
        # From the folder of the file, wherever the command was called.
        relative = os.path.relpath(key_file.resolve(), run.config_path.resolve().parent)
        _write(run, name, {"key_file": relative, "key_env": None})
    elif key_env is not None:
        _write(run, name, {"key_env": key_env, "key_file": None})
    elif not held.get("key_file") and not held.get("key_env"):
        _write(run, name, {}, pem=dump_key(generate_key()))
    return Config.load(run.config_path, run.world.environ).target(name)


def _write(run: Run, name: str, values: Mapping[str, Any], *, pem: str | None = None) -> None:
    # The emulator, which writes such files too, is not loaded for every command.
    from aioags.emulator.doors.config_file import ConfigError, update_table

    try:
        update_table(run.config_path, name, values, pem=pem)
    except ConfigError as error:
        raise CommandError(str(error)) from None


def _wanted(guide: LMSGuide, value: str, known: Collection[str]) -> bool:
    """
    Tell whether a value is of use: as it is, or since something follows from it that is not known.
    """
    follow = (row.value for row in guide.theirs if f"<{value}>" in (row.usual or ""))
    return value in FIELDS or any(row not in known for row in follow)


def _tell_paste(run: Run, guide: LMSGuide, tool_url: str, key_set: Mapping[str, Any]) -> None:
    local = tool_url == TOOL_URL
    launch, keys = f"{tool_url}/launch", f"{tool_url}/jwks"
    # No LMS can fetch keys from localhost.
    ours = {"redirect_uri": launch, "login_url": f"{tool_url}/login", "target_link_uri": launch}
    ours |= {"public_key": "the key below"} if local and guide.our_field("public_key").field else {"key_set_url": keys}
    run.say(f"In {guide.title}: {guide.where}")
    width = max(map(len, ours.values()))
    for row in guide.ours:
        if row.value in ours or row.value == "scopes":
            note = f" ({row.note})" if row.note else ""
            run.say(f"  {ours.get(row.value, 'allow'):{width}}  ->  {row.field}{note}")
    run.say(f"Then: {guide.then}.")
    if local:
        run.say("No LMS can fetch keys from localhost: where it takes the key itself, paste this one, else publish it:")
        run.say(f"  {json.dumps(key_set['keys'][0])}")


def _conclude(run: Run, name: str, kind: str, missing: list[str]) -> Status:
    called, options = shlex.quote(name), " ".join(f"--{field.replace('_', '-')} …" for field in missing)
    following = (
        f"aioags init {called} --lms {kind} {options}" if missing else f"aioags listen {called}, and launch it once"
    )
    told = f"\nWritten into {run.config_path} as [{name}]. Next: {following}."
    run.tell({"name": name, "config": str(run.config_path), "missing": missing}, told)
    return Status.OK


def keys_new(run: Run, *, file: Annotated[Path, typer.Argument(help="where it goes; nothing is overwritten")]) -> None:
    """
    Make a private key, readable for its owner only.

    Example:
        aioags keys new tool.pem
    """
    key = generate_key()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as text:
            text.write(dump_key(key))
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None
    run.tell({"file": str(file), "kid": key.kid}, f"{file}: RSA, 2,048 bits, key id {key.kid}")


def keys_jwks(
    run: Run,
    *,
    files: Annotated[list[Path] | None, typer.Argument(help="files of private keys; none: that of --to")] = None,
) -> None:
    """
    Print the public halves of private keys as the key set that platforms fetch.

    Example:
        aioags keys jwks tool.pem next.pem > jwks.json
    """
    texts = [read_key_file(file) for file in files or ()] or run.target().keys()
    print(json.dumps(jwks_document(texts), indent=None if run.json else 2))


KEYS: Mapping[str, Callable[..., None]] = {"new": keys_new, "jwks": keys_jwks}
"""Name: what it runs."""
