# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateway costs: the same requests to a backend, to the gateway before it, and to LiteLLM before it.

There are two backends. One does nothing but answer, so that what stands before it is all that is seen; the other is
vLLM's API server without an engine, so that it is seen what becomes of vLLM's own rate.

All three are containers on a network of their own, asked at their addresses there by one process that sends the next
request of a connection when it has the answer to the one before. They are measured in turns; medians count. The gateway
is HAProxy with what the role `gateway` renders, access log included; the backend asks for a key, as the fleet's do.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import select
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rig.cache import using_engine
from rig.engine import ensure_engine
from rig.images import ensure_image
from rig.shell import attempt, docker, run
from tests.bench.results import Row, write

REPOSITORY = Path(__file__).parents[2]
ROLE = REPOSITORY / "roles" / "gateway"
STANDINS = REPOSITORY / "tests" / "standin"
NAME = "bench-gateway"  # of the network, and what names of containers start with
PARTS = ("backend", "vllm", "haproxy", "balancer", "litellm")
BACKENDS = {"tiny": "backend", "vllm": "vllm"}  # by model

ROUNDS = 3
CONNECTIONS = 32
LATENCY_SECONDS, RATE_SECONDS, WARM_UP_SECONDS = 4.0, 5.0, 2.0
READY_WITHIN = 180.0
ENOUGH = 8000  # requests/s to the backend: with fewer, it is this client that is measured

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

# The role's own files, written to a folder instead of to a host.
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [{role}/defaults/main.yml, {role}/vars/main.yml]
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ item.content }}}}"
        dest: "{{{{ folder }}}}/{{{{ item.path }}}}"
        mode: "0644"
      loop: "{{{{ _gateway_files + _gateway_secret_files }}}}"
      no_log: true
"""

LITELLM = """
model_list:
  - model_name: {model}
    litellm_params: {{model: hosted_vllm/{model}, api_base: "http://backend:8000/v1", api_key: {key}, timeout: 3600}}
router_settings: {{routing_strategy: simple-shuffle, num_retries: 3, disable_cooldowns: true}}
litellm_settings: {{request_timeout: 3600, telemetry: false}}
general_settings: {{master_key: os.environ/LITELLM_MASTER_KEY}}
"""


@dataclass(frozen=True)
class Keys:
    """What each of the three wants to be told."""

    backend: str
    haproxy: str
    litellm: str


@dataclass(frozen=True)
class Target:
    """Whom to ask, and how."""

    name: str
    address: tuple[str, int]
    request: bytes

    def connect(self) -> socket.socket:
        """A connection to it."""
        connection = socket.create_connection(self.address, timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def is_whole(answer: bytes) -> bool:
    """Whether ``answer`` is there to its last byte; ends the benchmark where it is another one than 200."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = CONTENT_LENGTH.search(answer, 0, end + 2)
    if length is None or not answer.startswith(b"HTTP/1.1 200 "):
        raise ValueError(f"not the answer that was expected: {answer[:500]!r}")
    missing = int(length[1]) - (len(answer) - end - 4)
    if missing < 0:
        raise ValueError(f"more than one answer to one request: {answer[:500]!r}")
    return missing == 0


def ask(connection: socket.socket, request: bytes) -> None:
    """One request, and its answer."""
    connection.sendall(request)
    answer = b""
    while not is_whole(answer):
        received = connection.recv(65536)
        if not received:
            raise ConnectionError("closed before the answer was whole")
        answer += received


def latency(target: Target, seconds: float) -> float:
    """Median milliseconds of a request at one connection."""
    times = []
    with target.connect() as connection:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            began = time.perf_counter()
            ask(connection, target.request)
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def rate(target: Target, seconds: float) -> float:
    """Requests per second at CONNECTIONS connections, each with one request under way."""
    connections = [target.connect() for _number in range(CONNECTIONS)]
    by_number = {connection.fileno(): connection for connection in connections}
    answers = dict.fromkeys(by_number, b"")
    count = 0
    with select.epoll() as poll:
        for number, connection in by_number.items():
            poll.register(number, select.EPOLLIN)
            connection.sendall(target.request)
        began = now = time.perf_counter()
        while now - began < seconds:
            ready = poll.poll(30)
            if not ready:
                raise TimeoutError(f"{target.name} fell silent")
            for number, _events in ready:
                received = by_number[number].recv(65536)
                if not received:
                    raise ConnectionError(f"{target.name} closed a connection before its answer was whole")
                answers[number] += received
                if is_whole(answers[number]):
                    answers[number] = b""
                    count += 1
                    by_number[number].sendall(target.request)
            now = time.perf_counter()
    for connection in connections:
        connection.close()
    return count / (now - began)


