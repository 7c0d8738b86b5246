"""The report as a document: complete, bounded, harmless, and readable without eyes or colours."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from tests.report.sample import HOSTILE, document, finding

from backchannel.catalogue import index
from backchannel.cli.scan import scan as command
from backchannel.report import digests, html, matrix, terminal, views, words
from backchannel.report.document import Account, Input
from backchannel.report.matrix import CATEGORIES
from backchannel.report.places import Places

INDEX = index.load()
EXAMPLES = Path(__file__).parents[2] / "examples"
CAPTURE = EXAMPLES / "icq/icq_oscar_roast_8im.pcap"
VOID = {"meta", "br", "col", "input", "hr", "link", "img"}


def with_findings(*found):
    made = msgspec.structs.replace(document(), findings=found)
    return msgspec.structs.replace(made, matrix=matrix.build(made, INDEX, CATEGORIES))


def many(count):
    return [
        finding(
            f"{HOSTILE} {number}",
            rule=f"rule-{number % 7}",
            category=CATEGORIES[number % 7],
            summary=f"aim: {HOSTILE} does it the {number}th time"[:160].replace("\x1b", "\\x1b"),
            accounts=(HOSTILE, f"user {number}"),
            countermeasure=f"Do `this` and {number % 7}.",
        )
        for number in range(count)
    ]


class Outline(HTMLParser):
    """What a screen reader finds: landmarks, headings, tables, links and their targets."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.ids, self.links = [], [], [], []
        self.tags, self.tables = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in told:
            self.ids.append(told["id"])
        if tag == "a":
            self.links.append(told["href"])
        if tag == "table":
            self.tables.append({"caption": False, "scopes": 0, "heads": 0})
        if tag == "caption":
            self.tables[-1]["caption"] = True
        if tag == "th":
            self.tables[-1]["heads"] += 1
            self.tables[-1]["scopes"] += "scope" in told

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page():
    return html.page(with_findings(finding(), *many(40)), INDEX)


def test_elements_are_closed_headings_descend_and_landmarks_are_there(page):
    outline = Outline(page)
    assert outline.open == []
    assert outline.headings.count(1) == 1
    assert all(
        after - before <= 1
        for before, after in zip(outline.headings, outline.headings[1:], strict=False)
    )
    assert {"header", "nav", "main"} <= set(outline.tags)


def test_every_table_has_a_caption_and_scoped_heads(page):
    for table in Outline(page).tables:
        assert table["caption"]
        assert table["heads"] == table["scopes"] > 0


def test_what_scrolls_is_reached_by_keyboard_and_has_a_name(page):
    boxes = re.findall(r'<div class="wide"[^>]*>', page)
    assert len(boxes) > 5
    assert all('tabindex="0"' in box and re.search('aria-label="[^"]', box) for box in boxes)


def test_a_row_whose_account_nobody_named_has_a_heading_still():
    made = document()
    nobody = [msgspec.structs.replace(each, account="") for each in made.addresses]
    text = html.page(msgspec.structs.replace(made, addresses=tuple(nobody)), INDEX)
    assert nobody
    assert "nobody named" in text
    assert not re.search(r"<th[^>]*>\s*</th>", text)


def test_every_link_leads_to_one_place_in_the_page(page):
    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    assert {link[1:] for link in outline.links} <= set(outline.ids)
    assert all(link.startswith("#") for link in outline.links)


