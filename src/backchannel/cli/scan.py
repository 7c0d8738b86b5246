"""`backchannel scan`: from any capture to an answer. What it does is in `scanning`."""

from __future__ import annotations

from pathlib import Path

from backchannel import cli
from backchannel.cli import inputs
from backchannel.cli.streams import put_json
from backchannel.errors import UsageError


def scan(
    *paths: cli.options.Inputs,
    json: bool = False,
    eve: cli.options.OrStandardOutput = None,
    events: cli.options.OrStandardOutput = None,
    flows: cli.options.FileName = None,
    report: cli.options.OrStandardOutput = None,
    report_title: cli.options.Title = "",
    matrix: cli.options.OrStandardOutput = None,
    stix: cli.options.OrStandardOutput = None,
    ecs: cli.options.OrStandardOutput = None,
    cef: cli.options.OrStandardOutput = None,
    syslog: cli.options.OrStandardOutput = None,
    extract: cli.options.Folder = None,
    secrets: bool = False,
    content: bool = False,
    all_protocols: cli.options.All = False,
    ignore_vlans: bool = False,
    fail_on: cli.options.Worst = None,
    suppress: cli.options.FileName = None,
    rules: cli.options.Folders = (),
    checks: cli.options.Fields = None,
    pseudonymise: cli.options.Key = None,
    quiet: cli.options.Quiet = False,
) -> int:
    """Find and decode the back channels in captures.

    Exit code 0: done; 1: a finding reached --fail-on; 3: a capture was damaged.

    Parameters
    ----------
    paths
        Captures: pcap or pcapng, also .gz and .zst; folders; globs; `-` for standard input.
    json
        Print one JSON document on standard output instead of the summary.
    eve
        Write EVE JSON lines, as Suricata's collectors read them; `-` for standard output.
    events
        Write our own typed events as JSON lines; `-` for standard output.
    flows
        Write every flow as a row of a Parquet file.
    report
        Write a self-contained HTML report; `-` for standard output.
    report_title
        The report's heading, such as the name of the site or the client.
    matrix
        Write the threat matrix, services by risks, as CSV; `-` for standard output.
    stix
        Write the findings as a STIX 2.1 bundle; `-` for standard output, as for the next three.
    ecs
        Write events and then findings as JSON lines in the Elastic Common Schema.
    cef
        Write the findings as CEF lines.
    syslog
        Write the findings as syslog lines (RFC 5424).
    extract
        Write transferred files into this folder, named by SHA-256, with a manifest.
    secrets
        Show passwords, hashes and tokens instead of redacting them.
    content
        Show the text of messages and profiles instead of redacting it.
    all_protocols
        Decode all DNS, TLS, QUIC and plain web traffic, not only where it concerns a known service.
    ignore_vlans
        Ignore VLAN ids when telling flows apart: for mirror ports that tag only one direction.
    fail_on
        End with exit code 1 when there is a finding of this severity or worse.
    suppress
        Hide findings that this file accepts (with a reason and a last day); show their number.
    rules
        Folders with your own rules, in addition to the built-in ones.
    checks
        What to look at more closely; each of its fields is an option.
    pseudonymise
        Replace addresses and names by pseudonyms; the key has 12 characters or more, or is `@FILE`.
    quiet
        Print no summary.
    """
    names = inputs.names(paths, "scan")
    from backchannel.cli import outputs, scanning, targets  # noqa: PLC0415 - not for the help

    once = {"report": report, "matrix": matrix, "stix": stix, "cef": cef, "syslog": syslog}
    lines = {"events": events, "eve": eve, "ecs": ecs}
    if report_title and report is None:
        raise UsageError("--report-title is for --report; give both")
    targets.check({**once, **lines, "flows": flows}, extract, names, json=json)
    asked = (*once.values(), eve, ecs, fail_on, suppress)  # what tells of findings
    shown = not quiet and Path("-") not in (eve, events, ecs, *once.values())
    run = scanning.run(
        names,
        lines,
        secrets=secrets,
        content=content,
        extract=extract,
        everything=all_protocols,
        vlans=not ignore_vlans,
        flows=flows,
        rules=rules,
        followers=checks.followers(extract) if checks else (),
        key=pseudonymise,
        quiet=quiet,
        summarise=json or shown or any(each is not None for each in asked),
    )
    document = run.document
    if suppress is not None:
        document = scanning.suppressed(run, document, suppress)
    outputs.write(document, run.index, once, report_title)
    for name in scanning.WITH_ALERTS:
        if (path := lines[name]) is not None:
            outputs.append_alerts(document, path, scanning.LINES[name])
    if json:
        put_json(document)
    elif shown:
        scanning.show(document, run.index, (*once.values(), extract, flows, eve, events, ecs))
    return scanning.code(document, fail_on)
