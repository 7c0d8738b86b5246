"""Files between Direct Connect clients: requests, bodies and lists, made by hand."""

import bz2
import hashlib
import random
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft

from backchannel import scan
from backchannel.effects import FileClose, FileData, FileOpen, FilePaused
from backchannel.events import Download, Share, SharedFile, Transfer
from backchannel.model import Endpoint, Side
from backchannel.protocols import dc_files
from backchannel.protocols.dc_files import LISTED, MOST_PLAIN, Asked, Body, Known, Listing
from backchannel.reader import WireError

TREE = "5GRN6TBQOGK5EYUERVVIPWY33XMWQBOEWILP5IA"
LIST = f"""<?xml version="1.0"?>
<FileListing Version="1" Base="/">
<Directory Name="Garden">
  <File Name="seed.bin" Size="9000" TTH="{TREE}"/>
  <Directory Name="old &amp; new"><File Name="a.txt" Size="7" TTH="x"/></Directory>
  <Directory Name="empty"/>
  <File Size="3" Name="plan.txt"/>
</Directory>
<File Name="top" Size="no"/>
</FileListing>""".encode()
SHARED = (
    SharedFile(name="Garden/seed.bin", size=9000, hash=f"TTH:{TREE}"),
    SharedFile(name="Garden/old & new/a.txt", size=7, hash="TTH:x"),
    SharedFile(name="Garden/plan.txt", size=3),
    SharedFile(name="top"),
)


def asked(text):
    return dc_files.read_asked(text.split(" "))


def taken(request, data, cut=1 << 20, known=None):
    """What a body tells that comes in pieces, and what is behind it."""
    body, told, rest = (
        Body(asked(request), "bob", "ann", known if known is not None else {}, 1),
        [],
        b"",
    )
    opened = body.opened
    for at in range(0, len(data), cut):
        rest += data[at : at + cut] if body.over else body.feed(data[at : at + cut], told)
    return body, opened, told, rest


def written(told):
    found = bytearray()
    for each in told:
        if isinstance(each, FileData):
            found[each.offset :] = each.data
    return bytes(found)


@pytest.mark.parametrize(
    "text", ["file x 0", "file x a 1", "file x -1 5", "file x 0 -2", f"file x 0 {1 << 55}", ""]
)
def test_what_is_no_request(text):
    with pytest.raises(WireError):
        asked(text)


def test_a_request_tells_the_file_by_the_name_that_a_list_gave_it():
    request = asked(f"file TTH/{TREE} 10 -1 ZL1")
    assert request == Asked("file", f"TTH/{TREE}", 10, -1, True)
    (told,) = dc_files.ask(request, "ann", {TREE: Known("seed.bin", 9000)})
    assert told == Download(name="seed.bin", account="ann", hash=f"TTH:{TREE}", first=10)
    (told,) = dc_files.ask(asked("file files.xml.bz2 0 5"), "ann", {})
    assert told == Download(name="files.xml.bz2", account="ann", last=4)
    assert dc_files.ask(asked(f"tthl TTH/{TREE} 0 -1"), "ann", {}) == []


@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
def test_a_body_is_a_file_and_the_rest_is_not(packed, cut):
    content = bytes(range(256)) * 20
    data = zlib.compress(content) if packed else content
    request = f"file TTH/{TREE} 0 {len(content)}" + " ZL1" * packed
    body, opened, told, rest = taken(request, data + b"$Next|", cut)
    assert rest == b"$Next|"
    assert body.over
    assert written(told) == content
    assert isinstance(opened, FileOpen)
    assert (opened.key, opened.shared, opened.size) == (f"tth:{TREE} ann", True, len(content))
    assert (opened.sender, opened.recipient) == ("bob", "ann")
    assert told[-1] == FilePaused(key=opened.key)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_segments_of_several_connections_are_one_file(tmp_path, order):
    """ADC 1.0, GET: a client asks several others for parts of one file, by its tree hash."""
    content = random.Random(1).randbytes(2 * dc_files.BLOCK + 100)
    packets = []
    for number, part in enumerate(order):
        data = content[part * dc_files.BLOCK :][: dc_files.BLOCK]
        what = f"file TTH/{TREE} {part * dc_files.BLOCK} {len(data)}\n".encode()
        steps = [
            (Side.CLIENT, b"CSUP ADBASE ADTIGR\n"),
            (Side.SERVER, b"CSUP ADBASE ADTIGR\nCINF ID" + b"B" * 39 + b"\n"),
            (Side.CLIENT, b"CINF ID" + b"A" * 39 + b" TO123\nCGET " + what),
            (Side.SERVER, b"CSND " + what + data),
        ]
        server = Endpoint(f"198.51.100.{number + 1}", 412)
        packets += craft.tcp(steps, client=Endpoint("10.9.0.2", 41_000 + number), server=server)
    found = scan(craft.write(tmp_path / "segments.pcap", packets))
    [told] = [seen.event for seen in found if isinstance(seen.event, Transfer)]
    assert (told.complete, told.size) == (True, len(content))
    assert told.sha256 == hashlib.sha256(content).hexdigest()