def luminance(colour):
    """Return the relative luminance of #rgb or #rrggbb (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast():
    """Black on white, and a pair on the border of WCAG's AA that is published widely."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_all_text_can_be_read_on_its_ground(theme):
    """WCAG AA: 4.5 to 1."""
    style = (Path(html.__file__).parent / "templates/report.css").read_text("utf-8")
    blocks = re.findall(r":root\{(.*?)\}", style, re.DOTALL)
    colours = {}
    for block in blocks[: 1 + ("light", "dark", "print").index(theme)][
        :: 2 if theme == "print" else 1
    ]:
        colours |= dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", block))
    grounds = [("fg", "bg"), ("soft", "bg"), ("link", "bg"), ("fg", "card"), ("soft", "card")]
    grounds += [("bad", "badbg"), ("ok", "card"), ("mid", "card"), ("soft", "chip"), ("fg", "chip")]
    grounds += [(f"on-{name}", name) for name in ("critical", "high", "medium", "low", "info")]
    for text, ground in grounds:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def test_a_page_shows_the_first_places_of_a_finding_and_says_of_how_many():
    place = finding().evidence[0]
    places = tuple(msgspec.structs.replace(place, path_frame=70_000 + n) for n in range(8))
    text = html.page(with_findings(finding(evidence=places, count=12)), INDEX)
    assert [number in text for number in ("70004", "70005")] == [True, False]
    assert "5 of 12 places; 8 are in the JSON document." in text
    assert (
        "places" not in html.page(with_findings(finding(count=1)), INDEX).partition("findings")[2]
    )


def test_a_heading_of_ones_own_is_text():
    text = html.page(with_findings(finding()), INDEX, heading=f"Site {HOSTILE}")
    assert "<h1>Site " in text
    assert "<script>" not in text
    assert not {"\x1b", "\u202e"} & set(text)


def test_a_finding_comes_with_all_that_is_known_of_it(page):
    found = finding()
    place = found.evidence[0]
    for wanted in (
        found.title,
        found.rationale,
        found.disproof,
        found.false_positives,
        "T1040",
        found.references[0],
        place.client,
        place.server,
        place.excerpt,
        f"#f-{found.id}",
    ):
        assert wanted in page


def test_ten_thousand_hostile_findings_stay_usable_and_harmless():
    made = with_findings(*many(10_000))
    text = html.page(made, INDEX)
    assert len(text) < 4_000_000
    outline = Outline(text)
    assert outline.ids.count("findings") == 1
    assert sum(each.startswith("f-") for each in outline.ids) == 7 * (views.FULL + views.BRIEF)
    assert "more findings are in the JSON document" in text
    assert "<script>" not in text
    assert not {"\x1b", "\u202e"} & set(text)
    assert {link[1:] for link in outline.links} <= set(outline.ids)
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal.render(made, INDEX))
    shown = console.export_text()
    assert len(shown.splitlines()) < 200
    assert not {"\x1b", "\u202e"} & set(shown)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_of_the_summary_is_wider_than_the_terminal(width):
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(terminal.render(with_findings(*many(30)), INDEX))
    assert not [line for line in console.export_text().splitlines() if len(line.rstrip()) > width]


def test_no_rule_takes_the_room_of_the_others_and_how_many_are_not_shown_is_said():
    weak = [finding(f"w{n}", severity="high", rule="weak") for n in range(40)]
    rest = [finding(f"r{n}", severity="high", rule=f"rule-{n}") for n in range(3)]
    grave = [finding(f"g{n}", severity="critical", rule="grave") for n in range(40)]
    low = [finding("l", severity="low", rule="low")]
    found = [*grave, *weak, *rest, *low]
    assert views.worst(found, 8) == [*grave[:2], *weak[:2], *rest, *low]
    assert views.worst(found, 3) == [grave[0], weak[0], rest[0]]
    assert views.worst(found, 99) == found
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal.render(with_findings(*found), INDEX))
    text = console.export_text()
    assert "Findings: 40 critical, 43 high, 1 low; 12 of 84 here" in text
    assert (text.count("grave, 36 more"), text.count("weak, 36 more")) == (1, 1)
    assert len(re.findall(r", \d+ more", text)) == 2


def test_what_matters_most_is_still_on_the_screen():
    """On a terminal that scrolled, the end is what a person sees."""
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(terminal.render(with_findings(*many(40)), INDEX))
    text = console.export_text()
    titles = ["Accounts", "Exposed logins", "Threat matrix", "Findings: ", "Could not be seen"]
    places = [text.index(f"\n{title}") for title in titles]
    assert places == sorted(places)
    assert "the worst: " in text.splitlines()[-1]


