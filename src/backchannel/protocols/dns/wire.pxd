# C types for wire.py, which says what these are.

cimport cython

from backchannel.reader cimport Reader

cdef long long ANY, INTERNET, QUESTIONS, SVCB, _ALPN, _ECH, _IPV4_HINT, _IPV6_HINT, _PORT


cdef int _RESPONSE, _OPCODE, _REPLY_CODE, _FLUSH, _NAME, _POINTERS, _DOT


cdef class Record:
    cdef readonly str name, value
    cdef readonly int kind, port
    cdef readonly tuple hints, alpn
    cdef readonly bint ech


cdef class Message:
    cdef readonly bint response
    cdef readonly int code
    cdef readonly list asked, answers


@cython.locals(
    reader=Reader, flags=int, questions=int, answers=int, names=dict, asked=list, found=list,
    record=Record,
)
cpdef Message read_message(bytes data)
@cython.locals(kind=int, group=int)
cdef str _question(bytes data, Reader reader, dict names)
@cython.locals(
    labels=list, jumps=list, start=Py_ssize_t, lowest=Py_ssize_t, size=Py_ssize_t, length=int,
    target=int, tail=str, known=str, name=str,
)
cpdef str read_name(bytes data, Reader reader, dict names)
cdef bytes _label(bytes raw)
cdef str _text(list labels, str tail)
@cython.locals(body=Reader, name=str, kind=int, group=int, size=Py_ssize_t)
cdef Record _record(bytes data, Reader reader, dict names)
@cython.locals(key=int, found=dict, v4=Reader, v6=Reader, offered=Reader, record=Record)
cdef Record _service(str name, int kind, bytes data, Reader body, dict names)
