"""WireGuard, and Tailscale's path discovery (disco), which shares its port."""

from backchannel.protocols import Magic, Protocol, Spread

# Ciphertext and keys have many different bytes; a look-alike's header fields do not.
_KEY = Spread(at=8, size=32, least=18)
_TAG = Spread(at=16, size=16, least=8)

PROTOCOL = Protocol(
    name="wireguard",
    title="WireGuard",
    service="wireguard",
    magic=(
        Magic("udp", pattern=b"\x01\0\0\0", sizes=(148,), spread=_KEY),
        Magic("udp", pattern=b"\x02\0\0\0", sizes=(92,), spread=Spread(at=12, size=32, least=18)),
        # Data whose counter is below 2^32, with a tag; padded to 16 bytes, unless that is too much
        # for the MTU, as in a transfer that is under way.
        *(
            Magic(
                "udp",
                pattern=b"\x04\0\0\0" + bytes(12),
                mask=b"\xff\xff\xff\xff" + bytes(8) + b"\xff\xff\xff\xff",
                spread=_TAG,
                multiple=multiple,
                minimum=minimum,
            )
            for multiple, minimum in ((16, 32), (1, 513))
        ),
        # An initiation with other reserved bytes, as Cloudflare's WARP sends it: its second code
        # is zero, and `recognise` asks for an answer.
        Magic("udp", pattern=bytes(16), at=132, sizes=(148,), spread=_KEY),
        Magic("udp", pattern=b"TS\xf0\x9f\x92\xac", minimum=80, spread=Spread(6, 32, 18)),
    ),
)
