"""
Private names of aiohttp's that the package touches, found in its source.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import aiohttp

import aioags
from aioags.calls import conversation, lane, session_check

PACKAGE = Path(aioags.__file__).parent
# Of our classes that are made from aiohttp's.
OURS = {**vars(conversation), **vars(lane), **vars(session_check)}


@cache
def private_names(owner: object) -> frozenset[str]:
    """
    Return the private attributes and methods in the source of a class or module.
    """
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner)))  # type: ignore[arg-type]
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(name for name in found if name.startswith("_") and not name.startswith("__"))


def all_of_aiohttp() -> set[str]:
    """
    Return every private name in aiohttp's source.
    """
    modules = [module for name, module in sys.modules.items() if name.startswith("aiohttp.") and module.__file__]
    sources = [module for module in modules if str(module.__file__).endswith(".py")]
    return {name for module in sources for name in private_names(module)}


def inherited(name: str) -> frozenset[str]:
    """
    Return the private names that one of our classes has of aiohttp's. None: it is made of nothing of aiohttp's.
    """
    bases = getattr(OURS.get(name), "__mro__", ())
    theirs = [base for base in bases if base.__module__.startswith("aiohttp.")]
    return frozenset[str]().union(*map(private_names, theirs))


def touched(tree: ast.AST, of_self: frozenset[str], of_others: set[str]) -> Iterator[str]:
    """
    Yield the names below a piece of source that are aiohttp's.

    Args:
        of_self: Those that ``self`` has.

        of_others: Those that anything else may have.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from touched(node, inherited(node.name), of_others)
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in of_self:
            yield node.name
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if node.attr in (of_self if own else of_others):
                yield node.attr
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "setattr"):
            named = {word.value for word in node.args if isinstance(word, ast.Constant)}
            yield from named & of_others  # type: ignore[operator]
        yield from touched(node, of_self, of_others)


def foreign_names() -> dict[str, set[str]]:
    """
    Return the private names of aiohttp's that are touched, and in which files.
    """
    assert aiohttp.ClientSession
    theirs = all_of_aiohttp()
    found: dict[str, set[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        if "import aiohttp" in source or "from aiohttp" in source or file.name.startswith("lane_"):
            for name in touched(ast.parse(source), frozenset(), theirs):
                found.setdefault(name, set()).add(file.relative_to(PACKAGE).as_posix())
    return found
