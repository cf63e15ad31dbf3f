"""
The layers of the package: a file imports from its own folder and from lower ranks, nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "aioags"

# Folder or file directly under aioags: its rank. The emulator and the pytest plugin stand outside.
RANKS: dict[str, int] = {
    "_version": 0,
    "errors": 0,
    "model": 1,
    "wire": 2,
    "protocol": 3,
    "calls": 4,
    "grading": 5,
    "launch": 6,
    "ltiaas": 6,
    "gradebook": 7,
    "memberships": 7,
    "client": 8,
    "config": 8,
    "blocking": 9,
    "outbox": 9,
    "contrib": 10,
    "cli": 11,
}
FREE = {"__init__", "pytest_plugin"}
EMULATOR_MAY_IMPORT = ("aioags.errors", "aioags.model", "aioags.protocol.messages", "aioags.emulator")

IMPURE = {"asyncio", "aiohttp", "time", "random", "os", "socket", "logging"}
LAST_PURE_RANK = 3
CLOCKS = {"now", "utcnow", "today"}
# AGS 3.4.9: a score is stamped when it is made, and os tells of a fork.
MAY_READ_THE_CLOCK = "model/stamp.py"

# Modules directly under aioags, but for __init__ and _version.
MOST_LOOSE = 6

# Files that import each other, known and waiting to be parted.
KNOWN_CIRCLES: set[frozenset[str]] = set()

# Dependency: where it may be imported, as prefixes of the path below aioags.
CONFINED = {
    "aiohttp": (
        "calls/transport.py",
        "calls/conversation.py",
        "calls/lane.py",
        "calls/lane_check.py",
        "calls/session_check.py",
        "calls/public_only.py",
        "contrib/aiohttp.py",
        "cli/listen.py",
        "emulator/",
    ),
    "joserfc": ("model/registration.py", "model/key_parsing.py", "protocol/signed.py", "launch/", "emulator/"),
    "cryptography": ("model/key_parsing.py", "emulator/"),
    "cachetools": ("calls/tokens.py", "launch/"),
}


def imports(source: str, path: str) -> Iterator[tuple[int, str]]:
    """
    Yield line and absolute name of each import, those inside functions and for type checkers included.

    ``from aioags import errors`` counts as ``aioags.errors``: the name is a module.
    """
    here = ["aioags", *Path(path).with_suffix("").parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*here[: len(here) - node.level]] if node.level else []
            base += node.module.split(".") if node.module else []
            whole = ".".join(base)
            for alias in node.names:
                yield node.lineno, f"{whole}.{alias.name}" if is_module([*base, alias.name]) else whole


def is_module(parts: list[str]) -> bool:
    """
    True when these parts of a name are a file or folder of the package; of aioags itself every name is taken for one.
    """
    place = PACKAGE.joinpath(*parts[1:])
    return parts[0] == "aioags" and (len(parts) == 2 or place.is_dir() or place.with_suffix(".py").exists())


def layer(name: str) -> str:
    """
    Name the folder or file directly under aioags that an absolute module name or a relative path belongs to.
    """
    parts = Path(name).with_suffix("").parts if "/" in name or name.endswith(".py") else tuple(name.split(".")[1:])
    return parts[0] if parts else "__init__"


def within(name: str, allowed: tuple[str, ...]) -> bool:
    """
    True when a module is one of the allowed ones, or inside of one.
    """
    return any(name == prefix or name.startswith(prefix + ".") for prefix in allowed)


def own_import_complaint(path: str, name: str) -> str | None:
    """
    Say what is wrong with importing a module of aioags itself; None: nothing.
    """
    importer, imported = layer(path), layer(name)
    if importer == "emulator":
        return None if within(name, EMULATOR_MAY_IMPORT) else "the emulator may import errors, model, protocol.messages"
    if importer in FREE or importer == imported:
        return None
    if importer not in RANKS:
        return "this file has no rank; give it one in tests/test_layers.py"
    if (importer, imported) == ("cli", "emulator"):
        # It runs the emulator; the same file of registrations is written by both.
        return None
    if imported not in RANKS:
        return f"{imported} stands outside the ranks; nothing inside may depend on it"
    if RANKS[imported] >= RANKS[importer]:
        return f"rank {RANKS[importer]} may import lower ranks only, and {imported} has rank {RANKS[imported]}"
    return None


def foreign_import_complaint(path: str, name: str) -> str | None:
    """
    Say what is wrong with importing a module from outside; None: nothing.
    """
    module = name.partition(".")[0]
    if module in {"time", "os"} and path == MAY_READ_THE_CLOCK:
        return None
    if module in CONFINED and not path.startswith(CONFINED[module]):
        return f"{module} is allowed only in {', '.join(CONFINED[module])}"
    if module in IMPURE and RANKS.get(layer(path), LAST_PURE_RANK + 1) <= LAST_PURE_RANK:
        return f"ranks 0 to {LAST_PURE_RANK} import none of {', '.join(sorted(IMPURE))}"
    return None


def clock_readings(source: str) -> Iterator[tuple[int, str]]:
    """
    Yield line and text of each call such as ``datetime.now(UTC)``.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            yield node.lineno, ast.unparse(node)


