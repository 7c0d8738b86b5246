"""A policy that lets what was diagnosed pass a firewall, and nothing else."""

from backchannel.diagnose.document import Diagnosis

MOST = 256
"""Gateways that one policy names."""
_HEAD = """\
# IPsec to the gateways that were diagnosed, and nothing else.
#   backchannel policy check THIS-FILE
#   backchannel policy compile THIS-FILE --to nftables
#   backchannel policy prove THIS-FILE --to nftables --service ipsec
policy: 1
name: ipsec-only
groups:
  gateways:
"""
_TAIL = """\
# Say from where you administer the firewall, or you lock yourself out:
# management:
#   - {from: 192.0.2.10, port: tcp/22}
default: deny
rules:
  - allow: ipsec
    to: gateways
"""
_NATT = """\
    ports: [udp/500, udp/4500] # IKE, and ESP in UDP
"""


def policy(told: Diagnosis) -> str:
    """Return a policy that allows IPsec to the responders. ESP by itself is allowed where it was
    seen. Empty where no gateway was.
    """
    gateways = {
        address: None
        for each in told.gateways
        for address in (each.responder, each.far_responder)
        if address
    }
    if not gateways:
        return ""
    listed = "".join(f'    - "{address}"\n' for address in list(gateways)[:MOST])
    plain = any("by itself" in step.text for each in told.gateways for step in each.steps)
    return _HEAD + listed + _TAIL + ("" if plain else _NATT)
