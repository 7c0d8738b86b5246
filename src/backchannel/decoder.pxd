# C types for decoder.py, which says what these are.


cdef class Decoder:
    cdef public object standing
    cdef public str service
    cdef public bint done

    cpdef list feed(self, side, bytes data)
