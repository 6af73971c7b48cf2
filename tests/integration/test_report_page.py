# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's page as a browser shows it: on a desk and on a phone, by day and by night."""

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.plugin_utils.report.files import PAGE, report, write_file
from rig.shell import need
from tests.unit.report import examples

from .browser import Browser

DESK, TABLET, PHONE = 1280, 820, 390  # pixels
FLEETS = {
    "serves": examples.fleet(),
    "broken": examples.broken(),
    "large": examples.large(),
    "hostile": examples.hostile(),
    "empty": {},
}
# What must not come: scripts' errors and messages, refused content, dialogs.
COMPLAINTS = {
    "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening",
}  # fmt: skip
SHOWN = "[...document.querySelectorAll('{}')].filter(it => it.checkVisibility()).length"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    need({"chromium": "chromium"})
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The file of each fleet's page."""
    folder = tmp_path_factory.mktemp("pages")
    files = {name: folder / f"{name}.html" for name in FLEETS}
    for name, path in files.items():
        write_file(path, report(FLEETS[name])[1][PAGE])
    return files


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [DESK, TABLET, PHONE])
@pytest.mark.parametrize("name", FLEETS)
def test_a_page_is_whole_quiet_and_fits(browser, pages, name, width, dark):
    browser.open(pages[name], width=width, dark=dark)
    assert [event for event in browser.events if event[0] in COMPLAINTS] == []
    asked = [found["request"]["url"] for method, found in browser.events if method == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    red = browser.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.slice('rgb('.length))")
    assert (red < 64) == dark
    assert browser.evaluate(SHOWN.format("svg.fleet")) == (1 if name != "empty" else 0)


@pytest.mark.parametrize("name", FLEETS)
def test_every_instance_is_named(browser, pages, name):
    browser.open(pages[name], width=PHONE, dark=False)
    shown = browser.evaluate("document.body.innerText")
    for service in report(FLEETS[name])[0]["rows"]:
        assert service["instance"] in shown


def test_evidence_is_shown_by_keyboard_and_put_away_again(browser, pages):
    browser.open(pages["broken"], width=PHONE, dark=False)
    assert browser.evaluate(SHOWN.format(".evidence")) == 0
    browser.evaluate("document.querySelector('.matrix button.bad').focus()")
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('.evidence:popover-open').innerText").startswith("tools_required")
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    browser.press("Escape")
    assert browser.evaluate(SHOWN.format(".evidence")) == 0


def test_letters_stay_inside_the_boxes_of_the_picture(browser, pages):
    """A box cuts what is wider than it: nothing may be, in the fonts of this machine."""
    for width, kind in ((DESK, "wide"), (PHONE, "narrow")):
        browser.open(pages["broken"], width=width, dark=False)
        assert (
            browser.evaluate(
                f"""[...document.querySelectorAll('svg.{kind} > svg')].flatMap(box => [...box.querySelectorAll('text')]
                    .filter(text => text.getBoundingClientRect().right > box.getBoundingClientRect().right - 4)
                    .map(text => text.textContent))"""
            )
            == []
        )
