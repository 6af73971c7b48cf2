# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.causes.failure import LONGEST
from ansible_collections.inference.fleet.plugins.module_utils.causes.why import why_it_died, why_refused
from ansible_collections.inference.fleet.plugins.module_utils.compose.state import Container


def dead(**state):
    return Container(id="1", name="web", service="web", image="i", state="exited", health=None, **state)


@pytest.mark.parametrize(
    ("log", "cause", "step"),
    [
        pytest.param(
            "usage: vllm serve [model_tag] [options]\nvllm serve: error: unrecognized arguments: --mx-len 4",
            "vllm serve: error: unrecognized arguments: --mx-len 4",
            "vllm serve --help=all",
            id="arguments",
        ),
        pytest.param(
            "(EngineCore_DP0 pid=71) ERROR 11-21 08:20:25 [core.py:708] torch.OutOfMemoryError: CUDA out of memory.\n"
            "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core: {}",
            "torch.OutOfMemoryError: CUDA out of memory.",
            "gpu_memory_utilization",
            id="the engine's own exception, not its echo",
        ),
        pytest.param(
            "(EngineCore_DP0 pid=71) ValueError: Free memory on device cuda:0 (3.1/139.8 GiB) on startup is less than "
            "desired GPU memory utilization (0.9, 125.8 GiB).",
            "ValueError: Free memory on device cuda:0",
            "see what else uses the device",
            id="a device in use",
        ),
        pytest.param(
            "ValueError: To serve at least one request with the models's max seq len (131072), 16.0 GiB KV cache is "
            "needed, which is larger than the available KV cache memory (9.1 GiB).",
            "ValueError: To serve at least one request",
            "Lower max_model_len",
            id="context too long",
        ),
        pytest.param(
            "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder",
            "huggingface_hub.errors.LocalEntryNotFoundError",
            "The role model_cache puts it there.",
            id="model not in the cache",
        ),
        pytest.param(
            "RuntimeError: Failed to initialize NVML: Driver/library version mismatch",
            "RuntimeError: Failed to initialize NVML",
            "Check the driver",
            id="driver",
        ),
        pytest.param(
            "FutureWarning: The pynvml package is deprecated. Please install nvidia-ml-py instead.\n"
            "  import pynvml  # type: ignore[import]\n"
            "ValueError: Model architectures ['Nope'] are not supported for now.",
            "ValueError: Model architectures ['Nope'] are not supported for now.",
            "",
            id="an exception, not a library's notice",
        ),
        pytest.param(
            "OSError: [Errno 98] error while attempting to bind: address already in use",
            "OSError: [Errno 98]",
            "Find what holds the port",
            id="port",
        ),
        pytest.param(
            "[NOTICE]   (1) : haproxy version is 3.2\n"
            "[ALERT]    (1) : config : parsing [haproxy.cfg:3] : unknown keyword 'lisen'\n"
            "[ALERT]    (1) : config : Fatal errors found in configuration.",
            "[ALERT]    (1) : config : parsing [haproxy.cfg:3]",
            "Correct the configuration named there.",
            id="the first alert",
        ),
    ],
)
def test_logs_name_the_cause(log, cause, step):
    why = why_it_died(dead(exit_code=1), log)
    assert why.cause.startswith(cause)
    assert step in why.next_step
    assert why.found
    assert bool(step) == bool(why.next_step)


@pytest.mark.parametrize(
    ("state", "log", "cause"),
    [
        pytest.param({"oom_killed": True, "exit_code": 137}, "ok", "the kernel killed it for want of memory", id="oom"),
        pytest.param({"exit_code": 137}, "INFO loading", "it was killed", id="killed"),
        pytest.param({"exit_code": 137}, "ValueError: x", "ValueError: x", id="killed after it said why"),
        pytest.param(
            {"error": 'unknown or invalid runtime name: "nvidia"'},
            "ValueError: of an earlier life",
            'unknown or invalid runtime name: "nvidia"',
            id="the engine could not start it",
        ),
    ],
)
def test_the_state_tells_what_the_log_cannot(state, log, cause):
    assert why_it_died(dead(**state), log).cause == cause


def test_without_a_telling_line_its_end_is_described():
    why = why_it_died(dead(exit_code=3), "INFO 11-21 08:20:25 [a.py:1] one\nbye\n\n")
    assert (why.cause, why.found) == ("it ended with exit code 3; its last words: bye", False)
    assert why_it_died(dead(exit_code=3), "").cause == "it ended with exit code 3 and without a word"


def test_endless_lines_are_cut():
    assert len(why_it_died(dead(exit_code=1), "ValueError: " + "x" * 9000).cause) == LONGEST


def test_the_first_alert_says_why_a_configuration_is_refused():
    printed = (
        "[NOTICE]   (1) : haproxy version is 3.0.11\n"
        "[ALERT]    (1) : config : parsing [haproxy.cfg:81] : invalid args in converter 'map_int'.\n"
        "[ALERT]    (1) : config : Error(s) found in configuration file : haproxy.cfg\n"
    )
    assert "haproxy.cfg:81" in why_refused(printed)
    assert why_refused("Error response from daemon: no such image") == "no such image"
