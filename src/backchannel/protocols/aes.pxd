# C types for aes.pyx.

from libc.stdint cimport uint64_t

cpdef bytes encrypt_block(bytes key, bytes block)
cpdef bytes uncount(bytes key, bytes counter, uint64_t at, bytes data)
