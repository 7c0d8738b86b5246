"""Why an IPsec tunnel does not come up or does not carry: captures in, an ordered diagnosis out.

reading    captures -> facts: what scan's decoders of IKE, ESP and keep-alives tell, by gateways
asking     facts -> exchanges of question and answer
reach, carrying, keeping, crowd
           -> conclusions, each with its frames and how sure it is
sides      two captures of the same packets: clocks, what was lost where, what a NAT changed
configured what swanctl.conf or ipsec.conf say, and what of it was never seen
advice     what each condition means, what else it could be, and what to do
"""
