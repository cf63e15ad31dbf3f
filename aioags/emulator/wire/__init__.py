"""
Bytes and headers: messages, media types, paging, error bodies, URLs' pages. No memory; the profile is an argument.
"""
