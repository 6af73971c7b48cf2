#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the report of a verification. The action plugin of this name does it, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verification_report
short_description: Write the report of a verification as a page, as data and as JUnit
description:
  - Writes C(report.html), C(report.json) and C(junit.xml) into a folder of the controller. Each is replaced at once or
    not at all.
  - The page needs nothing but itself. It begins with the verdict and what failed, with cause and next step; then shows
    the fleet, what serves, the contracts with their evidence, the overlay network, the checks and the software.
  - What failed is reported but is no failure of the task. Look at RV(verdict).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
attributes:
  check_mode:
    support: full
    description: Says what would change.
  diff_mode:
    support: full
    description: Shows the data and the JUnit file; of the page, its hash.
options:
  folder:
    description:
      - Folder on the controller, made where it is missing. A relative one begins at the playbook's folder.
    type: path
    required: true
  results:
    description:
      - What was found. Whatever is not known may be left out. Keys beyond these are kept in C(report.json).
      - An outcome is V(pass), V(fail) or V(skip).
    type: dict
    required: true
    suboptions:
      fleet:
        description:
          - C(name) and C(gateway_url) of the fleet.
          - Its C(hosts), each with C(name), C(address), C(roles), C(accelerator), C(devices) (a name for each) and
            C(versions) (by software).
          - Its C(services), each with C(instance), C(host), C(accelerator), C(serves), C(model), C(revision),
            C(context) (tokens), C(image) and C(kv_cache_tokens), which its KV cache should hold.
          - Its C(routes), each with C(model) and C(backends).
        type: dict
      endpoints:
        description:
          - Who was asked to generate, each with C(name), C(host), C(ready) (null where nobody asked), C(stage) (how far
            it came), C(models), C(latency_s), C(error) and C(kv_cache_tokens), which its KV cache holds.
          - Names that begin with C(gateway) are the gateway's.
          - An instance of the fleet that is not among them counts as skipped.
        type: list
        elements: dict
      contracts:
        description:
          - What each instance must be able to do, with C(service) (the instance), C(host), C(model) and C(probes), each
            of which has C(capability), C(outcome), C(evidence) and C(latency_s).
        type: list
        elements: dict
      overlay:
        description:
          - Pairs of hosts between which packets were sent, each with C(from), C(to), C(ok) (null where nobody tried),
            C(mtu), C(mb_per_s), C(encrypted) and C(error).
        type: list
        elements: dict
      checks:
        description: Other checks, each with C(name), C(host), C(outcome), C(evidence) and, if it failed, C(next_step).
        type: list
        elements: dict
      failures:
        description:
          - What is known of causes, each with C(host), C(thing) (an instance, a check, V(overlay network) or anything
            else), C(cause) and C(next_step).
          - A thing that failed and is not among them is added.
        type: list
        elements: dict
      started_at:
        description: When it began, in ISO 8601.
        type: str
      finished_at:
        description: When it ended, in ISO 8601.
        type: str
      version:
        description: Version of the collection.
        type: str
"""

EXAMPLES = r"""
- name: Write the report
  inference.fleet.verification_report:
    folder: "{{ inventory_dir }}/artifacts"
    results: "{{ verification }}"
  register: report
  run_once: true

- name: Say what serves
  ansible.builtin.debug:
    msg: "{{ report.rows | inference.fleet.text_table }}"
  run_once: true
"""

RETURN = r"""
verdict:
  description:
    - V(serves) where every instance was asked and answered and nothing failed; V(does not serve) where anything failed;
      V(not verified) where nothing failed, but not everything was asked.
  returned: success
  type: str
  sample: serves
counts:
  description: How many endpoints, capabilities, pairs and checks C(passed), C(failed) and were C(skipped).
  returned: success
  type: dict
  sample: {passed: 24, failed: 0, skipped: 3}
failures:
  description: Everything that failed, once, with its cause.
  returned: success
  type: list
  elements: dict
  sample:
    - host: host-b
      thing: smollm2-host-b
      cause: its container is paused
      next_step: Look at `docker logs smollm2-host-b` on host-b.
paths:
  description: The files.
  returned: success
  type: dict
  sample:
    html: /srv/fleet/artifacts/report.html
    json: /srv/fleet/artifacts/report.json
    junit: /srv/fleet/artifacts/junit.xml
rows:
  description: A row for each instance and each endpoint of the gateway, for P(inference.fleet.text_table#filter).
  returned: success
  type: list
  elements: dict
  sample:
    - instance: smollm2-host-a
      host: host-a
      models: smollm2-135m
      state: serving
      passed: "10"
      failed: "0"
      skipped: "1"
      latency: 0.140 s
"""
