"""Algorithms by name, with what they are worth today.

Names are IANA's without the `ENCR_`, `AUTH_` and `PRF_` that the kind already says. Strength is
that of RFC 8247 and RFC 8221 (what an implementation must no longer use), RFC 9395 (what went with
IKEv1) and, for groups, the size of the field:

    broken   can be undone with little effort: DES, 768-bit groups
    weak     not to be used any more: 3DES, MD5, 1024- and 1536-bit groups, small subgroups
    legacy   no attack in this use, but on its way out: SHA-1 in HMAC
    none     no protection at all: NULL

IKEv1 takes numbers of other registries for each kind, so the tables come in pairs.
"""

from typing import Literal, TypeAlias

Strength: TypeAlias = Literal["strong", "legacy", "weak", "broken", "none", "unknown"]

GROUPS = {
    0: "NONE",
    1: "MODP_768",
    2: "MODP_1024",
    3: "EC2N_155",
    4: "EC2N_185",
    5: "MODP_1536",
    6: "EC2N_163",
    7: "EC2N_163_2",
    8: "EC2N_283",
    9: "EC2N_283_2",
    10: "EC2N_409",
    11: "EC2N_409_2",
    12: "EC2N_571",
    13: "EC2N_571_2",
    14: "MODP_2048",
    15: "MODP_3072",
    16: "MODP_4096",
    17: "MODP_6144",
    18: "MODP_8192",
    19: "ECP_256",
    20: "ECP_384",
    21: "ECP_521",
    22: "MODP_1024_160",
    23: "MODP_2048_224",
    24: "MODP_2048_256",
    25: "ECP_192",
    26: "ECP_224",
    27: "BRAINPOOL_P224R1",
    28: "BRAINPOOL_P256R1",
    29: "BRAINPOOL_P384R1",
    30: "BRAINPOOL_P512R1",
    31: "CURVE25519",
    32: "CURVE448",
    33: "GOST3410_2012_256",
    34: "GOST3410_2012_512",
    35: "ML_KEM_512",
    36: "ML_KEM_768",
    37: "ML_KEM_1024",
}
"""Both versions (IKEv1 ends at 30; RFC 9370 makes IKEv2's "key exchange methods" of them)."""

ENCRYPTION_1 = {
    1: "DES_CBC",
    2: "IDEA_CBC",
    3: "BLOWFISH_CBC",
    4: "RC5_R16_B64_CBC",
    5: "3DES_CBC",
    6: "CAST_CBC",
    7: "AES_CBC",
    8: "CAMELLIA_CBC",
    13: "AES_CTR",
    14: "AES_CCM_8",
    15: "AES_CCM_12",
    16: "AES_CCM_16",
    18: "AES_GCM_8",
    19: "AES_GCM_12",
    20: "AES_GCM_16",
    65001: "MARS_CBC",
    65002: "RC6_CBC",
    65004: "SERPENT_CBC",
    65005: "TWOFISH_CBC",
}
"""IKEv1 phase 1; 13 to 20 are not registered, and some send them."""

HASHES_1 = {1: "MD5", 2: "SHA1", 3: "TIGER", 4: "SHA2_256", 5: "SHA2_384", 6: "SHA2_512"}

AUTHENTICATION_1 = {
    1: "PSK",
    2: "DSS_SIGNATURES",
    3: "RSA_SIGNATURES",
    4: "RSA_ENCRYPTION",
    5: "RSA_REVISED_ENCRYPTION",
    6: "ELGAMAL_ENCRYPTION",
    7: "ELGAMAL_REVISED_ENCRYPTION",
    8: "ECDSA_SIGNATURES",
    9: "ECDSA_256",
    10: "ECDSA_384",
    11: "ECDSA_521",
    64221: "HYBRID_INIT_RSA",
    64222: "HYBRID_RESP_RSA",
    64223: "HYBRID_INIT_DSS",
    64224: "HYBRID_RESP_DSS",
    65001: "XAUTH_INIT_PSK",
    65002: "XAUTH_RESP_PSK",
    65003: "XAUTH_INIT_DSS",
    65004: "XAUTH_RESP_DSS",
    65005: "XAUTH_INIT_RSA",
    65006: "XAUTH_RESP_RSA",
    65007: "XAUTH_INIT_RSA_ENCRYPTION",
    65008: "XAUTH_RESP_RSA_ENCRYPTION",
    65009: "XAUTH_INIT_RSA_REVISED_ENCRYPTION",
    65010: "XAUTH_RESP_RSA_REVISED_ENCRYPTION",
}
PSK_METHODS = frozenset({1, 65001, 65002})
SIGNATURE_METHODS = frozenset({2, 3, 8, 64221, 64222, 64223, 64224, 65003, 65004, 65005, 65006})

ENCRYPTION_2 = {
    1: "DES_IV64",
    2: "DES",
    3: "3DES",
    4: "RC5",
    5: "IDEA",
    6: "CAST",
    7: "BLOWFISH",
    8: "3IDEA",
    9: "DES_IV32",
    10: "RC4",
    11: "NULL",
    12: "AES_CBC",
    13: "AES_CTR",
    14: "AES_CCM_8",
    15: "AES_CCM_12",
    16: "AES_CCM_16",
    18: "AES_GCM_8",
    19: "AES_GCM_12",
    20: "AES_GCM_16",
    21: "NULL_AUTH_AES_GMAC",
    23: "CAMELLIA_CBC",
    24: "CAMELLIA_CTR",
    25: "CAMELLIA_CCM_8",
    26: "CAMELLIA_CCM_12",
    27: "CAMELLIA_CCM_16",
    28: "CHACHA20_POLY1305",
    29: "AES_CCM_8_IIV",
    30: "AES_GCM_16_IIV",
    31: "CHACHA20_POLY1305_IIV",
    32: "KUZNYECHIK_MGM_KTREE",
    33: "MAGMA_MGM_KTREE",
    34: "KUZNYECHIK_MGM_MAC_KTREE",
    35: "MAGMA_MGM_MAC_KTREE",
}
ENCRYPTION_ESP_1 = ENCRYPTION_2 | {21: "SEED_CBC", 22: "CAMELLIA_CBC", 23: "NULL_AUTH_AES_GMAC"}
"""IKEv1 phase 2: the same numbers up to 20."""

