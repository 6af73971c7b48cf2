# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what every host has to do, computed from the description alone.

Each host gets ordinary variables with the prefix of the role that takes them; the roles know nothing of the
description. ``host_vars`` override any of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..accelerators.cuda import uses_compatibility
from .calibrated import target_of
from .contracts import contract_of
from .description import Description, Service, dns_label
from .fit_options import fit_options
from .reading import is_template
from .schema import SERVICE
from .vllm_command import arguments, container, model_id

PORT = 8000  # of every instance, inside the overlay network
ANCHOR = "overlay-anchor-"
DIGEST = re.compile(r"@sha256:(\w{7})\w+$")
FREE_GIB = 20.0  # for images, logs and engines, beside the models


@dataclass
class Plan:
    """Groups of hosts, the variables of each host, and rows for people to read."""

    groups: dict[str, list[str]] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)  # host -> name -> value
    services: list[dict[str, Any]] = field(default_factory=list)  # a row per instance
    routes: list[dict[str, Any]] = field(default_factory=list)  # a row per served model


def plan(fleet: Description, addresses: dict[str, Any]) -> Plan:
    """What follows from ``fleet``, which must have no mistakes; ``addresses`` are those of the inventory's hosts."""
    made = Plan()
    instances: dict[str, list[Service]] = {}
    for service in fleet.services.values():
        for host in service.values["hosts"]:
            instances.setdefault(host, []).append(service)
    gateways = list(fleet.gateway.get("hosts", []))
    hosts = [host for host in addresses if host in instances or host in gateways]
    managers = fleet.managers or (hosts[:1] if len(hosts) < 3 else hosts[:3])
    hosts += [host for host in managers if host not in hosts]
    made.groups = {
        "fleet": hosts,
        "serving": [host for host in hosts if host in instances],
        "gateway": gateways,
        "publisher": [fleet.publisher],
        "swarm_managers": managers,
        "swarm_workers": [host for host in hosts if host not in managers],
        **{kind: _with_accelerator(kind, hosts, instances) for kind in SERVICE["accelerator"].choices},
    }
    routes = _routes(fleet)
    anchors = {host: ANCHOR + dns_label(host) for host in hosts}
    for host in hosts:
        made.variables[host] = {
            **_overlay(host, addresses[host], anchors),
            "verify_peers": {anchors[other]: addresses[other] for other in hosts if other != host},
            **_serving(host, instances.get(host, []), fleet),
            **_driver_images(instances.get(host, [])),
            "model_cache_address": addresses[host],
            **(_gateway(fleet, routes) if host in gateways else {}),
        }
    # The publisher may serve too.
    made.variables.setdefault(fleet.publisher, {})["model_store_models"] = _models(fleet, fleet.services.values())
    made.services = [_row(service, host, fleet) for host in hosts for service in instances.get(host, [])]
    made.routes = [
        {"model": route["model"], "backends": ", ".join(backend["name"] for backend in route["backends"])}
        for route in routes
    ]
    return made


def _with_accelerator(kind: str, hosts: list[str], instances: dict[str, list[Service]]) -> list[str]:
    """The hosts that run a service on this kind of accelerator; a host may have several kinds."""
    return [host for host in hosts if any(service.values["accelerator"] == kind for service in instances.get(host, []))]


def _overlay(host: str, address: Any, anchors: dict[str, str]) -> dict[str, Any]:
    return {
        "overlay_advertise_address": address,
        "overlay_anchor_name": anchors[host],
        "overlay_peers": [anchor for other, anchor in anchors.items() if other != host],
    }


def _serving(host: str, services: list[Service], fleet: Description) -> dict[str, Any]:
    models = _models(fleet, services)
    known = [model["size_gib"] for model in models if isinstance(model.get("size_gib"), (int, float))]
    return {
        "preflight_disk": {"path": "/var/lib", "need_gib": FREE_GIB + sum(known)} if known else {},
        "preflight_devices": [_accelerator(service, fleet) for service in services],
        "preflight_services": [_fit(service, host, fleet) for service in services],
        "verify_fit_services": [_fit(service, host, fleet) for service in services],
        "model_cache_models": models,
        "vllm_services": [_instance(service, host, fleet) for service in services],
        "verify_instances": [
            {**_endpoint(service, host), "models": [service.served_model_name]} for service in services
        ],
        "verify_services": [
            {
                **_endpoint(service, host),
                "model": service.served_model_name,
                "contract": contract_of(service.values, fleet.models[service.values["model"]]["family"]),
            }
            for service in services
        ],
    }


