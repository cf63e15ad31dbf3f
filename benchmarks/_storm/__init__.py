"""
The storm: one plan of a bad hour, and those who must get a class's grades through it.
"""
