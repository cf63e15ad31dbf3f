"""
How one gets in: a server, a transport in memory, a thread, the back door, the command line.
"""
