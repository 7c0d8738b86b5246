# C types for store.py, which says what these are.

cimport cython


cdef Py_ssize_t PIECE_COST


@cython.final
cdef class _Assembly:
    cdef object end, opened, output, part, written
    cdef list early_offsets, hashes
    cdef dict early
    cdef Py_ssize_t early_bytes, hashed, seen
    cdef bytes head
    cdef bint lost

    @cython.locals(piece=bytes)
    cdef add(self, offset, bytes data)
    @cython.locals(held=bytes)
    cdef _hold(self, offset, bytes data)
    cdef let_go(self)
    cdef _append(self, bytes data)
    cdef release(self)
    cdef bint whole(self) except -1
    @cython.locals(declared=list)
    cdef verified(self, said)


cdef bytes _within(size, offset, bytes data)


cdef class FileStore:
    cdef object _folder, _count, _written, _missing
    cdef str _part_name
    cdef dict _files, _outputs
    cdef readonly dict _scopes
    cdef Py_ssize_t _early, _serial
    cdef readonly list extracted

    @cython.locals(known=_Assembly, keys=set)
    cpdef open(self, scope, opened)
    @cython.locals(assembly=_Assembly, before=Py_ssize_t, data=bytes)
    cpdef add(self, scope, piece)
    cdef _bound_early(self, _Assembly assembly, Py_ssize_t before)
    cdef _write(self, _Assembly assembly, piece)
    @cython.locals(assembly=_Assembly, keys=set)
    cpdef close(self, scope, closing)
    @cython.locals(assembly=_Assembly)
    cpdef pause(self, scope, str key)
    cdef _part(self, _Assembly assembly)
    cdef _release(self, _Assembly assembly)
    cdef _keep(self, _Assembly assembly, part, transfer)
    @cython.locals(assembly=_Assembly)
    cpdef abandon(self)
    @cython.locals(keys=list, closed=list)
    cpdef list close_scope(self, scope)
