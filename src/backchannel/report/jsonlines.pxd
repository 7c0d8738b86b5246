# C types for jsonlines.py, which says what these are: it needs none, and is compiled.
