"""
Internal. Bytes and headers to model and back; no policy.
"""
