"""
Internal. Decisions without input or output: what to send, how to read the answer, whether to repeat.
"""
