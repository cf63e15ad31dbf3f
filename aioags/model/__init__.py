"""
The standard's records as frozen values: no JSON, no HTTP.
"""