def render(folder: Path, keys: Keys) -> None:
    """The files of the gateway's proxies, as the role writes them, in ``folder``."""
    for name in ("haproxy", "balancer"):
        (folder / name).mkdir()
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "playbook.yml").write_text(PLAYBOOK.format(role=ROLE), encoding="utf-8")
    routes = [
        {"model": model, "backends": [{"name": part, "address": f"{part}:8000"}], "api_key": keys.backend}
        for model, part in BACKENDS.items()
    ]
    given = {
        "folder": str(folder),
        "gateway_routes": routes,
        "gateway_keys": {"bench": {"key": keys.haproxy}},
        "gateway_credentials_dir": str(folder / "credentials"),
        "gateway_image": ensure_image("haproxy"),
    }
    (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    environment = {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_LOCALHOST_WARNING": "0"}
    run([playbook, "-i", "localhost,", "-e", f"@{folder}/given.json", f"{folder}/playbook.yml"], env=environment)


def start(part: str, image: str, *options: str, command: tuple[str, ...], aliases: tuple[str, ...] = ()) -> str:
    """The address of a new container."""
    log = ("--log-opt=mode=non-blocking", "--log-opt=max-size=50m", "--log-opt=max-file=3")
    named = [f"--network-alias={alias}" for alias in aliases]
    container = f"{NAME}-{part}"
    docker("run", "--detach", f"--name={container}", f"--network={NAME}", *log, *named, *options, image, *command)
    return docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)


def start_proxy(name: str, folder: Path) -> str:
    """The address of one of the gateway's proxies, run as the role's compose file has it."""
    conf = "/usr/local/etc/haproxy"
    options = ("--user=99:99", "--read-only", "--tmpfs=/tmp:mode=1777", "--ulimit=nofile=13288:13288", "--cap-drop=ALL")
    memory = ("--env=MALLOC_MMAP_THRESHOLD_=33554432", "--env=MALLOC_TRIM_THRESHOLD_=268435456")
    files = f"--volume={folder / name}:{conf}:ro"
    command = ("haproxy", "-W", "-db", "-f", f"{conf}/haproxy.cfg")
    aliases = (f"{name}.internal",)
    return start(name, ensure_image("haproxy"), *options, *memory, files, command=command, aliases=aliases)


def target(name: str, model: str, address: str, port: int, key: str) -> Target:
    """The same request for each, but for the key; it answers once this returns."""
    message = {"role": "user", "content": "What is the capital of France?"}
    body = json.dumps({"model": model, "messages": [message], "max_tokens": 16}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address}:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    made = Target(name, (address, port), head.encode() + body)
    deadline = time.monotonic() + READY_WITHIN
    while not answers(made):
        if time.monotonic() > deadline:
            sys.exit(f"{name} does not answer:\n{docker('logs', '--tail=20', f'{NAME}-{name}')}")
        time.sleep(0.5)
    return made


def answers(asked: Target) -> bool:
    """Whether it answers as it should."""
    try:
        with asked.connect() as connection:
            ask(connection, asked.request)
    except (OSError, ValueError):
        return False
    return True


def remove() -> None:
    """Nothing of the benchmark is left, of one that was killed neither."""
    for part in PARTS:
        attempt(["docker", "rm", "--force", "--volumes", f"{NAME}-{part}"])
    attempt(["docker", "network", "rm", NAME])


@contextmanager
def targets() -> Iterator[dict[str, Target]]:
    """The backend, the gateway and LiteLLM, which answer."""
    keys = Keys(*(f"sk-{secrets.token_hex(16)}" for _part in range(3)))
    remove()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            folder.chmod(0o755)  # containers read it as other users
            render(folder, keys)
            (folder / "litellm.yaml").write_text(LITELLM.format(model="tiny", key=keys.backend), encoding="utf-8")
            docker("network", "create", NAME)

            options = (f"--volume={STANDINS}:/standins:ro", f"--env=VLLM_API_KEY={keys.backend}", "--init")
            server = ("python3", "/standins/openai_server.py", "--port=8000", "--model=tiny")
            backend = start("backend", ensure_image("standins"), *options, command=server, aliases=("backend",))
            server = ("--app-dir=/standins", "--host=0.0.0.0", "--port=8000", "--log-level=warning", "vllm_api:app")
            options += ("--entrypoint=uvicorn",)
            vllm = start("vllm", ensure_image("vllm"), *options, command=server, aliases=("vllm",))

            start_proxy("balancer", folder)
            haproxy = start_proxy("haproxy", folder)

            options = (
                f"--volume={folder / 'litellm.yaml'}:/etc/litellm/config.yaml:ro",
                f"--env=LITELLM_MASTER_KEY={keys.litellm}",
                f"--env=LITELLM_SALT_KEY=sk-{secrets.token_hex(16)}",
                "--env=LITELLM_MODE=PRODUCTION",
                "--env=LITELLM_LOCAL_MODEL_COST_MAP=True",
            )
            server = ("--config", "/etc/litellm/config.yaml", "--port", "4000")
            litellm = start("litellm", ensure_image("litellm"), *options, command=server)

            yield {
                "backend": target("backend", "tiny", backend, 8000, keys.backend),
                "gateway": target("haproxy", "tiny", haproxy, 4000, keys.haproxy),
                "LiteLLM": target("litellm", "tiny", litellm, 4000, keys.litellm),
                "vLLM": target("vllm", "vllm", vllm, 8000, keys.backend),
                "gateway to vLLM": target("haproxy", "vllm", haproxy, 4000, keys.haproxy),
            }
    finally:
        remove()


def measure() -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds at one connection and requests per second at many, of each target, a value a round."""
    with targets() as asked:
        milliseconds: dict[str, list[float]] = {name: [] for name in asked}
        rates: dict[str, list[float]] = {name: [] for name in asked}
        for one in asked.values():
            rate(one, WARM_UP_SECONDS)
        for number in range(ROUNDS):
            for name, one in asked.items():
                milliseconds[name].append(latency(one, LATENCY_SECONDS))
            for name, one in asked.items():
                rates[name].append(rate(one, RATE_SECONDS))
            said = [f"{name} {milliseconds[name][-1]:.3f} ms {rates[name][-1]:.0f}/s" for name in asked]
            print(f"round {number + 1} (load {os.getloadavg()[0]:.1f}): {', '.join(said)}", flush=True)
    return milliseconds, rates


def main() -> None:
    """Measure and write."""
    signal.signal(signal.SIGTERM, lambda *_given: sys.exit("ended"))
    with using_engine():
        ensure_engine()
        milliseconds, rates = measure()

    def added(name: str) -> float:
        pairs = zip(milliseconds[name], milliseconds["backend"])
        return round(statistics.median(through - alone for through, alone in pairs), 3)

    rps = {name: round(statistics.median(values)) for name, values in rates.items()}
    if rps["backend"] < ENOUGH:
        print(f"The backend alone made {rps['backend']} requests/s, fewer than {ENOUGH}: this machine was busy.")
    at = f"at {CONNECTIONS} connections"
    write(
        "gateway",
        [
            Row(
                "p50 latency added by the gateway at one connection, beside LiteLLM",
                added("gateway"),
                added("LiteLLM"),
                "ms",
                "adds at most 0.3 ms",
            ),
            Row(
                f"requests through the gateway {at}, beside vLLM's API server alone",
                rps["gateway to vLLM"],
                rps["vLLM"],
                "requests/s",
                "at least 0.6",
            ),
            Row(
                f"requests through the gateway {at}, beside a backend that does nothing but answer",
                rps["gateway"],
                rps["backend"],
                "requests/s",
                "at least 0.6",
            ),
            Row(
                f"requests through the gateway {at}, beside LiteLLM",
                rps["gateway"],
                rps["LiteLLM"],
                "requests/s",
                "more than LiteLLM",
            ),
        ],
    )


if __name__ == "__main__":
    main()
