"""
Launches: what a person clicks, what the tool asks then, and the links that a tool sends back.
"""
