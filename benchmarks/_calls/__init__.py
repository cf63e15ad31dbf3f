"""
How many calls of Python functions one score, item, result, launch or put takes, and in which rooms.
"""
