"""
``--config``: registration and endpoint in a TOML file, for a command line.
"""

from __future__ import annotations

import re
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aioags import Client, Endpoint, Registration, Score
from aioags.emulator import PROFILES, InMemoryTransport, Platform
from aioags.emulator.doors.cli import main
from aioags.emulator.doors.config_file import ConfigError, check_config, write_config
from tests.emulator.command import command, run_to_its_end

EMULATOR_MD = Path(__file__).parents[2] / "docs" / "emulator.md"


def read(path: Path, name: str) -> tuple[Registration, Endpoint]:
    """
    Read a registration and an endpoint as ``docs/emulator.md`` shows it.
    """
    blocks = re.findall(r"```python\n(.*?)```", EMULATOR_MD.read_text(encoding="utf-8"), re.DOTALL)
    (shown,) = (block for block in blocks if "tomllib" in block)
    names: dict[str, Any] = {}
    exec(shown, names)
    found: tuple[Registration, Endpoint] = names["read"](path, name)
    return found


@pytest.mark.parametrize("profile", PROFILES)
async def test_what_is_written_is_enough_to_post_a_grade(profile: str, tmp_path: Path) -> None:
    platform = Platform.create(profile)
    file = tmp_path / "aioags.toml"
    write_config(file, profile, platform)
    registration, endpoint = read(file, profile)
    assert endpoint.to_claim() == Endpoint.from_claim(platform.endpoint_claim()).to_claim()
    async with Client(transport=InMemoryTransport(platform)) as client:
        gradebook = client.gradebook(registration, endpoint)
        own = {"label": "x", "score_maximum": 10, "resource_id": "x"}
        item = None if endpoint.lineitem else await gradebook.find_or_create_line_item(**own)
        delivery = await gradebook.post_score(Score.graded(platform.users()[0], 8, score_maximum=10), line_item=item)
    assert delivery.recorded


def test_the_private_key_is_in_a_file_of_its_own_for_its_owner_only(tmp_path: Path) -> None:
    platform = Platform.create()
    file = tmp_path / "aioags.toml"
    write_config(file, "school", platform)
    key = tmp_path / "aioags-school.pem"
    assert "PRIVATE" not in file.read_text()
    assert key.read_text() == platform.key.pem
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    write_config(file, "school", platform)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["aioags-school.pem", "aioags.toml"]


def test_other_names_comments_and_own_keys_stay(tmp_path: Path) -> None:
    file = tmp_path / "aioags.toml"
    before = (
        '# ours\n[other]  # another school\nissuer = "x"\n\n["moodle-4.1"]\nnote = "kept" # why\naudience = "old"\n'
    )
    file.write_text(before, encoding="utf-8")
    file.chmod(0o640)
    for _ in range(2):
        write_config(file, "moodle-4.1", Platform.create("moodle-4.1"))
    after = file.read_text(encoding="utf-8")
    assert after.startswith(before.replace('audience = "old"\n', ""))
    assert after.count("issuer") == 2
    table = tomllib.loads(after)["moodle-4.1"]
    # None is left out, also where it was said.
    assert "audience" not in table and table["note"] == "kept"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_tool_that_owns_its_keys_has_no_key_file(tmp_path: Path) -> None:
    file = tmp_path / "aioags.toml"
    platform = Platform.create()
    write_config(file, "spec", platform)
    platform.register_keys(jwks_url="http://127.0.0.1:9/jwks")
    write_config(file, "spec", platform)
    assert "key_file" not in tomllib.loads(file.read_text())["spec"]


def test_a_file_that_stands_where_the_key_would_go_is_left_alone(tmp_path: Path) -> None:
    key = tmp_path / "aioags-spec.pem"
    key.write_text("mine")
    with pytest.raises(ConfigError, match="there already"):
        write_config(tmp_path / "aioags.toml", "spec", Platform.create())
    assert key.read_text() == "mine"
    assert not (tmp_path / "aioags.toml").exists()


@pytest.mark.parametrize("name", ["", "../x", ".x", "a b", "a/b"])
def test_a_name_that_cannot_be_a_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no name"):
        check_config(tmp_path / "aioags.toml", name)


@pytest.mark.parametrize(
    "content, says", [(b"= 1", "is no TOML"), (b"\xff", "is no UTF-8"), (b"spec = 1\n", "spec is no table")]
)
async def test_a_file_that_cannot_be_used_is_one_clear_line(content: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "aioags.toml"
    file.write_bytes(content)
    status, out, err = await run_to_its_end("--config", str(file))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err and str(file) in err
    assert file.read_bytes() == content


async def test_the_command_writes_the_profiles_name_or_another(tmp_path: Path) -> None:
    file = tmp_path / "aioags.toml"
    for arguments, name in ((("--profile", "moodle"), "moodle"), ((), "school")):
        given = ("--config", str(file), *(() if name == "moodle" else (name,)))
        async with command(*arguments, *given) as (_, shown):
            table = tomllib.loads(file.read_text())[name]
            assert (table["token_url"], table["lineitem"]) == (shown["token_url"], shown["endpoint"]["lineitem"])
            assert (tmp_path / table["key_file"]).read_text() == shown["key"]
    assert list(tomllib.loads(file.read_text())) == ["moodle", "school"]


async def test_a_folder_that_is_not_there_and_too_many_names(tmp_path: Path) -> None:
    status, _, err = await run_to_its_end("--config", str(tmp_path / "nowhere" / "aioags.toml"))
    assert (status, err.count("\n")) == (2, 1) and "cannot write" in err
    status, _, err = await run_to_its_end("--config", "x.toml", "one", "two")
    assert status == 2 and "--config takes a file and one name" in err


def test_without_tomlkit_the_line_that_installs_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    assert main(["--config", str(tmp_path / "aioags.toml")]) == 2
    printed = capsys.readouterr()
    assert printed.err == "python -m aioags.emulator: --config needs tomlkit: pip install 'aioags[cli]'\n"
    assert printed.out == ""
