"""Why an IPsec tunnel does not come up or does not carry: captures in, an ordered diagnosis out.

Captures become facts, by gateways: what scan's decoders of IKE, ESP and keep-alives tell
(`reading`, `taps`, `facts`). Facts become exchanges of question and answer (`asking`, `cases`).
From these follow conditions, each with its frames and how sure it is (`reach`, `notes`,
`carrying`, `keeping`, `crowd`); what one means and what to do is data (`advice`, conditions.yaml).
Two captures of the same packets are matched (`sides`, `clocks`, `path`, `both`), and configurations
read (`configured`, `told`). `doctor` does it all, and `document` and `terminal` show it.
"""
