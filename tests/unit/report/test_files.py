# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report: the page, the data, the JUnit file, and how they are written."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.plugin_utils.report import text
from ansible_collections.inference.fleet.plugins.plugin_utils.report.files import read_file, report, write_file
from ansible_collections.inference.fleet.plugins.plugin_utils.report.page import TEMPLATES

from . import examples

VOID = {"meta", "link", "wbr"}
EXAMPLES = {
    "serves": examples.fleet(),
    "alone": examples.fleet(1),
    "broken": examples.broken(),
    "large": examples.large(),
    "hostile": examples.hostile(),
    "empty": {},
    "hosts without a gateway": {"fleet": {"hosts": [{"name": "a"}, {}]}},
}


class Page(HTMLParser):
    """Elements with their attributes, and the text, of a page whose every element is closed."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.text, self._open = [], "", []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(params=EXAMPLES)
def files(request):
    _said, texts = report(EXAMPLES[request.param])
    return texts


def test_the_page_is_well_formed_and_needs_nothing_else(files):
    page = Page(files["report.html"])
    assert page.all("html") == [{"lang": "en"}]
    assert not page.all("script") + page.all("img") + page.all("iframe")
    assert all(element["href"].startswith("#") for element in page.all("use"))
    assert {element["href"] for element in page.all("a")} == {"report.json", "junit.xml"}
    assert not re.search(r"@import|url\(", files["report.html"])
    identifiers = [attributes["id"] for _tag, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert {button["popovertarget"] for button in page.all("button")} <= set(identifiers)


def test_tables_and_pictures_can_be_read_aloud(files):
    page = Page(files["report.html"])
    assert all(header.get("scope") in ("row", "col") for header in page.all("th"))
    assert all(
        picture.get("aria-hidden") == "true" or picture.get("aria-label") or "x" in picture
        for picture in page.all("svg")
    )


def test_the_data_and_the_cases_are_read_by_their_parsers(files):
    assert json.loads(files["report.json"])["verdict"] in ("serves", "does not serve", "not verified")
    root = ElementTree.fromstring(files["junit.xml"])  # noqa: S314  (written here)
    for suite in root:
        assert int(suite.get("tests")) == len(suite)
        assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))
        names = [(case.get("classname"), case.get("name")) for case in suite]
        assert len(names) == len(set(names))


def test_the_verdict_and_the_failures_come_first():
    page = Page(report(examples.broken())[1]["report.html"]).text
    order = [
        "The fleet does not serve as it should",
        "5 of 6 instances generate, and so does the gateway.",
        "CUDA out of memory",
        "Lower ",
        "The fleet\n",
        "What serves",
        "Contracts",
    ]
    places = [page.index(part, page.index("Verification of")) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (examples.fleet(), "The fleet serves"),
        ({"endpoints": [{"name": "a", "ready": False}]}, "The fleet does not serve"),
        ({"endpoints": [{"name": "a"}]}, "Not all of the fleet was verified"),
        ({}, "Nothing was verified"),
    ],
)
def test_the_title_is_the_verdict(given, said):
    assert re.search(r"<title>(?:demo: )?(.*)</title>", report(given)[1]["report.html"])[1] == said


def test_hostile_texts_are_texts():
    said, texts = report(examples.hostile())
    page = Page(texts["report.html"])
    assert said["counts"]["failed"] == 6
    assert "<script>alert(1)</script>" in page.text
    assert "שלום" in page.text
    assert not [name for _tag, attributes in page.elements for name in attributes if name.startswith("on")]
    for file in texts.values():
        file.encode()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", file)


def test_every_instance_of_a_large_fleet_is_in_every_file():
    given = examples.large()
    _said, texts = report(given)
    for service in given["fleet"]["services"]:
        assert all(service["instance"] in file for file in texts.values())


def test_junit_says_why():
    root = ElementTree.fromstring(report(examples.broken())[1]["junit.xml"])  # noqa: S314
    assert root.attrib["failures"] == "6"
    down = root.find("testsuite[@name='endpoints']/testcase[@name='model-1-host-b']/failure")
    assert (down.get("message"), down.text) == ("connection refused", "model-1-host-b on host-b: connection refused")
    skipped = root.find("testsuite[@name='contracts.model-1-host-b']/testcase[@name='chat']/skipped")
    assert skipped.get("message") == "the instance does not serve"


def test_the_same_results_are_the_same_files():
    assert report(examples.broken()) == report(examples.broken())


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "report.json"
    write_file(path, "a")
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    with path.open() as reader:
        write_file(path, "b")
        assert reader.read() == "a"
    assert read_file(path) == "b"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FleetError, match=r"^Failed to write .*/file/report.json: (Not a directory|File exists)\. Name"):
        write_file(tmp_path / "file" / "report.json", "")
    with pytest.raises(FleetError, match=r"^Failed to read .*/file/report.json: Not a directory\."):
        read_file(tmp_path / "file" / "report.json")
    assert read_file(tmp_path / "none") is None


def test_a_file_that_could_not_be_placed_is_not_left(tmp_path):
    (tmp_path / "report.json").mkdir()
    with pytest.raises(FleetError, match="Failed to write"):
        write_file(tmp_path / "report.json", "a")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("given", "said"),
    [("short", "short"), ("a-name-that-is-too-long", "a-name-th…"), ("模型模型模型模型", "模型模型模…")],
)
def test_names_are_cut_where_room_ends(given, said):
    assert text.fitted(given, 60, 10) == said


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-11-21T15:00:00Z", "2026-11-21T15:04:12+00:00", "4 min 12 s"),
        ("2026-11-21T15:00:00Z", "2026-11-21T15:00:12.3Z", "12 s"),
        ("", "2026-11-21T15:00:12Z", ""),
        ("2026-11-21T15:00:00", "2026-11-21T15:00:12Z", ""),
        ("2026-11-21T15:01:00Z", "2026-11-21T15:00:00Z", ""),
    ],
)
def test_a_time_span_is_said_where_it_is_known(start, end, said):
    assert text.span(start, end).replace("\u00a0", " ") == said


def test_moments_are_said_as_people_do():
    assert text.moment("2026-11-21T15:04:12Z") == "21 November 2026, 15:04 UTC"
    assert text.moment("yesterday") == "yesterday"


def test_every_text_stands_out_from_what_it_stands_on():
    """The contrast that WCAG asks of text at level AA, in the light and in the dark."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w+);", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)
    )
    states = ("good", "partly", "bad", "unknown")
    for colours in (light, dark):
        grounds = [colours[name] for name in ("page", "surface", *(f"{state}-tint" for state in states))]
        for name in ("ink", "muted"):
            assert min(contrast(colours[name], ground) for ground in grounds) >= 4.5
        for state in states:
            own = [colours[name] for name in ("page", "surface", f"{state}-tint")]
            assert min(contrast(colours[state], ground) for ground in own) >= 4.5


def contrast(first, second):
    """The ratio of two colours, as WCAG defines it."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
