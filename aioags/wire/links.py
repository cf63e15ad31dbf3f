"""
The ``Link`` header (RFC 8288), as platforms write it.

One scanner, no regular expression over the whole line: a target may hold commas and semicolons, a parameter may quote
both, and Moodle quotes with U+201C and U+201D, which arrive as themselves or as Latin-1 or Windows-1252 mojibake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urljoin

# Moodle 4.5 quotes rel with U+201C and U+201D; some HTTP libraries hand headers over as Latin-1 or Windows-1252.
_OPENING = ('"', "“", "â\x80\x9c", "â€œ")
_CLOSING = ('"', "”", "â\x80\x9d", "â€\x9d")
_CLOSING_OF = dict(zip(_OPENING, _CLOSING, strict=True))
_NAME = re.compile(r"\s*([^\s=;,]+)\s*(=?)\s*")
_TOKEN = re.compile(r"[^;,]*")


def next_link(lines: Iterable[str], base: str) -> str | None:
    """
    Return the URL of the next page, None when no line has one.

    Args:
        lines: Every ``Link`` header of the answer, in order.

        base: The URL that answered; a relative target is resolved against it.

    Returns:
        The target as written, but for ``&amp;``, which Moodle 4.5 puts for ``&``. Never raises, whatever the header.
    """
    for line in lines:
        for target, relations in _links(line):
            if "next" in relations:
                return resolve(target.replace("&amp;", "&"), base)
    return None


def resolve(target: str, base: str) -> str:
    """
    Return a target as an absolute URL; one that is absolute already stays as written.
    """
    # urljoin would also rewrite an absolute target: an empty query, dots in its path.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target):
        return target
    try:
        return urljoin(base, target)
    except ValueError:
        return target


def _links(line: str) -> Iterator[tuple[str, frozenset[str]]]:
    position = 0
    while (start := line.find("<", position)) >= 0:
        end = line.find(">", start)
        if end < 0:
            return
        relations, position = _relations(line, end + 1)
        yield line[start + 1 : end].strip(), relations


def _relations(line: str, position: int) -> tuple[frozenset[str], int]:
    """
    Read the parameters up to the comma that ends this link; the first ``rel`` counts (RFC 8288 3.3).
    """
    relations: frozenset[str] | None = None
    while position < len(line) and line[position] != ",":
        if line[position] != ";":
            position += 1
            continue
        match = _NAME.match(line, position + 1)
        if match is None:
            position += 1
            continue
        value, position = _value(line, match.end()) if match[2] else ("", match.end())
        if match[1].lower() == "rel" and relations is None:
            # 'next' is a token with two odd characters in it; nobody means that.
            relations = frozenset(value.strip("'").lower().split())
    return relations or frozenset(), position


def _value(line: str, position: int) -> tuple[str, int]:
    for opening in _OPENING:
        if line.startswith(opening, position):
            return _quoted(line, position + len(opening), _CLOSING_OF[opening])
    match = _TOKEN.match(line, position)
    return (match[0].strip(), match.end()) if match else ("", position)


def _quoted(line: str, start: int, closing: str) -> tuple[str, int]:
    position = start
    while position < len(line):
        if closing == '"' and line[position] == "\\":
            position += 2
        elif line.startswith(closing, position):
            return re.sub(r"\\(.)", r"\1", line[start:position]), position + len(closing)
        else:
            position += 1
    return line[start:], len(line)
