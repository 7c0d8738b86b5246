# C types for aes.pyx.

cpdef bytes encrypt_block(bytes key, bytes block)
