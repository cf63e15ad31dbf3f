"""
``aioags init`` and ``aioags keys``: from nothing to a registration in ``aioags.toml``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aioags.cli import lms
from aioags.cli.command import Run
from aioags.cli.config import FIELDS, Config, Target, read_key_file
from aioags.cli.failures import CommandError, Status
from aioags.launch.keys import dump_key, generate_key, jwks_document, load_keys

TOOL_URL = "http://localhost:8765"
"""Where ``aioags listen`` listens unless told otherwise."""


def _which(text: str) -> str:
    if text not in lms.ALL:
        raise typer.BadParameter(f"{text[:40]!r} is none; give one of {', '.join(lms.ALL)}")
    return text


Shown = Annotated[str | None, typer.Option(help="as the LMS shows it")]
Unusual = Annotated[str | None, typer.Option(metavar="URL", help="where it is not the usual one")]


def init(
    run: Run,
    *,
    name: Annotated[str | None, typer.Argument(help="what you call it [default: the LMS]", show_default=False)] = None,
    kind: Annotated[str, typer.Option("--lms", parser=_which, metavar="LMS", help=", ".join(lms.ALL))],
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
    chosen, name = lms.ALL[kind], name or kind
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
    target = _with_key(run, name, key_file, key_env)
    _tell_paste(run, chosen, tool_url.rstrip("/"), jwks_document(target.keys()))
    held: dict[str, str | None] = {field: target.values.get(field) for field in FIELDS}
    asked = {field: where for field, where in chosen.asks.items() if not answers.get(field) and not held.get(field)}
    if run.terminal and not run.json:
        run.say(f"\nWhat {chosen.title} shows then:")
        for field, where in asked.items():
            answers[field] = run.world.ask(f"  {where}: ").strip().rstrip("/" if field == "site" else "") or None
    values = _completed(chosen, {**held, **{field: value for field, value in answers.items() if value}})
    url = None if tool_url == TOOL_URL else f"{tool_url.rstrip('/')}/jwks"
    _write(run, name, {**{field: values.get(field) for field in FIELDS}, "lms": kind, "tool_jwks_url": url})
    return _conclude(run, name, [field for field in asked if field in FIELDS and not values.get(field)])


def _completed(chosen: lms.Vendor, answers: Mapping[str, str | None]) -> dict[str, str | None]:
    """
    Add what follows from the answers.
    """
    known: dict[str, str | None] = {}
    for field, template in chosen.known.items():
        try:
            known[field] = template.format(**{name: value for name, value in answers.items() if value})
        except KeyError:
            continue
    return {**known, **{field: value for field, value in answers.items() if value}}


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


def _tell_paste(run: Run, chosen: lms.Vendor, tool_url: str, key_set: Mapping[str, Any]) -> None:
    ours = {
        "login": f"{tool_url}/login",
        "launch": f"{tool_url}/launch",
        "jwks": f"{tool_url}/jwks",
        "target": f"{tool_url}/launch",
    }
    run.say(f"In {chosen.title}: {chosen.where}")
    width = max(len(field) for field, _ in chosen.paste)
    for field, which in chosen.paste:
        run.say(f"  {field:{width}}  {ours[which]}")
    run.say(f"Then {chosen.more}.")
    if tool_url == TOOL_URL:
        run.say("No LMS can fetch keys from localhost: where it takes the key itself, paste this one, else publish it:")
        run.say(f"  {json.dumps(key_set['keys'][0])}")


def _conclude(run: Run, name: str, missing: list[str]) -> Status:
    options = " ".join(f"--{field.replace('_', '-')} …" for field in missing)
    following = f"aioags init {name} … {options}" if missing else f"aioags listen {name}, and launch it once"
    if run.json:
        run.dump({"name": name, "config": str(run.config_path), "missing": missing})
    run.say(f"\nWritten into {run.config_path} as [{name}]. Next: {following}.")
    return Status.OK


def keys_new(
    run: Run,
    *,
    file: Annotated[Path, typer.Argument(help="where it goes; nothing is overwritten", show_default=False)],
) -> None:
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
    if run.json:
        run.dump({"file": str(file), "kid": key.kid})
    run.say(f"{file}: RSA, 2,048 bits, key id {key.kid}")


def keys_jwks(
    run: Run,
    *,
    files: Annotated[
        list[Path] | None, typer.Argument(help="files of private keys; none: that of --to", show_default=False)
    ] = None,
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
