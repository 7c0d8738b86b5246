# C types for bounded.py, which says what these are.


cpdef remember(table, key, value, limit=*)
