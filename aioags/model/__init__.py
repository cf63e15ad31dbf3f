"""
Internal. The standard's records as frozen values: no JSON, no HTTP. What is public of them, `aioags` exports.
"""
