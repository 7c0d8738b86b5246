"""`backchannel diagnose`: why an IPsec tunnel does not come up, or does not carry."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from backchannel.cli import inputs, options

Captures = Annotated[tuple[str, ...], Parameter(metavar="CAPTURE")]
Two = Annotated[tuple[str, str] | None, Parameter(metavar="ADDRESS")]


def diagnose(
    *captures: options.Inputs,
    far: Captures = (),
    config: options.Files = (),
    between: Two = None,
    policy: options.FileName = None,
    metrics: options.FileName = None,
    json: bool = False,
    quiet: options.Quiet = False,
) -> int:
    """Find out why an IPsec tunnel does not come up, or does not carry.

    Exit code 0: nothing is wrong; 1: something is; 3: a capture was damaged.

    Parameters
    ----------
    captures
        Captures: pcap or pcapng, also .gz and .zst; folders; globs; `-` for standard input.
    far
        The same traffic beyond a NAT or firewall: what was lost where, and translated; repeatable.
    config
        swanctl.conf, ipsec.conf or their folder, of either end; secrets are not read; repeatable.
    between
        Two addresses: diagnose these gateways only.
    policy
        Write a firewall policy that lets IPsec of these gateways pass, and nothing else.
    metrics
        Write the state of each configured connection into this file, for Prometheus.
    json
        Print one JSON document on standard output.
    quiet
        Show no progress.
    """
    names = inputs.names(captures, "diagnose")
    from backchannel.cli import diagnosing  # noqa: PLC0415 - not for the help

    return diagnosing.run(
        names, far, config, between, policy=policy, metrics=metrics, json=json, quiet=quiet
    )
