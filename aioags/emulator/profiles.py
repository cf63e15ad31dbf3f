"""
The platforms that the emulator can be.
"""

from __future__ import annotations

from collections.abc import Mapping

from aioags.emulator.profile import Profile

SPEC = Profile(name="spec", basis="AGS 2.0 and the Security Framework 1.0, strictly; every refusal explained")

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (SPEC,)}