def complaints(source: str, path: str) -> Iterator[str]:
    """
    Yield one sentence for each import, or reading of the clock, that breaks a rule.

    Args:
        source: Python text.

        path: Relative to the package, with forward slashes.
    """
    for line, name in imports(source, path):
        complaint = own_import_complaint if name.partition(".")[0] == "aioags" else foreign_import_complaint
        if rule := complaint(path, name):
            yield f"aioags/{path}:{line} imports {name}: {rule}."
    if RANKS.get(layer(path), LAST_PURE_RANK + 1) <= LAST_PURE_RANK and path != MAY_READ_THE_CLOCK:
        for line, call in clock_readings(source):
            yield f"aioags/{path}:{line} calls {call}: in ranks 0 to {LAST_PURE_RANK} the clock is an argument."


def files() -> list[Path]:
    """
    List the package's files.
    """
    return sorted(PACKAGE.rglob("*.py"))


def module_of(path: str) -> str:
    """
    Name the module of a file, given relative to the package; a folder's ``__init__`` has the folder's name.
    """
    parts = Path(path).with_suffix("").parts
    return ".".join(["aioags", *parts]).removesuffix(".__init__")


def import_graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """
    Map each module of some files to those of them that it imports, inside functions and for type checkers included.

    Args:
        sources: Python text by path relative to the package.
    """
    modules = {module_of(path) for path in sources}
    return {
        module_of(path): {name for _, name in imports(source, path)} & modules - {module_of(path)}
        for path, source in sources.items()
    }


def circles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """
    Find the sets of modules that import each other, directly or through others of the set.
    """
    reached = {module: reachable(graph, module) for module in graph}
    in_one = [one for one in graph if one in reached[one]]
    return {frozenset(other for other in reached[one] if one in reached[other]) for one in in_one}


def reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """
    Return all that a module imports, directly or through others.
    """
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


def rooms() -> list[str]:
    """
    Read the order of the emulator's rooms, the lowest first, from the docstring of the emulator.
    """
    text = ast.get_docstring(ast.parse((PACKAGE / "emulator" / "__init__.py").read_text(encoding="utf-8"))) or ""
    return re.findall(r"^    (\w+)  +\S", text, re.MULTILINE)


def room_complaints(source: str, path: str, order: Sequence[str]) -> Iterator[str]:
    """
    Yield one sentence for each import, in a room of the emulator, of a room that is not below it.

    Args:
        path: Relative to the package.

        order: The rooms, the lowest first.
    """
    room = Path(path).with_suffix("").parts[1]
    for line, name in imports(source, path):
        parts = name.split(".")
        other = parts[2] if parts[:2] == ["aioags", "emulator"] and len(parts) > 2 else None
        if parts == ["aioags", "emulator"]:
            yield f"aioags/{path}:{line} imports {name}: no room may import the house that it stands in."
        elif other is not None and other != room and order.index(other) >= order.index(room):
            yield f"aioags/{path}:{line} imports {name}: the room {other} is not below the room {room}."


