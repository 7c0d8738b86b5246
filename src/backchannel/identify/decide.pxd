# C types for decide.py, which says what these are.

cpdef decide(ask, list candidates, peek)