def _accelerator(service: Service, fleet: Description) -> dict[str, Any]:
    values = service.values
    scheme = fleet.models[values["model"]]["quantization"]
    parallel = values["tensor_parallel_size"]
    return {
        "service": service.name,
        "kind": values["accelerator"],
        "devices": values["devices"],
        "processes": parallel if isinstance(parallel, int) else max(1, len(values["devices"])),
        **({"scheme": scheme} if scheme else {}),
        **({"generation": values["device_generation"]} if values["device_generation"] else {}),
    }


def _driver_images(services: list[Service]) -> dict[str, Any]:
    """The images whose software must fit the driver, for the role of each kind of accelerator."""
    images: dict[str, list[Any]] = {}
    for service in services:
        kind = service.values["accelerator"]
        compatible = kind == "nvidia" and uses_compatibility(service.values["environment"])
        name = "nvidia_compatible_images" if compatible else f"{kind}_images"
        if kind != "cpu":
            images.setdefault(name, []).append(service.values["image"])
    return {name: list(dict.fromkeys(found)) for name, found in images.items()}


def _endpoint(service: Service, host: str) -> dict[str, Any]:
    name = service.instance(host)
    return _with_key({"name": name, "base_url": f"http://{name}:{PORT}/v1", "container": name}, service)


def _instance(service: Service, host: str, fleet: Description) -> dict[str, Any]:
    values = service.values
    model = fleet.models[values["model"]]
    return _with_key(
        {
            "name": service.instance(host),
            "service": service.name,
            "image": values["image"],
            "model": model_id(model),
            "revision": model["revision"],
            "served_model_name": service.served_model_name,
            "accelerator": values["accelerator"],
            "devices": values["devices"],
            "command": arguments(values, model, service.served_model_name),
            "start_timeout": values["start_timeout"],
            **container(values, model),
        },
        service,
    )


def _fit(service: Service, host: str, fleet: Description) -> dict[str, Any]:
    return fit_options(service.values, fleet.models[service.values["model"]], service.instance(host))


def _with_key(variables: dict[str, Any], service: Service) -> dict[str, Any]:
    key = service.values["api_key"]
    return {**variables, "api_key": key} if key else variables


def _gateway(fleet: Description, routes: list[dict[str, Any]]) -> dict[str, Any]:
    port = fleet.gateway["port"]
    return {
        "gateway_port": port,
        "gateway_routes": routes,
        "verify_models": [route["model"] for route in routes],
        "verify_gateway_port": port,
        "preflight_ports": [
            {
                "port": port,
                "proto": "tcp",
                "purpose": "the gateway",
                "container": "gateway-haproxy",
                "setting": "gateway.port in fleet.yml",
            }
        ],
    }


def _routes(fleet: Description) -> list[dict[str, Any]]:
    routes: dict[str, dict[str, Any]] = {}
    for service in fleet.services.values():
        name = service.served_model_name
        route = routes.setdefault(name, _with_key({"model": name, "backends": []}, service))
        route["backends"] += [
            {"name": service.instance(host), "address": f"{service.instance(host)}:{PORT}"}
            for host in service.values["hosts"]
        ]
    return list(routes.values())


def _models(fleet: Description, services: Iterable[Service]) -> list[dict[str, Any]]:
    one_of = {service.values["model"]: service.values for service in services}
    return [
        {
            "name": name,
            **{key: value for key, value in fleet.models[name].items() if value is not None},
            **target_of(values, fleet.models[name]),
        }
        for name, values in one_of.items()
    ]


def _row(service: Service, host: str, fleet: Description) -> dict[str, Any]:
    values = service.values
    model = fleet.models[values["model"]]
    devices = ",".join(str(device) for device in values["devices"])
    return {
        "instance": service.instance(host),
        "host": host,
        "accelerator": f"{values['accelerator']} {devices}".rstrip(),
        "serves": service.served_model_name,
        "model": model_id(model),
        "revision": model["revision"] if is_template(model["revision"]) else model["revision"][:7],
        "context": values["max_model_len"],
        "image": values["image"] if is_template(values["image"]) else DIGEST.sub(r"@sha256:\1…", values["image"]),
    }
