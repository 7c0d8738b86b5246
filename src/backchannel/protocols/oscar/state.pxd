# C types for state.py, which says what these are.


cpdef bint is_number(str account)


cdef class State:
    cdef public object start
    cdef public str service, account, session, room
    cdef public bytes challenge
    cdef public bint guessed, waiting, gone, away, idle
    cdef public dict tickets, groups, rooms, wanted, about, meta, offers, presence, addresses, programs, sent
    cdef public Py_ssize_t files

    cpdef tuple learn(self, str account)
    cpdef meet(self, str other)
    cpdef bint is_self(self, str name)
    cpdef str file_key(self)
