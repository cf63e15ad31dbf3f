"""
What `make bench` is made of: servers that are not the bottleneck, contestants, turns, the report.
"""