def test_a_segment_has_its_place_and_the_size_only_where_it_shows():
    for request, size in (
        (f"file TTH/{TREE} 65536 65536", None),
        (f"file TTH/{TREE} 65536 10", 65546),
    ):
        _, opened, told, _ = taken(request, bytes(10))
        assert opened.size == size
        assert told[0].offset == 65536
    _, opened, _, _ = taken(f"file TTH/{TREE} 0 10", b"", known={TREE: Known("seed.bin", 9000)})
    assert (opened.name, opened.size) == ("seed.bin", 9000)
    assert taken(f"tthl TTH/{TREE} 0 24", bytes(24))[1] is None


@pytest.mark.parametrize("cut", [1, 10, 1 << 20])
@pytest.mark.parametrize(("name", "pack"), [("files.xml", bytes), ("files.xml.bz2", bz2.compress)])
def test_a_list_is_what_somebody_shares(name, pack, cut):
    data, known = pack(LIST), {}
    _, opened, told, _ = taken(f"file {name} 0 {len(data)}", data, cut, known)
    assert opened.name == name
    assert told[-2:] == [Share(owner="bob", files=SHARED, total=4), FileClose(key="1")]
    assert known == {TREE: Known("seed.bin", 9000), "x": Known("a.txt", 7)}


def test_a_folders_list_too():
    _, opened, told, _ = taken(f"list / 0 {len(LIST)}", LIST)
    assert opened is None
    assert told == [Share(owner="bob", files=SHARED, total=4)]


def test_lists_are_bounded():
    many = b"".join(b'<File Name="%d" Size="1" TTH="T%d"/>' % (n, n) for n in range(3000))
    known = {}
    _, _, told, _ = taken(f"file files.xml 0 {len(many)}", many, known=known)
    share = told[-2]
    assert (len(share.files), share.total, len(known)) == (LISTED, 3000, LISTED)
    deep = Listing("bob", {}, packed=False)
    deep.feed(b'<Directory Name="x">' * 5000 + b'<File Name="f"/>')
    assert deep.finish()[0].files[0].name.count("/") == 64
    long = Listing("bob", {}, packed=True)
    long.feed(bz2.compress(b"<File Name='x'>" + bytes(MOST_PLAIN + 100) + b'<File Name="f"/>'))
    assert long.finish() == [Share(owner="bob", files=(SharedFile(name=""),), total=1)]
    broken = Listing("bob", {}, packed=True)
    broken.feed(b"BZh9 no list")
    assert broken.finish() == []


def test_what_was_packed_is_bounded_by_what_came():
    bomb = zlib.compress(bytes(1 << 24))
    with pytest.raises(WireError, match="packed"):
        taken(f"file x 0 {1 << 24} ZL1", bomb)
    with pytest.raises(WireError, match="packed"):
        taken("file x 0 10 ZL1", zlib.compress(bytes(11)))
    with pytest.raises(WireError, match="zlib"):
        taken("file x 0 10 ZL1", b"no zlib at all")


def test_an_empty_file_is_over_at_once():
    assert Body(asked("file x 0 0"), "bob", "ann", {}, 1).over


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_garbage_is_no_fault(data, packed, listed):
    name = "files.xml.bz2" if listed else "x"
    try:
        body, _, told, _ = taken(f"file {name} 0 100" + " ZL1" * packed, data, 3)
    except WireError:
        return
    body.close(told)
    assert body.over


@pytest.mark.parametrize("cut", [1, 9, 600])
def test_damage_shows_at_the_same_byte_however_it_came(cut):
    content = bytes(range(256)) * 40
    packed = bytearray(zlib.compress(content))
    packed[len(packed) // 2] ^= 0x55

    def known(size):
        body, told = Body(asked(f"file x 0 {len(content)} ZL1"), "bob", "ann", {}, 1), []
        with suppress(WireError):
            for at in range(0, len(packed), size):
                body.feed(bytes(packed[at : at + size]), told)
        assert not body.over
        return written(told)

    assert known(cut) == known(1 << 20)
    listed = bytearray(bz2.compress(LIST * 300))
    listed[-40] ^= 0x55
    whole, pieces = Listing("bob", {}, packed=True), Listing("bob", {}, packed=True)
    whole.feed(bytes(listed))
    for at in range(0, len(listed), cut):
        pieces.feed(bytes(listed[at : at + cut]))
    assert whole.finish() == pieces.finish()
