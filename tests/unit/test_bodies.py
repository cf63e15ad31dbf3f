"""
What an answer's body may cost, as it arrives: sizes, members, and where what is compressed ends.
"""

from __future__ import annotations

import gzip
import zlib

import pytest

from aioags import MalformedError
from aioags.calls.bodies import REFUSAL_BYTES, Body
from aioags.protocol.messages import PAGE_BYTES, WORD_BYTES, Request

SCORE = Request("POST", "https://lms.example/scores", (), b"{}", WORD_BYTES)
TEXT = b'{"resultUrl": "https://lms.example/7"}'


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def fed(*chunks: bytes, encoding: str = "", status: int = 200, request: Request = SCORE) -> tuple[bytes, int]:
    """
    Feed chunks as long as they are wanted; return the body, and how many were.
    """
    body, taken = Body(request, status, encoding), 0
    for chunk in chunks:
        taken += 1
        if not body.feed(chunk):
            break
    return body.finish(), taken


def bytewise(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


PACKED = [
    pytest.param("", TEXT, id="plain"),
    pytest.param("br", TEXT, id="not asked for"),
    pytest.param(" GZip", gzip.compress(TEXT), id="gzip"),
    pytest.param("x-gzip", gzip.compress(TEXT[:9]) + gzip.compress(b"") + gzip.compress(TEXT[9:]), id="three members"),
    pytest.param("gzip", gzip.compress(TEXT) + bytes(512), id="padded"),
    pytest.param("gzip", gzip.compress(TEXT) + b"\x1f", id="half a sign of a further member"),
    pytest.param("gzip", gzip.compress(TEXT) + b"garbage" * 99, id="garbage behind"),
    pytest.param("deflate", zlib.compress(TEXT), id="deflate"),
    pytest.param("deflate", raw_deflate(TEXT), id="raw deflate"),
    pytest.param("deflate", zlib.compress(TEXT) + zlib.compress(TEXT), id="deflate has no members"),
]


@pytest.mark.parametrize("encoding, data", PACKED)
def test_a_body_is_the_same_however_it_is_packed_and_cut(encoding: str, data: bytes) -> None:
    assert fed(data, encoding=encoding)[0] == TEXT
    assert fed(*bytewise(data), encoding=encoding)[0] == TEXT


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_no_body_is_an_empty_one(encoding: str) -> None:
    assert fed(encoding=encoding) == (b"", 0)


@pytest.mark.parametrize("most", [WORD_BYTES, PAGE_BYTES])
def test_the_bound_is_that_of_the_request_to_the_byte(most: int) -> None:
    request = Request("GET", "https://lms.example/items", (), None, most)
    for pack, encoding in ((bytes, ""), (gzip.compress, "gzip"), (zlib.compress, "deflate")):
        assert len(fed(pack(b" " * most), encoding=encoding, request=request)[0]) == most
        with pytest.raises(MalformedError, match=f"larger than {most} bytes") as caught:
            fed(pack(b" " * (most + 1)), encoding=encoding, request=request)
        assert caught.value.recorded is False


def test_what_is_too_large_for_a_score_leaves_in_doubt_whether_it_was_recorded() -> None:
    with pytest.raises(MalformedError, match="larger than") as caught:
        fed(b" " * (WORD_BYTES + 1))
    assert caught.value.recorded is None


def endless(encoding: str) -> list[bytes]:
    """
    Return a megabyte, in pieces, of a stream that decompresses to hardly anything.
    """
    empty_member, sync = gzip.compress(b""), b"\x00\x00\x00\xff\xff"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "empty blocks" else 15)
    opened = packer.compress(b"[") + packer.flush(zlib.Z_SYNC_FLUSH)
    piece = {"empty blocks": sync, "deflated": sync, "empty members": empty_member, "garbage": b"\x00" * 20}[encoding]
    first = gzip.compress(b"[]") if encoding in {"empty members", "garbage"} else opened
    return [first] + [piece * (16_384 // len(piece))] * 64


@pytest.mark.parametrize("kind", ["empty blocks", "deflated", "empty members", "garbage"])
def test_what_holds_nothing_does_not_go_on_for_ever(kind: str) -> None:
    pieces = endless(kind)
    enough = (WORD_BYTES + 32_768) // 16_384
    with pytest.raises(MalformedError, match="larger than"):
        fed(*pieces[: enough + 1], encoding="deflate" if kind == "deflated" else "gzip")


@pytest.mark.parametrize("pieces", [4, 400])
def test_many_members_are_read_and_their_number_is_bounded(pieces: int) -> None:
    """
    64 of them may hold nothing within 64 KiB; each costs us microseconds.
    """
    data = b"".join(gzip.compress(b"1") for _ in range(pieces))
    if pieces < 64:
        assert fed(data, encoding="gzip")[0] == b"1" * pieces
    else:
        with pytest.raises(MalformedError, match="larger than"):
            fed(data, encoding="gzip")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_half_of_something_compressed_is_an_error(encoding: str) -> None:
    whole = gzip.compress(TEXT) if encoding == "gzip" else zlib.compress(TEXT)
    for data in (whole[:-6], whole[:3]):
        with pytest.raises(MalformedError, match="ends too early"):
            fed(data, encoding=encoding)
    with pytest.raises(MalformedError, match="cannot be decompressed"):
        fed(b"\x00garbage" * 9, encoding="gzip")


def test_half_a_further_member_is_an_error_too() -> None:
    with pytest.raises(MalformedError, match="ends too early"):
        fed(gzip.compress(TEXT) + gzip.compress(TEXT)[:12], encoding="gzip")


@pytest.mark.parametrize("status", [307, 400, 429, 500])
def test_of_a_refusal_the_beginning_is_enough(status: int) -> None:
    """
    Whatever the request expected: its status says what it is.
    """
    body, taken = fed(*[b"x" * 16_384] * 100, status=status, request=Request("GET", "https://lms.example/items"))
    assert (body, taken) == (b"x" * REFUSAL_BYTES, 2)
    packed, _ = fed(gzip.compress(b"x" * 10 * REFUSAL_BYTES), encoding="gzip", status=status)
    assert packed == b"x" * REFUSAL_BYTES


def test_a_damaged_refusal_is_the_same_refusal() -> None:
    whole = gzip.compress(TEXT)
    assert fed(whole[:-4], encoding="gzip", status=429)[0] == TEXT
    assert fed(b"garbage", encoding="gzip", status=429)[0] == b""
