"""
Internal. Many calls: listings read to their end, scores fanned out, line items made once, results joined with people.
"""
