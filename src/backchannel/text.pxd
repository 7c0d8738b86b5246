# C types for text.py, which says what these are: it needs none, and is compiled.
