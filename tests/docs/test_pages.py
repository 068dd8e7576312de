"""Links lead somewhere, settings are all there, and no page names one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feedbridge.bridge.ledger import STATES
from feedbridge.kafka.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ARCHITECTURE = (DOCS / "architecture.md").read_text()
CALL = re.compile(r"""env_\w+\(\s*["'](\w+)["'](?:, ([^,)]+))?""")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*?) \|", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_heading(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", page.read_text()):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor[1:] in slugs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
