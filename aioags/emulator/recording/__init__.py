"""
What a platform answered, as a profile. Not public: ``aioags doctor --record`` asks, and writes the file.
"""
