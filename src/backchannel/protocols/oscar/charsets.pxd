# C types for charsets.py, which says what these are: it needs none, and is compiled.
