"""Service files: what does not load, and that every error is said at once with its line."""

import pytest
import yaml

from backchannel.catalogue.load import HERE, CatalogueError, load

GOOD = """\
id: demo
name: Demo
kind: proxy
protocols: [socks]
summary: {text: A demonstration., sources: [spec]}
status: {state: alive, note: It runs., sources: [spec]}
architecture: {text: One machine., sources: [spec]}
domains:
  - {name: demo.example, use: all of it, sources: [spec]}
networks:
  - {prefix: 192.0.2.0/24, use: all of it, sources: [spec]}
risks:
  - {id: evasion, severity: high, why: It hides., sources: [spec]}
countermeasures:
  - {id: look, against: [evasion], how: Look., misses: Much., sources: [spec]}
sources:
  spec: {title: The specification, published: 1996, read: 2026-11-21}
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="demo.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def errors(folder, **options):
    with pytest.raises(CatalogueError) as caught:
        load(folder, **options)
    return caught.value.errors


def test_a_good_file_loads_and_its_dates_are_text(written):
    made = load(written(GOOD.replace("published: 1996", 'published: "1996"')))["demo"]
    assert made.sources["spec"].read == "2026-11-21"
    assert made.risks[0].severity == "high"


def test_a_file_of_the_users_wins_over_ours(written):
    text = GOOD.replace("id: demo", "id: icq").replace("name: Demo", "name: Our ICQ")
    folder = written(text.replace("published: 1996, ", ""), "icq.yaml")
    assert load(folder)["icq"].name == "Our ICQ"
    assert load()["icq"].name == "ICQ"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("severity: high", "severity: awful", 13, "awful"),
        ("name: Demo", "title: Demo", 2, "is not known"),
        ("read: 2026-11-21", "seen: 2026-11-21", 17, "seen"),
        (", read: 2026-11-21", "", 17, "`read`"),
        ("read: 2026-11-21", "read: lately", 17, "matching regex"),
        ("why: It hides., sources: [spec]", "why: It hides., sources: []", 13, "has no source"),
        ("why: It hides., sources: [spec]", "why: It hides.", 13, "sources"),
        ("use: all of it, sources: [spec]", "use: all of it, sources: [book]", 9, "'book'"),
        ("protocols: [socks]", "protocols: [sox]", 4, "no decoder 'sox'"),
        ("against: [evasion]", "against: [malware]", 15, "counters 'malware'"),
        ("against: [evasion]", "against: [nonsense]", 15, "nonsense"),
        ("192.0.2.0/24", "192.0.2.1/24", 11, "has host bits set"),
        ("title: The specification", "title: T, copy_of: book", 17, "copies 'book'"),
        ("id: demo", "id: Demo", 1, "must be the file's name"),
        ("sources:\n", "sources:\n  unused: {title: x, read: 2026-11-21}\n", 17, "used by no fact"),
    ],
)
def test_each_kind_of_error_has_its_line(written, old, new, line, said):
    text = GOOD.replace("published: 1996, ", "")
    assert old in text
    folder = written(text.replace(old, new, 1))
    where = f"{folder / 'demo.yaml'}:"
    told = [each for each in errors(folder, protocols={"socks"}) if each.startswith(where)]
    assert told, errors(folder, protocols={"socks"})
    assert any(each.startswith(f"{where}{line}: ") and said in each for each in told), told


def test_all_errors_of_all_files_come_at_once(written):
    text = GOOD.replace("published: 1996, ", "")
    bad = text.replace("severity: high", "severity: awful").replace("kind: proxy", "kind: plate")
    written(bad)
    written(text.replace("id: demo", "id: other").replace("[evasion]", "[spyware]"), "other.yaml")
    written("name: [", "broken.yaml")
    folder = written("- a\n- b\n", "list.yaml")
    told = "\n".join(errors(folder))
    for part in ("awful", "plate", "spyware", "broken.yaml", "list.yaml:1: must be a mapping"):
        assert part in told


def test_tags_that_make_objects_are_refused(written):
    folder = written("id: !!python/object/apply:os.getcwd []\n")
    assert "tags (!name) are not read" in errors(folder)[0]


def test_bytes_that_are_no_text_are_an_error(tmp_path):
    (tmp_path / "demo.yaml").write_bytes(b"\xff\xfe\x00id")
    assert "demo.yaml" in errors(tmp_path)[0]


def test_no_mapping_of_ours_names_a_key_twice():
    """YAML keeps the last of two equal keys without a word."""
    for path in sorted(HERE.glob("*.yaml")):
        waiting = [yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.MappingNode):
                keys = [key.value for key, _ in node.value]
                assert len(keys) == len(set(keys)), (path.name, node.start_mark.line + 1)
                waiting += [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value
