"""
An account: its keys, its address, and what its gradebooks know.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from aioags import Client, NotOfferedError, Scope, Score
from aioags.emulator import Answer
from aioags.emulator.wire.messages import json_answer
from aioags.ltiaas import Account, Idtoken, ServiceReference
from tests.contract.bench import Wire, new_bench
from tests.fakes import PaperPlatform, answer
from tests.ltiaas.paper import API_KEY, BASE, ITEM, LTIK, SERVICE_KEY, gradebook_on_paper, item_record, on_paper, page
from tests.rigs.memory import runtime_for
from tests.rigs.virtual_time import VirtualTime

OTHER = ITEM + "9"
IDTOKEN = Idtoken(platform_id="P1", context_id="C1", line_item=ITEM, offers_grades=True, service_key=SERVICE_KEY)


def account(base_url: Any = BASE, api_key: Any = API_KEY) -> Account:
    return PaperPlatform().client().ltiaas(base_url, api_key)


@pytest.mark.parametrize("base_url", ["http://your.ltiaas.com", "your.ltiaas.com", "https://", "https://a:b@x.example"])
def test_the_base_url_is_https_or_loopback(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        account(base_url)


@pytest.mark.parametrize("base_url", ["https://x.example?a=b", "https://x.example/#f"])
def test_the_base_url_has_neither_query_nor_fragment(base_url: str) -> None:
    with pytest.raises(ValueError, match="no query and no fragment"):
        account(base_url)


@pytest.mark.parametrize("base_url", ["https://lti.customer.example", "http://127.0.0.1:8080", "http://localhost/"])
def test_the_base_url_may_be_any_host(base_url: str) -> None:
    assert base_url.rstrip("/") in repr(account(base_url))


@pytest.mark.parametrize("key", ["", " ", "a b", "a\r\nX-Evil: 1", "a\n", "a\x00", "schlüssel", "a\x7f"])
def test_a_key_that_could_break_out_of_its_header_is_refused_and_not_quoted(key: str) -> None:
    for make in (
        lambda: account(api_key=key),
        lambda: account().gradebook(ltik=key),
        lambda: account().gradebook(service_key=key),
        lambda: ServiceReference(service_key=key),
    ):
        with pytest.raises(ValueError, match="printable ASCII") as caught:
            make()
        assert not key.strip() or key not in str(caught.value)


def test_an_api_key_with_a_colon_would_shift_the_border_to_the_ltik() -> None:
    with pytest.raises(ValueError, match="colon"):
        account(api_key=f"{API_KEY}:x")


@pytest.mark.parametrize("key", [b"bytes", 5, None])
def test_a_key_of_another_type_is_a_type_error(key: Any) -> None:
    with pytest.raises(TypeError):
        account(api_key=key)


def test_nothing_shows_a_key() -> None:
    it = account()
    reference = ServiceReference(service_key=SERVICE_KEY)
    gradebook = it.gradebook(ltik=LTIK, line_item=ITEM)
    shown = f"{it!r} {it} {gradebook!r} {reference!r} {IDTOKEN!r} {it.gradebook(reference=reference)!r}"
    assert [key for key in (API_KEY, LTIK, SERVICE_KEY) if key in shown] == []


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"ltik": LTIK, "service_key": SERVICE_KEY},
        {"ltik": LTIK, "reference": ServiceReference(service_key=SERVICE_KEY)},
    ],
)
def test_exactly_one_key_is_given(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        account().gradebook(**arguments)


def test_wrong_types_are_type_errors() -> None:
    with pytest.raises(TypeError, match="from_dict"):
        account().gradebook(reference={"service_key": SERVICE_KEY})
    with pytest.raises(TypeError, match="Idtoken"):
        account().gradebook(ltik=LTIK, idtoken={})
    with pytest.raises(TypeError):
        account().gradebook(LTIK)  # type: ignore[misc]


def test_a_reference_brings_its_own_launch() -> None:
    with pytest.raises(ValueError, match="knows its launch"):
        account().gradebook(reference=ServiceReference(service_key=SERVICE_KEY), idtoken=IDTOKEN)


def test_the_coupled_line_item_is_the_one_that_is_known() -> None:
    it, reference = account(), IDTOKEN.reference
    assert it.gradebook(ltik=LTIK).coupled is None
    assert it.gradebook(ltik=LTIK, idtoken=IDTOKEN).coupled == ITEM
    assert it.gradebook(reference=reference).coupled == ITEM
    assert it.gradebook(service_key=SERVICE_KEY, line_item=OTHER).coupled == OTHER
    assert it.gradebook(ltik=LTIK, idtoken=IDTOKEN, line_item=OTHER).coupled == OTHER


def test_a_launch_without_ags_is_refused_at_once() -> None:
    for known in ({"ltik": LTIK, "idtoken": Idtoken()}, {"reference": Idtoken(service_key=SERVICE_KEY).reference}):
        with pytest.raises(NotOfferedError, match="offers no AGS"):
            account().gradebook(**known)


def test_a_launch_of_lti_1_1_says_so() -> None:
    with pytest.raises(NotOfferedError, match=r"LTI 1\.2\.0, which has no AGS"):
        account().gradebook(ltik=LTIK, idtoken=Idtoken(lti_version="1.2.0"))


async def test_a_call_beyond_the_scopes_is_refused_before_it_is_sent() -> None:
    score_only = Idtoken(offers_grades=True, scope=frozenset({Scope.SCORE}), line_item=ITEM)
    paper, gradebook = gradebook_on_paper(answer(204), ltik=LTIK, idtoken=score_only)
    with pytest.raises(NotOfferedError, match=r"line_items needs the scope lineitem.readonly or lineitem"):
        await anext(gradebook.line_items())
    await gradebook.post_score(Score.graded("7", 1, score_maximum=1))
    assert len(paper.sent) == 1


async def test_unknown_scopes_refuse_nothing() -> None:
    _, gradebook = gradebook_on_paper(page("lineItems"), ltik=LTIK)
    assert [item async for item in gradebook.line_items()] == []


async def test_a_closed_client_opens_no_gradebook() -> None:
    client = Client()
    it = client.ltiaas(BASE, API_KEY)
    await client.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        it.gradebook(ltik=LTIK)


async def test_two_launches_of_one_course_make_a_line_item_once() -> None:
    """
    Known by platform and context, though there is no container URL to tell.
    """
    bench = new_bench("ltiaas")
    assert bench.gateway is not None
    assert bench.account is not None
    async with bench.client:
        gradebooks = []
        for user in bench.users[:2]:
            ltik = bench.gateway.launch(user).ltik
            gradebooks.append(bench.account.gradebook(ltik=ltik, idtoken=await bench.account.idtoken(ltik=ltik)))
        made = await asyncio.gather(
            *(one.find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="quiz") for one in gradebooks)
        )
    assert made[0].id == made[1].id
    assert len(bench.platform.line_items()) == 2


@pytest.mark.parametrize("platform, waits", [("P1", True), ("P2", False)])
async def test_each_lms_has_a_pace_of_its_own_once_it_is_known(platform: str, waits: bool) -> None:
    answers = [Answer(429, (("Retry-After", "60"),)), *[json_answer(200, item_record())] * 2]
    time = VirtualTime()
    async with Client(transport=Wire(lambda _: answers.pop(0)), runtime=runtime_for(time)) as ags:
        it = ags.ltiaas(BASE, API_KEY)
        slow = it.gradebook(ltik=LTIK, idtoken=IDTOKEN)
        throttled = asyncio.create_task(slow.get_line_item())
        for _ in range(20):
            await asyncio.sleep(0)
        assert time.slept
        await it.gradebook(ltik=LTIK, idtoken=attrs.evolve(IDTOKEN, platform_id=platform)).get_line_item()
        assert (time.now >= 60) is waits
        await throttled


async def test_an_account_can_be_shared_by_many_launches() -> None:
    paper, it = on_paper(*[answer(204)] * 2)
    for number in range(2):
        await it.gradebook(ltik=f"{LTIK}{number}", line_item=ITEM).post_score(Score.graded("7", 1, score_maximum=1))
    headers = [dict(request.headers)["Authorization"] for request in paper.sent]
    assert headers == [f"LTIK-AUTH-V2 {API_KEY}:{LTIK}{number}" for number in range(2)]
