# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of verifications: of a small fleet that serves, of one that does not, of a large one, of a hostile one."""

from __future__ import annotations

import copy

CAPABILITIES = (
    "chat", "streaming", "usage", "logprobs", "stop_sequences", "structured_json", "tools_auto", "tools_required",
    "parallel_tools", "long_context",
)  # fmt: skip
HOSTILE = "<script>alert(1)</script>\"'&\x00\x1b[31mred\x1b[0m\u202egpj.exe\ud800 שלום ]]>"


def fleet(hosts=2, per_host=1, devices=()):
    """Results of a fleet of which everything was checked and right."""
    names = [f"host-{chr(97 + n)}" if hosts <= 26 else f"host-{n:02}" for n in range(hosts)]
    services = [
        {
            "instance": f"{model}-{name}",
            "host": name,
            "accelerator": "nvidia" if devices else "cpu",
            "serves": model,
            "model": f"Organisation/{model}",
            "revision": "896ea440e5a9e6070e3d8a2774daf2b481ab425b",
            "context": 131072 if devices else 1024,
            "image": f"registry.internal/vllm/vllm-openai@sha256:{'0123456789abcdef' * 4}",
        }
        for name in names
        for model in (["smollm2-135m"] if per_host == 1 else [f"model-{n}" for n in range(per_host)])
    ]
    models = list(dict.fromkeys(service["serves"] for service in services))
    versions = {"docker": "26.1.5", "kernel": "6.1.0-30-amd64", "vllm": "0.32.1"}
    return {
        "fleet": {
            "name": "demo",
            "hosts": [
                {
                    "name": name,
                    "address": f"10.0.0.{11 + n}",
                    "roles": ["serving", "gateway"] if n == 0 else ["serving"],
                    "accelerator": "nvidia" if devices else "cpu",
                    "devices": list(devices),
                    "versions": versions,
                }
                for n, name in enumerate(names)
            ],
            "services": services,
            "routes": [
                {
                    "model": model,
                    "backends": ", ".join(item["instance"] for item in services if item["serves"] == model),
                }
                for model in models
            ],
            "gateway_url": "http://10.0.0.11:4000/v1",
        },
        "endpoints": [
            {
                "name": "gateway-haproxy",
                "host": names[0],
                "ready": True,
                "stage": "generating",
                "models": models,
                "latency_s": 0.154,
                "error": "",
            },
            *(
                {
                    "name": service["instance"],
                    "host": service["host"],
                    "ready": True,
                    "stage": "generating",
                    "models": [service["serves"]],
                    "latency_s": 0.14 + 0.03 * (place % 7),
                    "error": "",
                }
                for place, service in enumerate(services)
            ),
        ],
        "contracts": [
            {
                "service": service["instance"],
                "host": service["host"],
                "model": service["serves"],
                "probes": [
                    {
                        "capability": capability,
                        "outcome": "skip" if capability == "parallel_tools" and not devices else "pass",
                        "evidence": f"HTTP 200; {capability} as asked, finish_reason stop",
                        "latency_s": 0.4,
                    }
                    for capability in CAPABILITIES
                ],
            }
            for service in services
        ],
        "overlay": [
            {"from": a, "to": b, "ok": True, "mtu": 1450, "mb_per_s": 812.0, "encrypted": None, "error": ""}
            for a in names
            for b in names
            if a != b
        ],
        "checks": [
            {
                "name": "the gateway refuses who has no key",
                "host": names[0],
                "outcome": "pass",
                "evidence": "HTTP 401",
            },
            {
                "name": "an instance that is lost is not asked",
                "host": names[0],
                "outcome": "skip",
                "evidence": "one instance per model",
            },
        ],
        "failures": [],
        "started_at": "2026-11-21T15:00:00Z",
        "finished_at": "2026-11-21T15:04:12Z",
        "version": "1.0.0",
    }


def broken():
    """Three hosts with devices: one instance is down, one breaks its contract, one host is cut off."""
    results = fleet(3, 2, ["NVIDIA H200"] * 8)
    down = "model-1-host-b"
    for endpoint in results["endpoints"]:
        if endpoint["name"] == down:
            endpoint.update(ready=False, stage="loading weights", latency_s=None, error="connection refused")
    for contract in results["contracts"]:
        if contract["service"] == down:
            for probe in contract["probes"]:
                probe.update(outcome="skip", evidence="the instance does not serve", latency_s=None)
    results["contracts"][0]["probes"][7].update(
        outcome="fail",
        evidence='HTTP 200, but no tool was called: {"finish_reason": "stop", "content": "Sure! I will…"}',
    )
    for pair in results["overlay"]:
        if "host-c" in (pair["from"], pair["to"]):
            pair.update(
                ok=False, mtu=None, mb_per_s=None, error="no packet arrived in 30 s; UDP port 4789 may be closed"
            )
    results["fleet"]["hosts"][2]["versions"] = {"docker": "24.0.7", "kernel": "6.1.0-30-amd64"}
    results["failures"] = [
        {
            "host": "host-b",
            "thing": down,
            "cause": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a capacity "
            "of 139.81 GiB of which 1.43 GiB is free.",
            "next_step": "Lower `gpu_memory_utilization` of services.model-1 or give it another device, then run "
            "`ansible-playbook site.yml --limit host-b`.",
        },
        {
            "host": "host-c",
            "thing": "overlay network",
            "cause": "No packet of host-a or host-b arrived in 30 s: UDP port 4789 may be closed.",
            "next_step": "Let UDP 4789, TCP and UDP 7946 and TCP 2377 pass between all hosts.",
        },
    ]
    return results


def large():
    """32 hosts with 8 instances each, one of them down."""
    results = fleet(32, 8, ["NVIDIA H200"] * 8)
    results["endpoints"][9].update(ready=False, stage="starting", error="connection refused", latency_s=None)
    return results


def hostile():
    """Every text is an attack."""

    def attacked(value):
        if isinstance(value, dict):
            return {key: attacked(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [attacked(entry) for entry in value]
        return value + HOSTILE if isinstance(value, str) and value not in ("pass", "fail", "skip") else value

    return attacked(copy.deepcopy(broken()))