def test_every_file_imports_only_what_its_layer_may() -> None:
    broken = [
        sentence
        for file in files()
        for sentence in complaints(file.read_text(encoding="utf-8"), file.relative_to(PACKAGE).as_posix())
    ]
    assert not broken, "\n" + "\n".join(broken)


def test_the_root_is_not_crowded() -> None:
    loose = sorted({file.name for file in PACKAGE.glob("*.py")} - {"__init__.py", "_version.py"})
    assert len(loose) <= MOST_LOOSE, (
        f"{len(loose)} modules lie loose in aioags/: {', '.join(loose)}; give one a folder."
    )


def test_no_file_imports_itself_through_others() -> None:
    sources = {file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8") for file in files()}
    found = circles(import_graph(sources)) - KNOWN_CIRCLES
    assert not found, "\n" + "\n".join(f"{', '.join(sorted(ring))} import each other." for ring in found)


@pytest.mark.parametrize(
    "sources",
    [
        {"a.py": "from aioags.b import B", "b.py": "def f():\n    from aioags.a import A"},
        {"a.py": "if TYPE_CHECKING:\n    from aioags.b import B", "b.py": "from . import a"},
    ],
)
def test_a_circle_is_found_inside_functions_and_for_type_checkers(sources: dict[str, str]) -> None:
    assert circles(import_graph(sources)) == {frozenset({"aioags.a", "aioags.b"})}


def test_files_in_a_row_are_no_circle() -> None:
    sources = {"a.py": "from aioags import b, c", "b.py": "from aioags import c", "c.py": "import json"}
    assert circles(import_graph(sources)) == set()


def test_the_emulators_rooms_are_those_that_it_says() -> None:
    emulator = PACKAGE / "emulator"
    there = {file.stem for file in emulator.glob("*.py")} | {file.parent.name for file in emulator.glob("*/*.py")}
    assert set(rooms()) == there - {"__init__", "__main__"}


def test_a_room_of_the_emulator_imports_only_those_below_it() -> None:
    order = rooms()
    paths = [file.relative_to(PACKAGE).as_posix() for file in (PACKAGE / "emulator").rglob("*.py")]
    inside = [path for path in paths if Path(path).with_suffix("").parts[1] in order]
    assert len(inside) > len(order)
    broken = [
        sentence
        for path in inside
        for sentence in room_complaints((PACKAGE / path).read_text(encoding="utf-8"), path, order)
    ]
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    "source, reason",
    [
        ("from aioags.emulator.doors import control", "the room doors is not below the room platform"),
        ("if TYPE_CHECKING:\n    from aioags.emulator.web.page import GradebookPage", "the room web is not below"),
        ("from aioags.emulator import Fault", "no room may import the house"),
    ],
)
def test_an_import_of_a_higher_room_is_a_sentence(source: str, reason: str) -> None:
    (sentence,) = room_complaints(source, "emulator/platform.py", ["wire", "platform", "web", "doors"])
    assert sentence.startswith("aioags/emulator/platform.py:")
    assert reason in sentence


def test_the_package_is_really_walked() -> None:
    assert {"errors.py", "score.py", "engine.py", "client.py"} <= {file.name for file in files()}


