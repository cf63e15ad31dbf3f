"""
One site: who it is, what it remembers, what time it has, and what it tells in launches.
"""
