"""
What a tool may ask: tokens, line items, scores, results, memberships, and the rules of each platform for them.
"""
