# C types for ended.py, which says what these are.

cimport cython
from backchannel.engine.stream cimport Group, Stream


@cython.locals(group=Group, named=tuple)
cpdef ended(Stream stream, long long packets, long long octets, long long first, long long last)
