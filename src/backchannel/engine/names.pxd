# C types for names.py, which says what these are.

cimport cython
from backchannel.engine.announcements cimport normal


cdef class Names:
    cdef public object service_of_name
    cdef object _tell, _untell, _by_address, _by_name, _services
    cdef long long _serial

    @cython.locals(name=str, address=str)
    cpdef learn(self, event, now)
    cdef _stand(self, str address, service, str name, now)
    cpdef tuple service_at(self, str address, now)
    cpdef str address_of(self, str name)
    cpdef str name_of(self, str address)
