# C types for people.py, which says what these are.

from backchannel.protocols.oscar cimport wire


cpdef tuple status_of(dict values)
cpdef str status_text(bytes block)