def test_what_shares_the_flows_of_its_carrier_has_no_numbers_of_its_own():
    made = document()
    row = msgspec.structs.replace(made.services[0], stack="ike/esp", flows=0, bytes=0)
    made = msgspec.structs.replace(made, services=(row,))
    shown = html.page(made, INDEX)
    assert '<td colspan="2">in flows of <code>ike</code></td>' in shown
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal.render(made, INDEX))
    assert "in flows of ike," in console.export_text()


def test_a_list_says_once_what_happened_often_and_the_worst_first():
    """Twelve rows of one and the same file would hide all others."""
    made = with_findings()
    (file,), (login, *_) = made.files[:1], made.credentials
    token = msgspec.structs.replace(login, kind="token", account="zoe", scheme="cookie")
    made = msgspec.structs.replace(made, files=(file,) * 40, credentials=(token, login, login))
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(terminal.render(made, INDEX))
    shown = [line.rstrip() for line in console.export_text().splitlines()]
    files = shown[shown.index("Files") + 2 :]
    assert re.search(r"\s40  abababab", files[0])
    assert sum("abababab" in line for line in shown) == 1
    at = next(number for number, line in enumerate(shown) if line.startswith("Exposed logins"))
    assert [line.split()[1] for line in shown[at + 2 : at + 4]] == [login.account, "zoe"]
    assert "secret" not in shown[at + 1]  # nothing but [redacted] would stand there


def test_accounts_whose_passwords_were_exposed_come_first_then_the_busiest():
    made = with_findings()
    told = {
        "b": (("token: x",), 9),
        "c": ((), 50),
        "d": ((), 70),
        "e": (("token: x", "plain: y"), 0),
    }
    made = msgspec.structs.replace(
        made,
        accounts=tuple(
            Account(service="icq", account=name, credentials=kinds, sent=sent, sign_ons=1)
            for name, (kinds, sent) in told.items()
        ),
    )
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(terminal.render(made, INDEX))
    shown = console.export_text().splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("Accounts"))
    assert [line.split()[1] for line in shown[at + 2 : at + 6]] == ["e", "b", "d", "c"]


def test_frames_are_told_by_file_and_number_in_it():
    two = (
        Input(path="in/a.pcap", packets=9, bytes=1, first_frame=1),
        Input(path="in/b.pcap", packets=9, bytes=1, first_frame=10),
    )
    places = Places(msgspec.structs.replace(document(), inputs=two))
    assert places.split(9) == ("in/a.pcap", 9)
    assert places.split(10) == ("in/b.pcap", 1)
    assert str(places.of(12)) == "b.pcap #3"
    assert str(Places(msgspec.structs.replace(document(), inputs=two[:1])).of(3)) == "#3"


def test_what_is_written_from_right_to_left_turns_round_nothing_beside_it():
    """Without <bdi>, browsers show `abc, 123` with Hebrew letters as `123 ,cba`."""
    name, other = "\u05d0\u05d1\u05d2", "\u0645\u0631 \u062d\u0628"
    found = finding(
        "x", summary=f"aim: {name} sent <b> to 10.0.0.1", accounts=(name, "7654321", other)
    )
    text = html.page(with_findings(found), INDEX)
    assert f"<bdi>{name}</bdi> sent &lt;b&gt; to 10.0.0.1" in text
    assert f"accounts <bdi>{name}</bdi>, 7654321, <bdi>{other}</bdi>" in text
    assert text.count(name) == text.count(f"<bdi>{name}</bdi>")


def test_a_long_name_takes_no_room_from_addresses_and_other_names(page):
    """Columns that any name may squeeze get down to a letter: 10.0.0.1 stood in two lines."""
    hosts = page[page.index('id="hosts"') : page.index('id="accounts"')]
    rows = hosts[hosts.index("<tbody>") :]
    assert rows.count("<tr>") == rows.count('<th scope="row" class="ep">') > 0
    between = page[page.index("<h3>Between accounts") :]
    row = between[between.index("<tbody>") : between.index("</tr>", between.index("<tbody>"))]
    assert row.count('<td class="w">') == 2


