"""
The gradebook page: for people, live, with a teacher's controls.
"""
