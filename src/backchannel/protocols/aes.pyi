"""AES of a single block (FIPS 197), for keys that travel with what they hide. Compiled.

Whether bytes hide something that is known takes one block, and thousands of streams are asked. A
library's cipher is made for secrets and for bulk: making one costs ten times as much as its block.
Nothing secret comes here, so that it does not matter what the time taken tells.
"""

def encrypt_block(key: bytes, block: bytes) -> bytes:
    """Return 16 bytes encrypted with a *key* of 16 or 32 bytes. Raises ValueError for others."""