INTEGRITY_2 = {
    0: "NONE",
    1: "HMAC_MD5_96",
    2: "HMAC_SHA1_96",
    3: "DES_MAC",
    4: "KPDK_MD5",
    5: "AES_XCBC_96",
    6: "HMAC_MD5_128",
    7: "HMAC_SHA1_160",
    8: "AES_CMAC_96",
    9: "AES_128_GMAC",
    10: "AES_192_GMAC",
    11: "AES_256_GMAC",
    12: "HMAC_SHA2_256_128",
    13: "HMAC_SHA2_384_192",
    14: "HMAC_SHA2_512_256",
}
INTEGRITY_ESP_1 = {
    0: "NONE",
    1: "HMAC_MD5",
    2: "HMAC_SHA1",
    3: "DES_MAC",
    4: "KPDK",
    5: "HMAC_SHA2_256",
    6: "HMAC_SHA2_384",
    7: "HMAC_SHA2_512",
    8: "HMAC_RIPEMD",
    9: "AES_XCBC",
    10: "SIG_RSA",
    11: "AES_128_GMAC",
    12: "AES_192_GMAC",
    13: "AES_256_GMAC",
}
"""An attribute of IKEv1's phase 2."""
AH_1 = {
    2: "MD5",
    3: "SHA1",
    4: "DES",
    5: "SHA2_256",
    6: "SHA2_384",
    7: "SHA2_512",
    8: "RIPEMD",
    9: "AES_XCBC",
    10: "RSA",
    11: "AES_128_GMAC",
    12: "AES_192_GMAC",
    13: "AES_256_GMAC",
}
PRFS_2 = {
    1: "HMAC_MD5",
    2: "HMAC_SHA1",
    3: "HMAC_TIGER",
    4: "AES128_XCBC",
    5: "HMAC_SHA2_256",
    6: "HMAC_SHA2_384",
    7: "HMAC_SHA2_512",
    8: "AES128_CMAC",
    9: "HMAC_STREEBOG_512",
}
SEQUENCE_2 = {0: "32_BIT", 1: "EXTENDED_64_BIT", 2: "32_BIT_UNSPECIFIED"}
"""RFC 7296 §3.3.2 says "no ESN" and "ESN"."""
KEY_WRAP_2 = {1: "KW_5649_128", 2: "KW_5649_192", 3: "KW_5649_256", 4: "KW_ARX"}
GROUP_AUTH_2 = {1: "IMPLICIT", 2: "DIGITAL_SIGNATURE"}

MODES = {
    1: "TUNNEL",
    2: "TRANSPORT",
    3: "UDP_TUNNEL",
    4: "UDP_TRANSPORT",
    61443: "UDP_TUNNEL (draft)",
    61444: "UDP_TRANSPORT (draft)",
}

_WEAK_GROUPS: dict[int, Strength] = {
    1: "broken",
    **dict.fromkeys((2, 3, 4, 5, 6, 7, 22, 23, 24, 25), "weak"),
    **dict.fromkeys((8, 9, 10, 11, 12, 13, 26, 27), "legacy"),
}
_BY_NAME: dict[str, Strength] = {
    "DES": "broken",
    "DES_CBC": "broken",
    "DES_IV64": "broken",
    "DES_IV32": "broken",
    "RC4": "broken",
    "DES_MAC": "broken",
    "MD5": "weak",
    "KPDK": "weak",
    "KPDK_MD5": "weak",
    "HMAC_MD5": "weak",
    "HMAC_MD5_96": "weak",
    "HMAC_MD5_128": "weak",
    "3DES": "weak",
    "3DES_CBC": "weak",
    "3IDEA": "weak",
    "IDEA": "weak",
    "IDEA_CBC": "weak",
    "CAST": "weak",
    "CAST_CBC": "weak",
    "BLOWFISH": "weak",
    "BLOWFISH_CBC": "weak",
    "RC5": "weak",
    "RC5_R16_B64_CBC": "weak",
    "SHA1": "legacy",
    "HMAC_SHA1": "legacy",
    "HMAC_SHA1_96": "legacy",
    "HMAC_SHA1_160": "legacy",
    "TIGER": "legacy",
    "HMAC_TIGER": "legacy",
    "HMAC_RIPEMD": "legacy",
    "RIPEMD": "legacy",
    "MARS_CBC": "legacy",
    "RC6_CBC": "legacy",
    "NULL": "none",
    "NULL_AUTH_AES_GMAC": "none",
}


def group_strength(number: int) -> Strength:
    """Return what a Diffie-Hellman group or key exchange method is worth."""
    return _WEAK_GROUPS.get(number, "strong" if number in GROUPS else "unknown")


def strength(name: str, known: bool) -> Strength:
    """Return what the algorithm called *name* is worth; *known* where a registry has it."""
    return _BY_NAME.get(name, "strong") if known else "unknown"
