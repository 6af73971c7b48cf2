# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from rig.standins import packages
from rig.standins.packages import Package

DESCRIPTION = """
repositories: {vendor: {}}
packages:
  - name: driver
    repository: vendor
    versions: [1:580.65.06-1, 1:580.95.05-1]
    depends: [library (= @version@)]
    files:
      /usr/bin/tool: {source: tool}
      /etc/driver.conf: "for @kernel@\\n"
    scripts: {postinst: "#!/bin/sh\\ntrue\\n"}
  - name: pinning-@branch@
    version: "@branch@-1"
    repository: vendor
    versions: [580.65.06-1, 580.95.05-1]
    architecture: all
"""


@pytest.fixture(name="described")
def _described(tmp_path: Path) -> list[Package]:
    tmp_path.joinpath("vendor.yml").write_text(DESCRIPTION)
    tmp_path.joinpath("vendor").mkdir()
    tmp_path.joinpath("vendor", "tool").write_text("#!/bin/sh\necho @name@ @upstream@\n")
    repositories, found = packages.read(tmp_path / "vendor.yml", "amd64")
    assert repositories == {"vendor": {}}
    return found


def test_a_package_of_each_version_and_one_where_versions_come_out_the_same(described: list[Package]) -> None:
    assert [package.file_name for package in described] == [
        "driver_580.65.06-1_amd64.deb",
        "driver_580.95.05-1_amd64.deb",
        "pinning-580_580-1_all.deb",
    ]


def test_what_a_package_holds_names_its_own_version(described: list[Package]) -> None:
    driver = described[0]
    assert driver.relations["depends"] == ["library (= 1:580.65.06-1)"]
    assert driver.files == {
        "/usr/bin/tool": "#!/bin/sh\necho driver 580.65.06\n",
        "/etc/driver.conf": f"for {os.uname().release}\n",
    }


def test_it_is_a_package_to_dpkg(described: list[Package], tmp_path: Path) -> None:
    packages.build(described, tmp_path / "root")
    pool = tmp_path / "root" / "vendor" / "pool"
    show = ["dpkg-deb", "--showformat=${Version} ${Depends}", "--show", str(pool / "driver_580.95.05-1_amd64.deb")]
    assert subprocess.check_output(show, text=True) == "1:580.95.05-1 library (= 1:580.95.05-1)"
    listing = subprocess.check_output(["dpkg-deb", "--contents", str(pool / "driver_580.95.05-1_amd64.deb")], text=True)
    modes = {line.split()[-1]: line.split()[0] for line in listing.splitlines()}
    assert modes["./usr/bin/tool"] == "-rwxr-xr-x"
    assert modes["./etc/driver.conf"] == "-rw-r--r--"


def test_the_descriptions_of_the_rig_can_be_read() -> None:
    paths = sorted(Path(packages.__file__).parents[1].joinpath("packages").glob("*.yml"))
    described = [packages.read(path, "amd64") for path in paths]
    found = [package for _repositories, each in described for package in each]
    assert {package.repository for package in found} == {name for names, _packages in described for name in names}
    assert all("@" not in package.control.replace("rig@localhost", "") for package in found)
