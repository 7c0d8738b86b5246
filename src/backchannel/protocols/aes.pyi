"""AES of single blocks (FIPS 197), for keys that travel with what they hide. Compiled.

Whether bytes hide something that is known takes one block, and thousands of streams are asked. A
library's cipher is made for secrets and for bulk: making one costs as much as forty blocks here.
Nothing secret comes here, so that it does not matter what the time taken tells.
"""

def encrypt_block(key: bytes, block: bytes) -> bytes:
    """Return 16 bytes encrypted with a *key* of 16 or 32 bytes. Raises ValueError for others."""

def uncount(key: bytes, counter: bytes, at: int, data: bytes) -> bytes:
    """Return *data* in clear that counter mode (NIST SP 800-38A §6.5) encrypted, *at* bytes behind
    the beginning of the stream, which began with a *counter* of 16 bytes. Raises ValueError as
    `encrypt_block` does.
    """
