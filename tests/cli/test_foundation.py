"""
What every command has in common: shared options, help, exit statuses, the file of registrations.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from aioags import errors
from aioags.cli import INSTALL, main
from aioags.cli.app import new_app
from aioags.cli.command import Run, SharedOptions, World
from aioags.cli.failures import CommandError, Status, explained
from aioags.config import Config, ConfigFileError
from aioags.emulator.doors.config_file import update_table
from aioags.launch import dump_key, generate_key
from aioags.outbox import SQLiteStore

PEM = dump_key(generate_key())


def commands(group: Any = None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """
    List the words of every command that does something.
    """
    group = group or get_command(new_app())
    if not hasattr(group, "commands"):
        return [path]
    # The emulator's options and help are its own.
    named = {name: one for name, one in group.commands.items() if name != "emulator"}
    return [found for name, one in named.items() for found in commands(one, (*path, name))]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example_and_the_shared_options(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"aioags {' '.join(words)}" in shown.partition("Example:")[2]
    assert all(f"--{name}" in shown for name in ("json", "debug", "config", "to"))


def test_the_bare_command_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "outbox", "stats"],
        ["outbox", "--json", "stats"],
        ["outbox", "stats", "--json"],
        ["--config", "x.toml", "outbox", "--json", "stats", "--to", "y"],
    ],
)
def test_shared_options_stand_before_or_after_the_action(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIOAGS_OUTBOX", str(tmp_path / "grades.db"))
    assert main(["outbox", "stats", "--store", str(tmp_path / "no.db")]) == 1
    store = SQLiteStore(tmp_path / "grades.db")
    asyncio.run(store.migrate())
    asyncio.run(store.aclose())
    capsys.readouterr()
    assert main(words) == 0
    assert capsys.readouterr().out == "[]\n"


def test_without_its_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no typer', name='typer')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from aioags.cli import main; sys.exit(main([]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", INSTALL + "\n")


@pytest.mark.parametrize(
    "words, completed",
    [("aioags items ", "dedupe"), ("aioags items list --to mo", "moodle"), ("aioags doctor --w", "--write")],
)
def test_commands_options_and_names_are_completed(words: str, completed: str, config: Path) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_AIOAGS_COMPLETE": "complete_bash"}
    code = "import sys; from aioags.cli import main; sys.exit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=config.parent,
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed in done.stdout.split()


@pytest.mark.parametrize(
    "error, status",
    [
        (errors.GrantRefusedError("no", code="invalid_client"), Status.UNAUTHORIZED),
        (errors.ForbiddenError("no", status=403), Status.UNAUTHORIZED),
        (errors.NotOfferedError("no"), Status.UNAUTHORIZED),
        (errors.UnreachableError("away"), Status.UNREACHABLE),
        (errors.BrokenError("ill", status=500), Status.UNREACHABLE),
        (errors.ThrottledError("slow", status=429), Status.UNREACHABLE),
        (errors.GrantMalformedError("page", status=502), Status.UNREACHABLE),
        (errors.NotFoundError("gone", status=404), Status.FAILED),
        (errors.LostAnswerError("lost", recorded=None), Status.UNREACHABLE),
        (ValueError("limit must be at least 1"), Status.USAGE),
        (CommandError("say which"), Status.USAGE),
    ],
)
def test_an_error_is_one_line_and_a_status(error: Exception, status: Status) -> None:
    told = explained(error, "moodle")
    assert told is not None
    assert "\n" not in told[0]
    assert told[1] is status


def test_a_fault_of_ours_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        Run("aioags", SharedOptions(), World()).fail(ZeroDivisionError())


TABLE = """
[moodle]
issuer = "https://lms.example"
client_id = "tool-1"
token_url = "https://lms.example/token"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """
    A file with one registration, whose key lies beside it.
    """
    (tmp_path / "key.pem").write_text(PEM)
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "aioags.toml").write_text(f'{TABLE}key_file = "key.pem"\nlineitems = "https://lms.example/items"\n')
    return tmp_path / "aioags.toml"


def test_a_table_becomes_a_registration_and_an_endpoint(config: Path) -> None:
    target = Config.load(config).target()
    assert target.name == "moodle"
    assert target.registration.token_url == "https://lms.example/token"
    assert target.endpoint.lineitems == "https://lms.example/items"
    assert "BEGIN" not in repr(target)


def test_further_origins_of_the_platform_are_read_and_stay(config: Path) -> None:
    config.write_text(config.read_text() + 'also_origins = ["https://lms.school.example"]\n')
    update_table(config, "moodle", {"client_id": "other"}, pem=None)
    registration = Config.load(config).target().registration
    assert (registration.client_id, registration.also_origins) == ("other", ("https://lms.school.example",))
    config.write_text(config.read_text().replace("lms.school.example", "lms.school.example/path"))
    with pytest.raises(ConfigFileError, match=r"\[moodle\]: also_origins must be origins"):
        _ = Config.load(config).target().registration


def test_a_key_may_be_in_the_environment(config: Path) -> None:
    config.write_text(f'{TABLE}key_env = "TOOL_KEY"\n')
    assert Config.load(config, {"TOOL_KEY": PEM}).target().registration.client_id == "tool-1"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_a_key_that_others_may_read_is_refused(config: Path) -> None:
    key = config.parent / "key.pem"
    key.chmod(0o640)
    with pytest.raises(ConfigFileError, match=f"^others may read the key in {key}: chmod 600 {key}$"):
        _ = Config.load(config).target().registration


@pytest.mark.parametrize(
    "text, name, said",
    [
        (None, None, "there is no .*aioags.toml: aioags init makes one"),
        ("", None, "names no registration: aioags init makes one"),
        ("[a", None, "is no TOML"),
        (f"{TABLE}[canvas]\n", None, "names several: say which, with --to or name=, one of moodle, canvas"),
        (TABLE, "canvas", "has no 'canvas': it has moodle"),
        (f'{TABLE}key = "x"', "moodle", r"\[moodle\]: a key must not stand in it"),
        (TABLE, "moodle", "names no key: key_file = a path, or key_env = a variable"),
        (f'{TABLE}key_env = "TOOL_KEY"', "moodle", r"the key is in \$TOOL_KEY, which is not set"),
        (f'{TABLE}key_file = "no.pem"', "moodle", "cannot read the key .*no.pem: No such file"),
        ("[moodle]\nissuer = 'x'\nkey_file = 'key.pem'", "moodle", "lacks client_id, token_url"),
        (f"{TABLE.replace('https:', 'http:')}key_file = 'key.pem'", "moodle", "token_url must be https"),
        (f"{TABLE}key_file = 'key.pem'", "moodle", "has no endpoint yet: aioags listen moodle takes one launch"),
    ],
)
def test_what_is_wrong_with_the_file_is_one_line(config: Path, text: str | None, name: str | None, said: str) -> None:
    config.unlink()
    if text is not None:
        config.write_text(text)
    with pytest.raises(ConfigFileError, match=said):
        target = Config.load(config, {}).target(name)
        _ = target.registration, target.endpoint
