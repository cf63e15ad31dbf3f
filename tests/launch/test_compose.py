"""
The containers of the example: what they name is there, and they say of the emulator what it says of itself. Docker
itself is not run here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aioags.emulator import Platform
from aioags.emulator.doors.cli import parse

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "machines"
COMPOSE: dict[str, Any] = yaml.safe_load((EXAMPLE / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (EXAMPLE / "Dockerfile").read_text(encoding="utf-8")


def test_each_program_of_the_containers_is_there() -> None:
    named = [word for one in SERVICES.values() for word in one.get("command", ()) if word.endswith((".py", ".json"))]
    assert sorted(named) == ["prepare.py", "school.json", "worker.py"]
    assert all((EXAMPLE / name).is_file() for name in named)
    assert (EXAMPLE / SERVICES["web"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / SERVICES["web"]["build"]["dockerfile"]).is_file()


def test_each_variable_that_the_programs_read_is_set() -> None:
    read = {
        name
        for file in EXAMPLE.glob("*.py")
        for name in re.findall(r'os\.environ\["(\w+)"\]', file.read_text(encoding="utf-8"))
    }
    assert read <= set(SERVICES["web"]["environment"])
    assert SERVICES["worker"]["environment"] == SERVICES["web"]["environment"]


def test_the_school_is_the_emulator_as_it_is_started() -> None:
    arguments = SERVICES["lms"]["command"][3:]
    options = parse(arguments)
    platform = Platform.create()
    platform.site.base_url = options.base_url
    told = platform.registration_args()
    school = json.loads((EXAMPLE / "school.json").read_text(encoding="utf-8"))
    assert school == {name: told[name] for name in school}
    assert SERVICES["web"]["environment"]["REDIRECT_URI"] == options.redirect_uri
    assert SERVICES["web"]["environment"]["AIOAGS_HTTP_ORIGINS"] == school["issuer"]
    assert SERVICES["lms"]["networks"]["default"]["aliases"] == ["lms.localhost"]


@pytest.mark.parametrize("service", ["web", "worker", "prepare", "lms"])
def test_a_container_may_do_no_more_than_it_needs(service: str) -> None:
    one = SERVICES[service]
    assert one["read_only"] and one["cap_drop"] == ["ALL"]
    assert not re.search(r"PRIVATE KEY|\"d\":", json.dumps(one))


def test_the_key_beside_the_compose_file_comes_into_no_layer() -> None:
    ignored = (EXAMPLE / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    assert "key.pem" in (EXAMPLE / "compose.yaml").read_text(encoding="utf-8")
    assert "**/*.pem" in ignored


def test_the_image_runs_as_nobody_in_particular_and_copies_what_is_there() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages and all(re.fullmatch(r"[a-z]+:\d[\w.]*-slim", stage) for stage in stages)
    assert re.search(r"^USER \d+$", DOCKERFILE, re.MULTILINE)
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        assert all(source == "." or list(ROOT.glob(source)) for source in sources), line
    for program in re.findall(r'^CMD \["uvicorn", "(\w+):app"', DOCKERFILE, re.MULTILINE):
        assert (EXAMPLE / f"{program}.py").is_file()
