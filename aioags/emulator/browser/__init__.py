"""
A person's browser without a screen, and without a network: it launches a tool that is an application in this process.
"""
