"""
Internal. One call: from an operation to its value, over one transport, in its turn, with a token.
"""
