"""
The second back end: LTIAAS, a hosted gateway that holds the key which the LMS trusts.

`Client.ltiaas` opens an `Account`; its gradebooks are the same `Gradebook` as a direct platform's.
"""

from aioags.ltiaas.account import Account
from aioags.ltiaas.deep_linking import DeepLinkingMessage
from aioags.ltiaas.idtoken import Idtoken
from aioags.ltiaas.reference import ServiceReference

__all__ = ["Account", "DeepLinkingMessage", "Idtoken", "ServiceReference"]
