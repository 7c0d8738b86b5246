"""Every sheet in every format; hostile words of a user's file stay words."""

import io
import re
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest
from rich.console import Console

from backchannel.catalogue import render
from backchannel.catalogue.load import load
from backchannel.catalogue.page import page

KNOWN = load()
SERVICES = pytest.mark.parametrize("service", KNOWN.values(), ids=list(KNOWN))
HOSTILE = "<script>alert(1)</script> | a \x1b[2J\u202egnp.exe *bold* [x](javascript:y) &amp;"


def shown(service, width=80):
    console = Console(width=width, file=io.StringIO())
    console.print(render.terminal(page(service), width))
    return console.file.getvalue()


class Tags(HTMLParser):
    """The elements and the text of a page; fails on what is opened and never closed."""

    def __init__(self, text):
        super().__init__()
        self.names, self.words, self.open = [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        if tag != "meta":
            self.open.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@SERVICES
def test_a_sheet_fits_eighty_columns_and_lacks_nothing(service):
    text = shown(service)
    assert max(map(len, text.splitlines())) <= 80
    words = set(text.split())
    for section in page(service).sections:
        assert section.title in text
    for risk in service.risks:
        assert set(risk.why.split()) <= words


@SERVICES
@pytest.mark.parametrize("width", [40, 160])
def test_other_widths_hold_too(service, width):
    assert max(map(len, shown(service, width).splitlines())) <= width


@SERVICES
def test_html_is_well_formed_and_names_every_source(service):
    tags = Tags(render.html(page(service)))
    assert not {"script", "img", "iframe", "link", "object"} & set(tags.names)
    for source in service.sources.values():
        assert any(source.title in words for words in tags.words)


@SERVICES
def test_markdown_tables_have_as_many_cells_as_columns(service):
    lines = render.markdown(page(service)).splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            bars = [each.replace("\\|", "").count("|") for each in (before, line)]
            assert bars[0] == bars[1], line


@SERVICES
def test_numbers_lead_to_sources(service):
    made = page(service)
    (sources,) = (section for section in made.sections if section.title == "Sources")
    assert [row[0] for row in sources.rows] == [f"[{n}]" for n in range(1, len(sources.rows) + 1)]
    assert len(sources.rows) == len(service.sources)


def hostile():
    ours = msgspec.to_builtins(KNOWN["icq"])
    ours["name"] = ours["summary"]["text"] = HOSTILE
    ours["risks"][0]["why"] = ours["domains"][0]["use"] = HOSTILE
    ours["sources"]["licq"]["title"] = HOSTILE
    return msgspec.convert(ours, type(KNOWN["icq"]))


def test_hostile_words_are_words_in_html(tmp_path):
    tags = Tags(render.html(page(hostile())))
    assert "script" not in tags.names
    assert any("<script>alert(1)</script>" in words for words in tags.words)
    render.handbook([page(hostile())], tmp_path)
    for path in tmp_path.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not {"\x1b", "\u202e"} & set(text)


def test_numbers_and_addresses_are_links_and_nothing_else_is():
    made = render.html(page(KNOWN["icq"]))
    links = re.findall(r'href="([^"]+)"', made)
    assert {link for link in links if link.startswith("#source-")} <= {
        f"#{name}" for name in re.findall(r'id="(source-\d+)"', made)
    }
    for link in links:
        assert link.startswith(("#part-", "#source-", "https://", "http://")), link
    bad = msgspec.to_builtins(KNOWN["icq"])
    bad["summary"]["text"] = 'see javascript:alert(1) and https://a.example/"onclick=x [1]'
    shown_bad = render.html(page(msgspec.convert(bad, type(KNOWN["icq"]))))
    assert 'href="https://a.example/"' in shown_bad
    assert 'href="javascript' not in shown_bad
    assert '"onclick' not in shown_bad


def test_hostile_words_are_words_on_a_terminal():
    text = shown(hostile())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[2J" in text


def test_hostile_words_are_words_in_markdown():
    text = render.markdown(page(hostile()))
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_handbook_has_a_page_for_each_and_every_link_leads_somewhere(tmp_path):
    written = render.handbook([page(service) for service in KNOWN.values()], tmp_path / "a/b")
    assert len(written) == len(KNOWN) + 1
    contents = written[0].read_text(encoding="utf-8")
    for path in written[1:]:
        assert f'href="{path.name}"' in contents
        assert 'href="index.html"' in path.read_text(encoding="utf-8")
