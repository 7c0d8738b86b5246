"""Names of the ATT&CK techniques that rules use (Enterprise, version 19).

A rule of ours may name only these; a new one is looked up first. How they were checked, in November
2026: all but one by id and name against the objects of version 18.1 (github.com/mitre/cti, commit
421deac), where none is revoked or deprecated; T1684.001, which version 19 made of T1656, against
copies of its page; and all against the ids that version 19 revoked, as public tables list them. The
bundle of version 19 itself could not be had. Version 20 appeared in October 2026.
"""

TECHNIQUES = {
    "T1021.001": "Remote Desktop Protocol",
    "T1036": "Masquerading",
    "T1036.007": "Double File Extension",
    "T1039": "Data from Network Shared Drive",
    "T1040": "Network Sniffing",
    "T1048": "Exfiltration Over Alternative Protocol",
    "T1071": "Application Layer Protocol",
    "T1071.001": "Web Protocols",
    "T1078": "Valid Accounts",
    "T1080": "Taint Shared Content",
    "T1083": "File and Directory Discovery",
    "T1090": "Proxy",
    "T1090.002": "External Proxy",
    "T1090.003": "Multi-hop Proxy",
    "T1105": "Ingress Tool Transfer",
    "T1110.002": "Password Cracking",
    "T1190": "Exploit Public-Facing Application",
    "T1203": "Exploitation for Client Execution",
    "T1204.001": "Malicious Link",
    "T1204.002": "Malicious File",
    "T1213": "Data from Information Repositories",
    "T1219": "Remote Access Tools",
    "T1496": "Resource Hijacking",
    "T1498": "Network Denial of Service",
    "T1499": "Endpoint Denial of Service",
    "T1499.002": "Service Exhaustion Flood",
    "T1499.004": "Application or System Exploitation",
    "T1534": "Internal Spearphishing",
    "T1539": "Steal Web Session Cookie",
    "T1550": "Use Alternate Authentication Material",
    "T1552": "Unsecured Credentials",
    "T1552.001": "Credentials In Files",
    "T1557": "Adversary-in-the-Middle",
    "T1563": "Remote Service Session Hijacking",
    "T1566.003": "Spearphishing via Service",
    "T1571": "Non-Standard Port",
    "T1572": "Protocol Tunneling",
    "T1573": "Encrypted Channel",
    "T1589": "Gather Victim Identity Information",
    "T1590.005": "IP Addresses",
    "T1598": "Phishing for Information",
    "T1600": "Weaken Encryption",
    "T1684.001": "Impersonation",
}
"""Id -> name."""

REVOKED = frozenset({"T1070.001", "T1070.002", "T1562", "T1656", "T1672"})
"""Ids that version 19 replaced by others, T1562 with all that is below it."""
