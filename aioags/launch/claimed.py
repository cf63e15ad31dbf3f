"""
The optional claims about person, platform and window, each as a record (CORE 5.4).
"""

from __future__ import annotations

import attrs


@attrs.frozen
class ForUser:
    """
    Whose work a submission review is to show (claim ``for_user``).

    Attributes:
        user_id: As in scores and results.

        person_sourcedid, name, given_name, family_name, email: None: not shown to this tool. Moodle shows none.

        roles: In the course; empty: not said.
    """

    user_id: str
    person_sourcedid: str | None = attrs.field(default=None, repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    given_name: str | None = attrs.field(default=None, repr=False)
    family_name: str | None = attrs.field(default=None, repr=False)
    email: str | None = attrs.field(default=None, repr=False)
    roles: tuple[str, ...] = ()


@attrs.frozen
class LIS:
    """
    Ids of the school's own information system (CORE 5.4.6). None: not said, or blank, as Moodle writes it.
    """

    person_sourcedid: str | None = attrs.field(default=None, repr=False)
    course_offering_sourcedid: str | None = None
    course_section_sourcedid: str | None = None


@attrs.frozen
class ToolPlatform:
    """
    The platform that launches (CORE 5.4.2). None: not said.

    Attributes:
        guid: Of this installation; unique for the vendor only.

        product_family_code: Such as ``moodle`` or ``canvas``.
    """

    guid: str | None = None
    name: str | None = None
    version: str | None = None
    product_family_code: str | None = None
    description: str | None = None
    url: str | None = None
    contact_email: str | None = None


@attrs.frozen
class LaunchPresentation:
    """
    Where the tool is shown (CORE 5.4.4). None: not said.

    Attributes:
        document_target: ``iframe``, ``frame`` or ``window``.

        width, height: Of the window, pixels.

        return_url: Where the tool may send the browser when it is done. Of the platform's choosing: not checked.
    """

    document_target: str | None = None
    width: int | None = None
    height: int | None = None
    return_url: str | None = None
    locale: str | None = None
