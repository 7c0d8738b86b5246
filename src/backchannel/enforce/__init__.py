"""Verdicts on live packets: the policy enforced inline, by the kernel as far as it can."""
