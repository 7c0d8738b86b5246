# C types for lane.py, which says what these are.


cdef class Lane:
    cdef readonly object side
    cdef readonly bint request
    cdef public int state, after
    cdef readonly bytearray held
    cdef public Py_ssize_t scanned, line
    cdef public bint checked, mute, whole, ended
    cdef public object body, decoder
    cdef public list waiting

    cpdef forget(self)
