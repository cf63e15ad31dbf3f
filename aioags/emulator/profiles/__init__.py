"""
The platforms that the emulator can be.

Only Moodle was seen live. What Canvas, Open edX and Sakai do was read in their source; Blackboard, Brightspace and
Schoology are closed, and their profiles are modelled on documents and reports.
"""

from __future__ import annotations

from collections.abc import Mapping

from aioags.emulator.profiles.blackboard import BLACKBOARD
from aioags.emulator.profiles.brightspace import BRIGHTSPACE
from aioags.emulator.profiles.canvas import CANVAS
from aioags.emulator.profiles.moodle import MOODLE, MOODLE_4_1, MOODLE_APACHE
from aioags.emulator.profiles.openedx import OPENEDX
from aioags.emulator.profiles.profile import Profile
from aioags.emulator.profiles.sakai import SAKAI
from aioags.emulator.profiles.schoology import SCHOOLOGY

SPEC = Profile(name="spec", basis="AGS 2.0 and the Security Framework 1.0, strictly; every refusal explained")

KNOWN = (SPEC, MOODLE, MOODLE_4_1, MOODLE_APACHE, CANVAS, BLACKBOARD, BRIGHTSPACE, OPENEDX, SAKAI, SCHOOLOGY)

# By the name on the command line.
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in KNOWN}
