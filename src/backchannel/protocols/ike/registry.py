"""Numbers to words: payloads, exchanges, identities, certificates.

Names are those of the IANA registries "Internet Security Association and Key Management Protocol
(ISAKMP) Identifiers" and "Internet Key Exchange Version 2 (IKEv2) Parameters", vendors' numbers as
Wireshark, strongSwan and libreswan name them. Notify types are in `notifies`, algorithms in
`algorithms`, vendor ids in `vendors`.
"""

EXCHANGES = {
    1: "Base",
    2: "Main Mode",
    3: "Authentication Only",
    4: "Aggressive Mode",
    5: "Informational",
    6: "Transaction (Mode Config)",
    32: "Quick Mode",
    33: "New Group Mode",
    243: "AuthIP Main Mode",
    244: "AuthIP Quick Mode",
    245: "AuthIP Extended Mode",
    246: "AuthIP Notify",
}
"""IKEv1. Main Mode is ISAKMP's Identity Protection exchange. GDOI uses 32 and 33 otherwise.
AuthIP is Windows' own way to IPsec, in ISAKMP's form ([MS-AIPS] §2.2)."""

EXCHANGES_2 = {
    34: "IKE_SA_INIT",
    35: "IKE_AUTH",
    36: "CREATE_CHILD_SA",
    37: "INFORMATIONAL",
    38: "IKE_SESSION_RESUME",
    39: "GSA_AUTH",
    40: "GSA_REGISTRATION",
    41: "GSA_REKEY",
    42: "GSA_INBAND_REKEY",
    43: "IKE_INTERMEDIATE",
    44: "IKE_FOLLOWUP_KE",
}

PAYLOADS = {
    0: "None",
    1: "Security Association",
    2: "Proposal",
    3: "Transform",
    4: "Key Exchange",
    5: "Identification",
    6: "Certificate",
    7: "Certificate Request",
    8: "Hash",
    9: "Signature",
    10: "Nonce",
    11: "Notification",
    12: "Delete",
    13: "Vendor ID",
    14: "Attributes",
    15: "NAT-D (draft)",
    16: "NAT-OA (draft)",
    17: "Key Download",
    18: "Sequence Number",
    19: "Proof of Possession",
    20: "NAT-D",
    21: "NAT-OA",
    22: "Group Associated Policy",
    130: "NAT-D (draft)",
    131: "NAT-OA (draft)",
    129: "GSS-API Token",
    132: "Fragment",
    133: "Crypto",
    134: "GSS-API Endpoint Name",
    135: "Auth",
}
"""IKEv1. 130 and 131 are those of draft-ietf-ipsec-nat-t-ike-00 to 03, 15 and 16 of 04 to 07; GDOI
gave the latter to payloads that are never in clear."""

PAYLOADS_2 = {
    0: "None",
    33: "Security Association",
    34: "Key Exchange",
    35: "Identification - Initiator",
    36: "Identification - Responder",
    37: "Certificate",
    38: "Certificate Request",
    39: "Authentication",
    40: "Nonce",
    41: "Notify",
    42: "Delete",
    43: "Vendor ID",
    44: "Traffic Selector - Initiator",
    45: "Traffic Selector - Responder",
    46: "Encrypted",
    47: "Configuration",
    48: "EAP",
    49: "Generic Secure Password Method",
    50: "Group Identification",
    51: "Group Security Association",
    52: "Key Download",
    53: "Encrypted Fragment",
    54: "Puzzle Solution",
}

PROTOCOLS = {0: "", 1: "IKE", 2: "AH", 3: "ESP", 4: "IPCOMP", 5: "GIGABEAM"}
PROTOCOLS_2 = {0: "", 1: "IKE", 2: "AH", 3: "ESP", 4: "FC_ESP_HEADER", 5: "FC_CT_AUTHENTICATION"}

IDENTITIES = {
    1: "IPV4_ADDR",
    2: "FQDN",
    3: "USER_FQDN",
    4: "IPV4_ADDR_SUBNET",
    5: "IPV6_ADDR",
    6: "IPV6_ADDR_SUBNET",
    7: "IPV4_ADDR_RANGE",
    8: "IPV6_ADDR_RANGE",
    9: "DER_ASN1_DN",
    10: "DER_ASN1_GN",
    11: "KEY_ID",
    12: "LIST",
    13: "NULL",
}
"""Both versions; IKEv2 calls 3 RFC822_ADDR, and 13 is its own."""

CERTIFICATES = {
    1: "PKCS #7 wrapped X.509",
    2: "PGP",
    3: "DNS Signed Key",
    4: "X.509 Signature",
    5: "X.509 Key Exchange",
    6: "Kerberos Tokens",
    7: "CRL",
    8: "ARL",
    9: "SPKI",
    10: "X.509 Attribute",
    11: "Raw RSA Key",
    12: "Hash and URL of X.509 certificate",
    13: "Hash and URL of X.509 bundle",
    14: "OCSP Content",
    15: "Raw Public Key",
}

SIGNATURE_HASHES = {
    1: "SHA1",
    2: "SHA2-256",
    3: "SHA2-384",
    4: "SHA2-512",
    5: "IDENTITY",
    6: "STREEBOG_256",
    7: "STREEBOG_512",
}
"""RFC 7427 §4, RFC 8420, RFC 9385."""


def exchange(version: int, number: int) -> str:
    """Return an exchange type's name."""
    return (EXCHANGES if version == 1 else EXCHANGES_2).get(number) or f"exchange {number}"


def payload(version: int, number: int) -> str:
    """Return a payload's name."""
    return (PAYLOADS if version == 1 else PAYLOADS_2).get(number) or f"payload {number}"


def protocol(version: int, number: int) -> str:
    """Return the name of the protocol that a proposal or notify is for."""
    return (PROTOCOLS if version == 1 else PROTOCOLS_2).get(number, f"protocol {number}")
