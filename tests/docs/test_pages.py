"""Links and anchors lead somewhere, long pages have contents, settings are all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import make_contents
from feedbridge.bridge.ledger import STATES
from feedbridge.kafka.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
PAGES = [*DOCUMENTS, ROOT / "CONTRIBUTING.md"]  # its recipes name files that are yet to be written
ARCHITECTURE = (DOCS / "architecture.md").read_text()
CALL = re.compile(r"""env_\w+\(\s*["'](\w+)["'](?:, ([^,)]+))?""")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*?) \|", re.MULTILINE)


PACKAGES = (
    *("benchmarks", "client", "dashboard", "demo", "deploy", "devstack", "docs", "feedbridge"),
    *("instruments", "ops", "pricing", "risk", "riskproject", "tests"),
)
NAMED = re.compile(rf"(?<![\w/.-])((?:{'|'.join(PACKAGES)})/[\w/.-]*\w\.(?:py|md|toml|lua|yaml))")
CODE = sorted(file for name in PACKAGES for file in (ROOT / name).rglob("*.py"))


def prose(page: Path) -> str:
    """The page without its blocks of code, in which a # begins a comment."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        plain = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        same = sum(1 for other in found if re.fullmatch(rf"{re.escape(plain)}(-\d+)?", other))
        found.append(f"{plain}-{same}" if same else plain)
    return set(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_heading(page):
    links = re.findall(r"\]\(([^)#:\s]*)(#[^)\s]*)?\)", prose(page))
    assert links
    for target, anchor in links:
        file = (page.parent / target) if target else page
        assert file.exists(), target
        if anchor:
            assert anchor[1:] in anchors(file), f"{target}{anchor}"


def test_every_file_that_code_names_exists():
    missing = {
        (str(file.relative_to(ROOT)), name)
        for file in CODE
        for name in NAMED.findall(file.read_text())
        if not (ROOT / name).exists()
    }
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_can_be_reached_from_the_readme(page):
    seen, todo = set(), {ROOT / "README.md"}
    while todo:
        seen |= (now := todo)
        links = {
            (one.parent / target).resolve()
            for one in now
            for target in re.findall(r"\]\(([\w./-]+\.md)(?:#[^)]*)?\)", prose(one))
        }
        todo = links - seen
    assert page in seen


@pytest.mark.parametrize("page", make_contents.PAGES, ids=lambda page: page.name)
def test_a_long_page_lists_its_sections(page):
    text = page.read_text()
    assert text == make_contents.with_contents(text), "run: python -m docs.make_contents"


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page):
    for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`", page.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_one_machine(page):
    assert not re.search(r"(?<![\w.])/(work|home|root|tmp|Users)/", page.read_text())


def test_every_setting_stands_in_the_reference_with_its_default():
    code = (ROOT / "riskproject/settings.py").read_text()
    calls = CALL.findall(code)
    assert len(calls) > 20
    rows = dict(ROW.findall(ARCHITECTURE))
    for name, default in calls:
        assert name in rows, name
        plain = default.strip("\"'").replace("_", "")
        if re.fullmatch(r"\d+|True|False|[a-z][\w:/.@]*", plain):
            assert rows[name].strip("`").replace("_", "").replace(",", "") == plain, name


def test_every_variable_of_the_kafka_login_stands_in_the_reference():
    code = (ROOT / "riskproject/kafka_access.py").read_text()
    names = set(re.findall(r"""\(environ, "(\w+)\"""", code))
    assert len(names) == 7
    assert names <= set(dict(ROW.findall(ARCHITECTURE)))


def test_every_variable_of_the_env_example_stands_in_the_reference():
    example = (ROOT / ".env.example").read_text()
    rows = dict(ROW.findall(ARCHITECTURE))
    for name in re.findall(r"^([A-Z_]+)=", example, re.MULTILINE):
        assert name in rows, name


def test_every_topic_state_key_and_process_stands_on_the_architecture_page():
    frames = (ROOT / "risk/store/frames.py").read_text() + (
        ROOT / "risk/store/compiled_book.py"
    ).read_text()
    keys = re.findall(r"^ *(risk:\{USD\}:\S+)  ", frames, re.MULTILINE)
    assert len(keys) >= 10
    processes = re.findall(r"^(\w+):", (ROOT / "Procfile").read_text(), re.MULTILINE)
    for word in (*TOPICS, *STATES, *keys, *processes):
        assert f"`{word}`" in ARCHITECTURE, word
