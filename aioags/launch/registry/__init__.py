"""
Registrations in a table: rows that name a key, a store for them, and the lookup that reads it.
"""
