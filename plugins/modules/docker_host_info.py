#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take one picture of a host and its Docker."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_host_info
short_description: Take one picture of a host and its Docker
description:
  - Gathers in one round trip what the roles decide on, the operating system, packages, engine, swarm, networks,
    containers, units and files.
  - What is not there is reported as V(null); a host without Docker is a picture like any other.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  packages:
    description: Packages whose version and hold are of interest.
    type: list
    elements: str
    default: []
  units:
    description: Systemd units whose state is of interest; globs match loaded units.
    type: list
    elements: str
    default: []
  files:
    description: Files whose checksum is of interest; their content is not returned.
    type: list
    elements: path
    default: []
  esp:
    description: Ask the kernel whether it can encrypt an overlay network, which may load its modules.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: See what this host has
  inference.fleet.docker_host_info:
    packages: [docker-ce, docker-compose-plugin]
    units: [docker.service]
    files: [/etc/systemd/system/compose@.service]
  register: host
"""

RETURN = r"""
distribution:
  description: From os-release; C(release) is C(id-version).
  returned: success
  type: dict
  sample: {id: debian, version: "13", codename: trixie, name: Debian GNU/Linux 13 (trixie), release: debian-13}
kernel:
  description: Release of the running kernel.
  returned: success
  type: str
  sample: 6.12.48+deb13-amd64
architecture:
  description: Machine as the kernel names it.
  returned: success
  type: str
  sample: x86_64
addresses:
  description: The host's own addresses, loopback aside.
  returned: success
  type: list
  elements: str
  sample: [192.0.2.11, 172.17.0.1]
esp:
  description: Whether the kernel has IPsec ESP with AES-GCM (V(null) when it could not be asked), and its answer.
  returned: success, V(null) unless O(esp=true)
  type: dict
  sample: {supported: true, reason: kernel 6.12.48+deb13-amd64 has IPsec ESP with AES-GCM}
packages:
  description: Version of each of O(packages), V(null) when it is not installed.
  returned: success
  type: dict
  sample: {docker-ce: "5:28.5.1-1~debian.13~trixie", docker.io: null}
held:
  description: Those of O(packages) that are installed and held.
  returned: success
  type: list
  elements: str
  sample: [docker-ce]
units:
  description: Those of O(units) that exist.
  returned: success
  type: dict
  sample: {docker.service: {enabled: true, active: true, state: active}}
files:
  description: SHA-256 of each of O(files), V(null) when there is no such file.
  returned: success
  type: dict
  sample:
    /etc/docker/certs.d/registry.example.com/ca.crt: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
compose:
  description: Version of the compose plugin, V(null) without one.
  returned: success
  type: str
  sample: 2.40.3
daemon_json:
  description: The engine's configuration file, without secrets; V(null) without one.
  returned: success
  type: dict
  sample: {log-driver: local}
daemon_contributions:
  description: >-
    SHA-256 of the sorted JSON of what each contributor has in it; see M(inference.fleet.docker_daemon_config).
  returned: success
  type: dict
  sample: {docker: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a}
daemon_settled:
  description: Whether everything contributed is in the configuration, and no run died before the engine was back.
  returned: success
  type: bool
engine:
  description: The engine; V(null) when none is installed. When it does not run, C(error) says why.
  returned: success
  type: dict
  sample: {running: true, version: 28.5.1, error: null}
swarm:
  description: The node's place in a swarm. Only a manager knows C(cluster_id).
  returned: success
  type: dict
  sample:
    state: active
    error: ""
    node_id: 7r3kxkgm3yz0v1ac1cfqsm0ah
    node_addr: 192.0.2.12
    is_manager: false
    cluster_id: ""
    managers: [192.0.2.11]
networks:
  description: Docker's networks by name. A worker sees an overlay only while one of its containers is attached.
  returned: success
  type: dict
  sample: {fleet: {driver: overlay, scope: swarm, attachable: true, encrypted: true, subnets: [10.0.1.0/24], mtu: 0}}
containers:
  description: Containers by name, stopped ones included.
  returned: success
  type: dict
  sample:
    vllm-0:
      image: registry.example.com/vllm@sha256:0123
      state: running
      health: healthy
      project: vllm
      networks: [fleet]
      published: []
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker.host import picture
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "path", "default": []},
            "esp": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = picture(**module.params)
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
