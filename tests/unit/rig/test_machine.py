# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from rig.machine import Pip, Source, debian_sources, parse_pip_config, parse_sources, render_sources

DEB822 = """\
Types: deb
# made by an installer
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://mirror.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib # a comment
# deb http://elsewhere.test/debian bookworm main
deb-src http://mirror.test/debian bookworm main
deb http://tools.test/apt tools-bookworm main
"""


def test_sources_of_both_formats_are_read():
    assert parse_sources(DEB822) == [
        Source("http://mirror.test/debian", ("bookworm", "bookworm-updates"), ("main", "contrib")),
        Source("http://mirror.test/debian-security", ("bookworm-security",), ("main",)),
    ]
    assert [(source.uri, source.suites) for source in parse_sources(ONE_LINE)] == [
        ("http://mirror.test/debian", ("bookworm",)),
        ("http://tools.test/apt", ("tools-bookworm",)),
    ]


def test_another_release_comes_from_the_same_mirrors_and_nothing_but_debian_does():
    sources = debian_sources(parse_sources(DEB822) + parse_sources(ONE_LINE), "bookworm", "trixie")
    assert [(source.uri, source.suites) for source in sources] == [
        ("http://mirror.test/debian", ("trixie", "trixie-updates")),
        ("http://mirror.test/debian-security", ("trixie-security",)),
        ("http://mirror.test/debian", ("trixie",)),
    ]
    assert {source.components for source in sources} == {("main",)}


def test_what_is_rendered_reads_the_same():
    sources = debian_sources(parse_sources(DEB822), "bookworm", "trixie")
    assert parse_sources(render_sources(sources)) == sources


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        pytest.param("", Pip({}, ()), id="nothing is configured"),
        pytest.param(
            ":env:.find-links='/srv/wheels'\nglobal.find-links='/other'\nglobal.cert='/ca.crt'",
            Pip({"find-links": "/srv/wheels"}, ("/srv/wheels",)),
            id="the environment wins, and certificates are handed on in another way",
        ),
        pytest.param(
            "user.index-url='https://index.test/simple'\nglobal.extra-index-url='file:///srv/a/simple file:///srv/b/simple'",
            Pip(
                {
                    "index-url": "https://index.test/simple",
                    "extra-index-url": "file:///srv/a/simple file:///srv/b/simple",
                },
                ("/srv/a", "/srv/b"),
            ),
            id="a local index needs what lies beside it",
        ),
    ],
)
def test_pip_configuration(listing, expected):
    assert parse_pip_config(listing) == expected


def test_pip_configuration_is_rendered_one_place_a_line():
    text = Pip({"extra-index-url": "file:///a/simple file:///b/simple"}, ()).render()
    assert text == "[global]\nextra-index-url = file:///a/simple\n    file:///b/simple\n"
