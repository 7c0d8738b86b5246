# C types for charsets.py, which says what these are.


cpdef str by_number(bytes data, int charset)
cpdef str by_name(bytes data, mime)
cdef str _guessed(bytes data)
cdef str _wide(bytes data)
