"""Names of everything the core counts because it could not see, keep or understand it."""

TOTALS = ("packets", "bytes", "flows", "first_time", "last_time")
"""What `FlowCore.totals` gives: frames read and their captured bytes, flows begun, and the first
and last time in nanoseconds since 1970."""

COUNTED = {
    "truncated link header": "the frame ends inside its link-layer header",
    "truncated ip header": "the packet ends inside its IP header",
    "bad ip header": "version or lengths of the IP header contradict themselves",
    "truncated transport header": "the packet ends inside its TCP, UDP or ICMP header",
    "bad tcp header": "the TCP header's length is impossible",
    "bad udp length": "the UDP length is impossible; the IP length was taken",
    "truncated payloads": "the capture's snap length cut the payload short",
    "too many tags or tunnels": "more tags and tunnels than `tunnel_depth`",
    "ipv6 extension headers too long": "more IPv6 extension headers than are followed",
    "fragments": "IP fragments seen",
    "fragments timed out": "unfinished datagrams given up after `fragment_wait`",
    "fragments dropped to bound memory": "unfinished datagrams given up for others",
    "fragments unfinished": "datagrams unfinished when the input ended",
    "fragments bad": "fragments whose place or size is impossible",
    "fragments overlapping": "fragments that repeat bytes; the first ones were kept",
    "fragments conflicting": "fragments that repeat bytes with other content",
    "flows evicted to bound memory": "flows ended early because the flow table was full",
    "contexts merged to bound memory": "packets whose VLANs or tunnels are told apart no longer",
    "expectations dropped to bound memory": "announced flows no longer waited for",
    "tcp gaps acknowledged": "holes that the other side acknowledged: the capture lost bytes",
    "tcp gaps after waiting": "holes given up after `hole_wait`",
    "tcp gaps to bound memory": "holes given up because too much waited behind them",
    "tcp gaps at the end": "holes still there when the flow ended",
    "tcp bytes never seen": "bytes in all gaps together",
    "tcp opening bytes dropped": "early segments dropped, waiting for a flow's first one",
    "tcp segments out of window": "segments far from what their side sent before",
    "tcp sequence restarts": "sides that went on somewhere else entirely",
    "tcp resets out of window": "resets that were ignored because no receiver would heed them",
    "tcp bytes after the end": "bytes after an acknowledged FIN",
    "tcp retransmissions with other content": "segments that repeat bytes with other content",
    "802.11 protected": "encrypted Wi-Fi frames",
    "802.11 fragments": "fragmented Wi-Fi frames, not put together",
    "802.11 aggregates": "Wi-Fi frames that carry several (A-MSDU), not taken apart",
    "802.11 management": "Wi-Fi management and control frames",
}
"""Name -> meaning."""

LINK_TYPE, ETHERTYPE, PPP_PROTOCOL, LLC, ADDRESS_FAMILY, GRE_PROTOCOL, GRE_VERSION = range(7)
NUMBERED = (
    "link type {}",
    "ethertype 0x{:04x}",
    "ppp protocol 0x{:04x}",
    "llc 0x{:02x}",
    "address family {}",
    "gre protocol 0x{:04x}",
    "gre version {}",
)
"""Names of what was not understood, with its number in them; the numbers above count them."""

MAX_NAMED = 256
"""Different numbers that are told apart; what else comes counts as `link type other` and so on."""


def other(pattern: str) -> str:
    """Return the name for numbers that are told apart no longer: `ethertype other`."""
    return pattern.partition("{")[0].removesuffix("0x") + "other"
