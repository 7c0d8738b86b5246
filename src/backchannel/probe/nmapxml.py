"""The result as nmap writes its own (`nmap -oX`), for the many programs that read that.

Held against nmap's document type, `nmap.dtd` of version 7.93. What nmap has no word for (state
`other protocol`, what an answer told) stands in a script element named `backchannel`.
"""

import re
from collections import Counter
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from backchannel.probe import document as doc

DTD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE nmaprun>\n'
_STATES = {
    "open": "open",
    "other protocol": "open",
    "open, says nothing": "open",
    "closed": "closed",
    "unreachable": "filtered",
}
_REASONS = {
    "open": "syn-ack",
    "closed": "conn-refused",
    "filtered": "no-response",
    "open|filtered": "no-response",
}
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_CONFIDENCE = {"parsed": "10", "signature": "8"}


def xml(probe: doc.Probe, args: str) -> bytes:
    """Return the document; *args* is the command line."""
    run = Element(
        "nmaprun",
        scanner="nmap",  # the one word that the document type allows
        args=_clean(args),
        start=str(_seconds(probe.started)),
        startstr=probe.started,
        version=probe.tool.partition(" ")[2],
        xmloutputversion="1.05",
    )
    for transport in ("tcp", "udp"):
        numbers = sorted(
            {
                each.port
                for host in probe.hosts
                for each in host.ports
                if each.transport == transport
            }
        )
        if numbers:
            SubElement(
                run,
                "scaninfo",
                type="connect" if transport == "tcp" else "udp",
                protocol=transport,
                numservices=str(len(numbers)),
                services=",".join(map(str, numbers)),
            )
    SubElement(run, "verbose", level="0")
    SubElement(run, "debugging", level="0")
    for host in probe.hosts:
        _host(run, host, probe)
    _finish(run, probe)
    indent(run)
    body: bytes = tostring(run, encoding="utf-8")
    return DTD.encode() + body + b"\n"


def _finish(run: Element, probe: doc.Probe) -> None:
    stats = SubElement(run, "runstats")
    took = (_moment(probe.ended) - _moment(probe.started)).total_seconds()
    SubElement(
        stats,
        "finished",
        time=str(_seconds(probe.ended)),
        timestr=probe.ended,
        elapsed=f"{took:.2f}",
        exit="error" if probe.interrupted else "success",
    )
    up = sum(host.alive for host in probe.hosts)
    total = len(probe.hosts)
    SubElement(stats, "hosts", up=str(up), down=str(total - up), total=str(total))


def _host(run: Element, host: doc.Host, probe: doc.Probe) -> None:
    made = SubElement(
        run, "host", starttime=str(_seconds(probe.started)), endtime=str(_seconds(probe.ended))
    )
    state, why = ("up", "user-set") if host.alive else ("down", "no-response")
    SubElement(made, "status", state=state, reason=why, reason_ttl="0")
    kind = "ipv6" if ":" in host.address else "ipv4"
    SubElement(made, "address", addr=host.address.partition("%")[0], addrtype=kind)
    names = SubElement(made, "hostnames")
    if host.name:
        SubElement(names, "hostname", name=_clean(host.name), type="user")
    ports = SubElement(made, "ports")
    asked = [each for each in host.ports if each.state != "not asked"]
    counts = Counter(_state(each) for each in asked)
    for state in ("closed", "filtered", "open|filtered"):
        if counts[state]:
            extra = SubElement(ports, "extraports", state=state, count=str(counts[state]))
            SubElement(extra, "extrareasons", reason=_REASONS[state], count=str(counts[state]))
    for port in asked:
        if _state(port) == "open":
            _port(ports, port)


def _state(port: doc.Port) -> str:
    if port.state == "no answer":
        return "open|filtered" if port.transport == "udp" else "filtered"
    return _STATES[port.state]


def _port(ports: Element, port: doc.Port) -> None:
    made = SubElement(ports, "port", protocol=port.transport, portid=str(port.port))
    reason = "syn-ack" if port.transport == "tcp" else "udp-response"
    SubElement(made, "state", state="open", reason=reason, reason_ttl="0")
    row = max(
        port.speaks,
        key=lambda each: (bool(each.service), each.protocol != "http", each.tls),
        default=None,
    )
    if row is not None:
        program, _, version = (row.software[0] if row.software else "").partition(" ")
        told = {"name": row.protocol, "product": program, "version": version}
        told |= {"tunnel": "ssl" if row.tls else "", "method": "probed"}
        told["conf"] = _CONFIDENCE.get(row.confidence, "3")
        service = SubElement(made, "service")
        for name, value in told.items():
            if value:
                service.set(name, _clean(value))
    SubElement(made, "script", id="backchannel", output=_clean(_words(port)))


def _words(port: doc.Port) -> str:
    lines = [f"state: {port.state}"]
    for row in port.speaks:
        within = " in TLS" if row.tls else ""
        lines.append(f"{row.protocol}{within}: {row.confidence}, {row.evidence}")
        lines += [f"  {line}" for line in (*row.software, *row.told)]
    if port.greeting:
        lines.append(f"begins with: {port.greeting}")
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _seconds(text: str) -> int:
    return int(_moment(text).timestamp())
