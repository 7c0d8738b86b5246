# C types for registry.py, which says what these are.

cdef dict EXCHANGES, EXCHANGES_2, PAYLOADS, PAYLOADS_2, PROTOCOLS, PROTOCOLS_2


cpdef str exchange(int version, int number)
cpdef str payload(int version, int number)
cpdef str protocol(int version, int number)
