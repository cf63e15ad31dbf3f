"""
The endpoint claim (AGS 3.1): read as platforms write it, storable, read back equal.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import AGS_CLAIM, Endpoint, Scope
from aioags.model.endpoint import readable_claim

ITEMS = "https://lms.example/2/lineitems?type_id=1"
ITEM = "https://lms.example/2/lineitems/7/lineitem?type_id=1"
CLAIM = {"scope": [Scope.SCORE.value, Scope.LINE_ITEM.value], "lineitems": ITEMS, "lineitem": ITEM}


def test_3_1_the_claim_is_read() -> None:
    endpoint = Endpoint.from_claim(CLAIM)
    assert (endpoint.lineitems, endpoint.lineitem) == (ITEMS, ITEM)
    assert endpoint.scope == {Scope.SCORE, Scope.LINE_ITEM}
    assert endpoint.offers(Scope.SCORE)
    assert endpoint.offers(Scope.RESULT_READONLY, Scope.LINE_ITEM)
    assert not endpoint.offers(Scope.RESULT_READONLY)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_3_1_a_blank_line_item_is_none(blank: Any) -> None:
    endpoint = Endpoint.from_claim(CLAIM | {"lineitem": blank, "lineitems": blank})
    assert (endpoint.lineitem, endpoint.lineitems) == (None, None)


def test_3_1_everything_may_be_absent() -> None:
    assert Endpoint.from_claim({}) == Endpoint(None, None, frozenset())


@pytest.mark.parametrize(
    "scope, read",
    [
        (None, set()),
        ("", set()),
        ([], set()),
        (f"{Scope.SCORE}  {Scope.LINE_ITEM}", {Scope.SCORE, Scope.LINE_ITEM}),
        (Scope.SCORE, {Scope.SCORE}),
        ([Scope.SCORE, Scope.SCORE.value], {Scope.SCORE}),
        (["https://lms.example/other"], {"https://lms.example/other"}),
    ],
)
def test_3_1_a_scope_in_any_shape(scope: Any, read: set[str]) -> None:
    endpoint = Endpoint.from_claim({"scope": scope})
    assert endpoint.scope == read
    assert {type(name) for name in endpoint.scope} <= {str}


def test_unknown_fields_of_the_claim_are_ignored() -> None:
    assert Endpoint.from_claim(CLAIM | {"errors": {}, "validation_context": None}) == Endpoint.from_claim(CLAIM)


def test_3_1_a_launch_without_the_claim_offers_no_grades() -> None:
    assert Endpoint.from_launch({"sub": "u1"}) is None
    assert Endpoint.from_launch({"sub": "u1", AGS_CLAIM: None}) is None
    assert Endpoint.from_launch({"sub": "u1", AGS_CLAIM: CLAIM}) == Endpoint.from_claim(CLAIM)
    assert AGS_CLAIM == "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"


@pytest.mark.parametrize(
    "claim", [[], "x", None, {"lineitem": 5}, {"lineitems": ["x"]}, {"scope": 5}, {"scope": [5]}, {"scope": [None]}]
)
def test_a_stored_claim_of_another_type_is_refused(claim: Any) -> None:
    with pytest.raises(TypeError):
        Endpoint.from_claim(claim)


@pytest.mark.parametrize("claim", ["x", 5, [1]])
def test_a_launch_s_claim_that_is_no_object_is_refused(claim: Any) -> None:
    with pytest.raises(TypeError, match="the AGS claim must be a mapping"):
        Endpoint.from_launch({AGS_CLAIM: claim})


@pytest.mark.parametrize("odd", [{"lineitem": False}, {"lineitem": ["x"]}, {"lineitem": 7}, {"lineitem": {}}], ids=str)
def test_a_field_of_a_launch_s_claim_that_cannot_be_read_is_as_if_absent(odd: dict[str, Any]) -> None:
    endpoint = Endpoint.from_launch({AGS_CLAIM: CLAIM | odd})
    assert endpoint == Endpoint(ITEMS, None, [Scope.SCORE, Scope.LINE_ITEM])


@pytest.mark.parametrize(
    "claim, odd",
    [
        ({}, []),
        (CLAIM, []),
        ({"lineitem": None, "scope": None}, []),
        ({"lineitem": "", "scope": ""}, []),
        ({"lineitem": False}, ["lineitem"]),
        ({"lineitems": 5, "scope": {}}, ["lineitems", "scope"]),
        ({"scope": 5}, ["scope"]),
        ({"scope": [None, Scope.SCORE.value]}, ["scope"]),
        ({"scope": []}, []),
    ],
)
def test_what_cannot_be_read_of_a_claim_is_named(claim: dict[str, Any], odd: list[str]) -> None:
    assert readable_claim(claim)[1] == odd


def test_an_empty_array_for_the_claim_is_none() -> None:
    assert Endpoint.from_launch({AGS_CLAIM: []}) is None


def test_the_launch_is_a_mapping() -> None:
    with pytest.raises(TypeError, match="the launch's claims must be a mapping"):
        Endpoint.from_launch("eyJhbGciOi")  # type: ignore[arg-type]


url = st.none() | st.text("abcXYZ%2C:?&=/#", max_size=20).map("https://lms.example/{}".format)


@given(url, url, st.sets(st.sampled_from(Scope)))
def test_a_stored_endpoint_reads_back_equal(lineitems: str | None, lineitem: str | None, scope: set[Scope]) -> None:
    endpoint = Endpoint(lineitems, lineitem, frozenset(scope))
    claim = json.loads(json.dumps(endpoint.to_claim()))
    assert Endpoint.from_claim(claim) == endpoint
    assert Endpoint.from_launch({AGS_CLAIM: claim}) == endpoint
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint
    assert hash(Endpoint.from_claim(claim)) == hash(endpoint)


def test_what_is_stored_is_the_same_each_time_and_holds_no_null() -> None:
    assert Endpoint(ITEMS, None, frozenset(Scope)).to_claim() == {
        "scope": sorted(scope.value for scope in Scope),
        "lineitems": ITEMS,
    }


def test_a2_the_scopes_are_the_standards() -> None:
    prefix = "https://purl.imsglobal.org/spec/lti-ags/scope/"
    assert set(Scope) == {prefix + name for name in ("lineitem", "lineitem.readonly", "result.readonly", "score")}
