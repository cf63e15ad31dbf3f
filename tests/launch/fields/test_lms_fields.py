"""
The table of what goes where in each LMS: whole, marked, and true of the emulator.
"""

from __future__ import annotations

import datetime
import re

import pytest

from aioags import Registration
from aioags.emulator import PROFILES
from aioags.launch import generate_key
from aioags.launch.lms_fields import (
    OURS,
    THEIRS,
    How,
    LMSGuide,
    Mistake,
    Step,
    lms_guide,
    lms_guides,
    recognized_lms,
)
from docs.register_tables import PAGE, written
from tests.launch.fields.mistakes import MADE, Desk, said

SIX = ("canvas", "moodle", "blackboard", "brightspace", "openedx", "sakai")
NEEDED = ("issuer", "client_id", "deployment_id", "token_url", "authorization_url", "jwks_url", "audience")
GUIDES = list(lms_guides().values())
# Neither checks the audience of an assertion.
ANY_AUDIENCE = {"moodle", "openedx"}
# Open edX tells the tool by its token URL and looks at no client id; the emulator looks, so it cannot show that.
ANY_CLIENT = {"openedx"}

MISTAKES = [
    pytest.param(guide, mistake, id=f"{guide.name}-{mistake.value}-{mistake.step.value}")
    for guide in GUIDES
    for mistake in guide.mistakes
    if mistake.emulated
]


def pattern(mistake: Mistake, facts: dict[str, str]) -> str:
    """
    Fill in what is known; anything may stand for the rest.
    """
    text = re.sub(r"<([a-z_]+)>", lambda found: facts.get(found[1], "\0"), mistake.says)
    return ".+".join(map(re.escape, text.split("\0")))


@pytest.mark.parametrize("guide, mistake", MISTAKES)
async def test_a_wrong_value_says_on_the_emulator_what_the_table_says(guide: LMSGuide, mistake: Mistake) -> None:
    assert guide.profile is not None
    text, facts = await said(guide.profile, mistake.value, mistake.step)
    wanted = pattern(mistake, dict(facts))
    if mistake.step is Step.BROWSER:
        assert re.search(wanted, text, re.DOTALL), text
    else:
        assert re.fullmatch(wanted, text, re.DOTALL), text
    assert mistake in guide.explained(text)


@pytest.mark.parametrize("name", SIX)
async def test_the_right_values_bring_a_grade_home(name: str) -> None:
    desk = Desk.of(str(lms_guide(name).profile))
    await desk.grade()
    assert sum("resultScore" in row for row in desk.platform.results(desk.platform.line_items()[0]["id"])) == 1


@pytest.mark.parametrize("name", sorted(ANY_AUDIENCE))
async def test_an_audience_that_is_not_checked_may_be_any(name: str) -> None:
    await Desk.of(name).believing(audience="https://wrong.example/token").post_to_first()
    assert lms_guide(name).mistakes_of("audience") == ()


@pytest.mark.parametrize("name", SIX)
def test_every_value_that_can_be_wrong_has_its_sentence(name: str) -> None:
    made = {(one.value, one.step) for one in lms_guide(name).mistakes if one.emulated}
    lacking = {("audience", Step.TOKEN)} if name in ANY_AUDIENCE else set()
    lacking |= {("client_id", Step.TOKEN)} if name in ANY_CLIENT else set()
    assert made == set(MADE) - lacking


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_no_field_is_left_out_and_each_says_how_it_is_known(guide: LMSGuide) -> None:
    assert [row.value for row in guide.ours] == list(OURS)
    values = [row.value for row in guide.theirs]
    assert values == sorted(values, key=list(THEIRS).index)
    assert set(NEEDED) <= set(values)
    assert all(row.field or row.note for row in guide.ours)
    assert all(row.field for row in guide.to_ask)
    for row in (*guide.ours, *guide.theirs):
        assert row.how in (How.SEEN, How.READ, How.DOCUMENTED, How.REPORTED)
    for dated in (*guide.ours, *guide.theirs, *guide.mistakes):
        datetime.date.fromisoformat(dated.date if len(dated.date) == 10 else f"{dated.date}-01")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_what_is_asked_is_enough_for_a_registration(guide: LMSGuide) -> None:
    asked = {row.value: f"https://lms.example/{row.value}" for row in guide.to_ask} | {"client_id": "7"}
    if "site" in asked:
        asked["site"] = "https://lms.example"
    known = guide.completed(asked)
    values = {name: text for name, text in known.items() if name in NEEDED}
    registration = Registration(key=generate_key(), **values)
    assert registration.authorization_url is not None
    assert registration.jwks_url is not None
    assert registration.deployment_id is not None
    assert recognized_lms(registration.issuer, registration.token_url) == guide.name
    assert guide.usual_issuer(registration.token_url) in (None, registration.issuer)


def test_what_is_answered_stays_and_what_is_unknown_stays_out() -> None:
    moodle = lms_guide("moodle")
    assert moodle.completed({}) == {}
    known = moodle.completed({"site": "https://lms.example", "token_url": "https://lms.example/token", "issuer": None})
    assert (known["issuer"], known["token_url"]) == ("https://lms.example", "https://lms.example/token")
    assert "audience" not in known
    wanted = "https://api.brightspace.com/auth/token"
    assert lms_guide("brightspace").completed({"site": "https://lms.example"})["audience"] == wanted
    assert moodle.completed({"audience": "https://a.example"}) == {"audience": "https://a.example"}


def test_the_issuer_of_a_site_is_told_from_its_token_url() -> None:
    assert lms_guide("moodle").usual_issuer("https://a.example/m/mod/lti/token.php") == "https://a.example/m"
    assert lms_guide("openedx").usual_issuer("https://a.example/api/lti_consumer/v1/token/7") == "https://a.example"
    assert lms_guide("moodle").usual_issuer("https://a.example/token") is None
    assert lms_guide("brightspace").usual_issuer("https://auth.brightspace.com/core/connect/token") is None
    assert lms_guide("canvas").usual_issuer("https://a.example/token") == "https://canvas.instructure.com"


def test_an_lms_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no LMS 'modle'; give one of canvas, canvas-self-hosted, moodle"):
        lms_guide("modle")


def test_a_sentence_that_nothing_says_is_not_explained() -> None:
    assert lms_guide("moodle").explained("all well") == ()
    two = {
        one.value for one in lms_guide("moodle").explained("no registration for issuer 'https://a' and client id '7'")
    }
    assert two == {"issuer", "client_id"}


def test_the_page_is_what_the_table_says() -> None:
    # python docs/register_tables.py writes it.
    assert PAGE.read_text(encoding="utf-8") == written(PAGE.read_text(encoding="utf-8"))


def test_a_page_that_lags_behind_is_found() -> None:
    text = PAGE.read_text(encoding="utf-8").replace("Initiate login URL", "Something else")
    assert written(text) != text


def test_each_profile_that_is_named_is_one_of_the_emulators() -> None:
    assert {guide.profile for guide in GUIDES} - {None} <= set(PROFILES)
