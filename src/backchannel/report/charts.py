"""Charts as inline SVG: no script, no network, the same bytes for the same data.

Each chart carries a text alternative. Colours are CSS classes (`c0` to `c9`), so that light, dark
and print each have their own.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import ceil, log1p

from markupsafe import Markup, escape

from backchannel.report.document import Activity, Pair
from backchannel.report.words import size
from backchannel.text import escape as visible

COLOURS = 10
WIDTH = 960
LABELS = 190
"""Room for the names of services."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
TICKS = 6
"""Times below a chart at most, but for one where both ends are such times."""
APART = (
    *(1, 2, 5, 10, 15, 30),
    *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 3, 6, 12)),
    *(each * DAY for each in (1, 2, 7, 14, 28, 91, 365)),
)
"""Seconds between two of them."""
HALF_LABEL = 36
"""Room that the longest of them needs to its right: one that is closer to the end stands left."""


def timeline(activity: Activity, titles: Mapping[str, str], colours: Mapping[str, int]) -> Markup:
    """Return one lane a service, with a mark where it did something; darker means more."""
    lanes = list(activity.events.items())
    if not lanes:
        return Markup("")
    left, top, lane = LABELS, 8, 26
    count = max(len(series) for _, series in lanes)
    step = (WIDTH - left - 10) / max(count, 1)
    height = top + lane * len(lanes) + 28
    body: list[Markup] = []
    for row, (service, series) in enumerate(lanes):
        y = top + row * lane
        body.append(_text(left - 10, y + 16, titles.get(service, service), anchor="end"))
        body.append(_rect(left, y + lane - 3, WIDTH - left - 10, 1, "axis"))
        most = max(series)
        for place, events in enumerate(series):
            if events:
                strength = 0.35 + 0.65 * log1p(events) / log1p(most)
                told = f"{titles.get(service, service)}: {events:,} events"
                body.append(
                    _rect(
                        left + place * step,
                        y + 3,
                        max(step - 0.5, 2.0),
                        lane - 8,
                        f"c{colours[service]}",
                        opacity=strength,
                        title=told,
                    )
                )
    body += _time_axis(activity, left, WIDTH - left - 10, height - 12, count)
    label = f"Activity of {len(lanes)} services over time, {activity.step} seconds a mark"
    return _svg(height, label, body)


def _time_axis(activity: Activity, left: float, width: float, y: float, count: int) -> list[Markup]:
    """Return the round times between the ends, each with a line up through the lanes."""
    start, span = datetime.fromisoformat(activity.start).timestamp(), activity.step * count
    apart = next((each for each in APART if span <= each * TICKS), 0)
    apart = apart or APART[-1] * ceil(span / APART[-1] / TICKS)
    form = "%H:%M:%S" if apart < MINUTE else "%H:%M" if span <= DAY else "%m-%d %H:%M"
    form = "%Y-%m-%d" if apart >= DAY else form
    body: list[Markup] = []
    for tick in range(ceil(start / apart) * apart, int(start + span) + 1, apart):
        x = left + width * (tick - start) / span
        late = x > left + width - HALF_LABEL
        shown = datetime.fromtimestamp(tick, UTC).strftime(form)
        body.append(_rect(x, 0, 1, y - 13, "axis", opacity=0.5))
        body.append(_text(x, y, shown, anchor="end" if late else "middle", style="small"))
    return body


def volume(rows: Sequence[tuple[str, int, int]], titles: Mapping[str, str]) -> Markup:
    """Return a bar for each (service, bytes, colour), longest first."""
    if not rows:
        return Markup("")
    left, bar = LABELS, 26
    most = max(octets for _, octets, _ in rows) or 1
    body: list[Markup] = []
    for row, (service, octets, colour) in enumerate(rows):
        y = 6 + row * bar
        length = max((WIDTH - left - 110) * octets / most, 2)
        name = titles.get(service, service)
        body.append(_text(left - 10, y + 15, name, anchor="end"))
        body.append(_rect(left, y + 2, length, bar - 8, f"c{colour}", title=size(octets)))
        body.append(_text(left + length + 8, y + 15, size(octets), style="small"))
    return _svg(12 + bar * len(rows), "Bytes by service", body)


def talkers(pairs: Sequence[Pair], colours: Mapping[str, int], most: int = 28) -> Markup:
    """Return who talked to whom: clients left, servers right, the *most* busy pairs."""
    busiest = sorted(pairs, key=lambda pair: (-pair.bytes, pair.client, pair.server))[:most]
    if not busiest:
        return Markup("")
    clients = list(dict.fromkeys(pair.client for pair in busiest))
    servers = list(dict.fromkeys(pair.server for pair in busiest))
    row, left, right = 22, 260, WIDTH - 260
    height = 12 + row * max(len(clients), len(servers))
    where_client = _spread(clients, height, row)
    where_server = _spread(servers, height, row)
    top = max(pair.bytes for pair in busiest) or 1
    body: list[Markup] = []
    for pair in busiest:
        y1, y2 = where_client[pair.client], where_server[pair.server]
        width = 1.2 + 7 * log1p(pair.bytes) / log1p(top)
        told = f"{pair.client} to {pair.server}, {pair.service}: {size(pair.bytes)}"
        path = f"M{left} {y1:.1f}C{left + 180} {y1:.1f} {right - 180} {y2:.1f} {right} {y2:.1f}"
        body.append(
            Markup(
                '<path d="{}" class="line l{}" stroke-width="{:.1f}"><title>{}</title></path>'
            ).format(path, colours[pair.service], width, visible(told))
        )
    body += [_text(left - 8, y + 4, name, anchor="end") for name, y in where_client.items()]
    body += [_text(right + 8, y + 4, name) for name, y in where_server.items()]
    return _svg(height, f"The {len(busiest)} busiest pairs of hosts, clients on the left", body)


def _spread(names: Sequence[str], height: float, row: float) -> dict[str, float]:
    """Place *names* evenly, in order, in the middle of *height*."""
    first = (height - row * len(names)) / 2 + row / 2
    return {name: first + place * row for place, name in enumerate(names)}


def _svg(height: float, label: str, body: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, label, Markup("").join(body)
    )


def _rect(
    x: float,
    y: float,
    width: float,
    height: float,
    style: str,
    *,
    opacity: float = 1.0,
    title: str = "",
) -> Markup:
    inside = Markup("<title>{}</title>").format(visible(title)) if title else Markup("")
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}" opacity="{:.2f}">'
        "{}</rect>"
    ).format(x, y, width, height, style, opacity, inside)


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> Markup:
    shown = visible(text)
    if len(shown) > 36:
        shown = shown[:35] + "…"
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>').format(
        x, y, anchor, style, escape(shown)
    )