def test_the_captures_are_named_by_their_digests(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(b"abc")
    entry = Input(path=str(path), packets=1, bytes=3, first_frame=1)
    place = msgspec.structs.replace(finding().evidence[0], path=str(path))
    made = msgspec.structs.replace(
        with_findings(finding(evidence=(place,))), inputs=(entry, *document().inputs)
    )
    told = digests.with_digests(made)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2 B.1
    assert [each.sha256 for each in told.inputs] == [digest, "", ""]
    assert told.findings[0].evidence[0].sha256 == digest
    assert html.page(told, INDEX).count(digest) == 2


def test_the_worst_kind_is_the_one_that_the_findings_begin_with():
    found = [
        finding("a", rule="seldom", title="Seldom", severity="critical"),
        finding("b", rule="often", title="Often", severity="critical"),
        finding("c", rule="often", title="Often", severity="critical"),
        *[finding(str(n), rule="mild", title="Mild", severity="high") for n in range(9)],
    ]
    assert views.groups(found)[0].full[0].title == "Often"
    assert "the worst: “Often”" in views.gravity(with_findings(*found))


def test_what_to_do_first_is_ranked_by_gravity_and_number():
    found = [
        finding("a", rule="few", severity="high", countermeasure="one"),
        *(finding(str(n), rule="often", severity="medium", countermeasure="two") for n in range(9)),
        finding("b", rule="info", severity="info", countermeasure="three"),
        finding("c", rule="worst", severity="critical", countermeasure="two"),
    ]
    made = views.actions(views.groups(found), found)
    assert [(each.text, each.findings) for each in made] == [("two", 10), ("one", 1)]
    assert made[0].severity == "critical"


def test_hosts_with_the_gravest_findings_come_first():
    rows, more = views.hosts(with_findings(finding(hosts=("10.9.9.9",), severity="high")))
    assert more == 0
    assert (rows[0].address, rows[0].findings, rows[0].worst) == ("10.9.9.9", 1, "high")


def test_a_protocol_that_serves_no_service_is_shown_by_its_name():
    assert INDEX.title("rtp") == "RTP/RTCP media"
    assert INDEX.title("icq") == "ICQ"
    assert INDEX.title("nothing-known") == "nothing-known"


def test_what_has_no_ports_or_no_flows_of_its_own_is_not_told_as_zero():
    assert words.portless("192.0.2.1:0") == "192.0.2.1"
    assert words.portless("[2001:db8::1]:0") == "2001:db8::1"
    assert words.portless("192.0.2.1:500") == "192.0.2.1:500"
    assert words.portless("[2001:db8::1]:10") == "[2001:db8::1]:10"
    (row,) = document().services
    inner = msgspec.structs.replace(row, stack="ike/esp", flows=0, bytes=0)
    console = Console(width=120, file=io.StringIO(), record=True)
    made = msgspec.structs.replace(document(), services=(inner,))
    console.print(terminal.render(made, INDEX))
    shown = console.export_text()
    assert "in flows of ike, 20" in shown
    assert "0 flows" not in shown.split("Findings")[0].split("\n", 2)[2]


def test_counts_are_words():
    assert words.count(1, "flow") == "1 flow"
    assert words.count(2_000, "flow") == "2,000 flows"
    assert words.exposed("message", 6) == "6 messages"
    assert words.exposed("password-hash", 1) == "1 password, guessable offline"
    assert words.exposed("searches-to-come", 2) == "2 searches-to-come"
    assert words.times(1) == "once"
    assert [words.brief(n) for n in (999, 1_429, 12_345)] == ["999", "1.4k", "12k"]
    assert words.span("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z").endswith("to 01:00:00")


def test_one_command_writes_everything(tmp_path, capsys):
    names = ("report", "matrix", "stix", "ecs", "cef", "syslog", "eve", "events")
    paths = {name: tmp_path / "new" / name for name in names}
    assert command(str(CAPTURE), quiet=True, **paths) == 0
    assert all(path.stat().st_size for path in paths.values())
    kinds = [
        msgspec.json.decode(line)["event"]["kind"]
        for line in paths["ecs"].read_bytes().splitlines()
    ]
    assert kinds.count("alert") > 0
    assert kinds == sorted(kinds, reverse=True)
    assert command(str(CAPTURE), cef=Path("-")) == 0
    assert capsys.readouterr().out.startswith("CEF:0|backchannel|")
