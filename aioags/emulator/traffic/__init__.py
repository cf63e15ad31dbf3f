"""
Requests on their way: the visit and its record, what goes wrong with it, how many are allowed, what it changed.
"""
