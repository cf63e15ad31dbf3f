"""
A university system's night: ten thousand schools, their LMSs cheap models with the limits of the emulator's profiles.
"""