@pytest.mark.parametrize(
    "path, source, reason",
    [
        ("model/score.py", "from aioags.wire import codec", "rank 1 may import lower ranks only, and wire has rank 2"),
        ("model/score.py", "from ..wire import codec", "wire has rank 2"),
        ("model/score.py", "from .. import calls", "calls has rank 4"),
        ("errors.py", "from aioags import model", "model has rank 1"),
        ("errors.py", "from . import model", "model has rank 1"),
        ("errors.py", "import aioags.client", "client has rank 8"),
        ("errors.py", "import aioags", "stands outside the ranks"),
        (
            "calls/engine.py",
            "from aioags.grading.posting import Source",
            "rank 4 may import lower ranks only",
        ),
        ("ltiaas/operations.py", "from aioags.launch.claims import Launch", "and launch has rank 6"),
        ("gradebook.py", "from aioags.memberships import Memberships", "and memberships has rank 7"),
        ("calls/tokens.py", "def f():\n    from aioags.client import Client", "client has rank 8"),
        ("model/score.py", "if TYPE_CHECKING:\n    from aioags.client import Client", "client has rank 8"),
        ("client.py", "from aioags.emulator import serve", "emulator stands outside the ranks"),
        ("stranger.py", "from aioags.errors import AGSError", "has no rank"),
        ("protocol/pace.py", "import asyncio", "ranks 0 to 3 import none of"),
        ("protocol/trial.py", "from time import monotonic", "ranks 0 to 3 import none of"),
        ("protocol/trial.py", "import os.path", "ranks 0 to 3 import none of"),
        ("wire/codec.py", "def f():\n    import random", "ranks 0 to 3 import none of"),
        ("model/line_item.py", "import time", "ranks 0 to 3 import none of"),
        ("model/score.py", "import time", "ranks 0 to 3 import none of"),
        ("model/stamp.py", "import random", "ranks 0 to 3 import none of"),
        ("wire/scalars.py", "stamp = datetime.now(UTC)", "the clock is an argument"),
        ("model/score.py", "stamp = Stamp.now(UTC)", "the clock is an argument"),
        ("protocol/grants.py", "import datetime\nstamp = datetime.datetime.now()", "the clock is an argument"),
        ("client.py", "import aiohttp", "aiohttp is allowed only in calls/transport.py"),
        ("contrib/fastapi.py", "from aiohttp import web", "aiohttp is allowed only in"),
        ("model/score.py", "from joserfc import jwk", "joserfc is allowed only in model/registration.py"),
        ("client.py", "import cachetools", "cachetools is allowed only in calls/tokens.py"),
        ("emulator/server.py", "from aioags.wire.codec import load_score", "the emulator may import"),
        ("emulator/server.py", "from aioags.protocol.operations import post_score", "the emulator may import"),
        ("emulator/server.py", "from aioags.protocol import operations", "the emulator may import"),
        ("emulator/server.py", "from ..protocol import operations", "the emulator may import"),
        ("emulator/server.py", "from aioags import Client", "the emulator may import"),
    ],
)
def test_a_forbidden_import_is_a_sentence_that_names_file_import_and_rule(path: str, source: str, reason: str) -> None:
    (sentence,) = complaints(source, path)
    assert sentence.startswith(f"aioags/{path}:")
    assert reason in sentence


@pytest.mark.parametrize(
    "path, source",
    [
        ("__init__.py", "from aioags.client import Client"),
        ("model/score.py", "from aioags.model.progress import GradingProgress"),
        ("model/score.py", "from .progress import GradingProgress"),
        ("model/stamp.py", "import os, time\nfrom datetime import UTC, datetime\nstamp = datetime.now(UTC)"),
        ("client.py", "from datetime import UTC, datetime\nstamp = datetime.now(UTC)"),
        ("protocol/operations.py", "from aioags.protocol import urls"),
        ("protocol/operations.py", "from ..errors import AGSError"),
        ("client.py", "import asyncio\nfrom aioags import calls, grading"),
        ("calls/transport.py", "import aiohttp"),
        ("model/registration.py", "from joserfc.jwk import RSAKey"),
        ("calls/tokens.py", "import time\nfrom cachetools import TLRUCache"),
        ("launch/keys.py", "import cachetools, joserfc"),
        ("emulator/server.py", "import os\nfrom aiohttp import web\nfrom aioags.model.progress import GradingProgress"),
        ("emulator/server.py", "from aioags.protocol import messages\nfrom .gradebook import Gradebook"),
        ("emulator/server.py", "from aioags import errors"),
        ("pytest_plugin.py", "from aioags import Client\nfrom aioags.emulator import serve"),
        ("cli/emulated.py", "from aioags.emulator import serve"),
    ],
)
def test_what_a_layer_may_import_is_left_alone(path: str, source: str) -> None:
    assert list(complaints(source, path)) == []
