# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.causes import flags
from ansible_collections.inference.fleet.plugins.module_utils.causes.failure import LONGEST
from ansible_collections.inference.fleet.plugins.module_utils.causes.log import telling_lines
from ansible_collections.inference.fleet.plugins.module_utils.causes.why import explained, why_it_died, why_refused
from ansible_collections.inference.fleet.plugins.module_utils.compose.state import Container
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome


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


def test_a_limit_of_memory_is_told():
    why = why_it_died(dead(oom_killed=True, exit_code=137, memory_limit=2 * 2**30), "")
    assert (why.id, why.cause) == ("oom_killed", "the kernel killed it for want of memory: it may use 2.0 GiB")
    assert "Raise that limit" in why.next_step


def test_without_a_telling_line_its_end_is_described():
    why = why_it_died(dead(exit_code=3), "INFO 11-21 08:20:25 [a.py:1] one\nbye\n\n")
    assert (why.cause, why.found) == ("it ended with exit code 3; its last words: bye", False)
    assert why_it_died(dead(exit_code=3), "").cause == "it ended with exit code 3 and without a word"


def test_last_words_are_several_lines_that_mean_something():
    log = """\
(APIServer pid=1) INFO 11-21 15:40:02 [entry.py:136] Supported tasks: ['generate']
/opt/vllm/lib/python3.11/site-packages/vllm/a.py:138: FutureWarning: `b` is deprecated, please use `c` instead
  if hasattr(value, "__dict__"):
libgomp: Thread creation failed
(Worker pid=36) custom allocator: arena 3 is gone
Loading safetensors checkpoint shards: 100% Completed | 1/1 [00:02<00:00,  2.82s/it]
(EngineCore pid=25) ERROR 11-21 15:40:36 [core.py:1510] EngineCore failed to start.
(EngineCore pid=25) ERROR 11-21 15:40:36 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=25) ERROR 11-21 15:40:36 [core.py:1510]   File "/opt/core.py", line 849, in run
(EngineCore pid=25) ERROR 11-21 15:40:36 [core.py:1510]     outputs = run()
(EngineCore pid=25) ERROR 11-21 15:40:36 [core.py:1510]               ^^^^^
terminate called without an active exception
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""
    why = why_it_died(dead(exit_code=139), log)
    assert why.cause == (
        "one of its processes ended and did not say why; its last words: libgomp: Thread creation failed; "
        "custom allocator: arena 3 is gone; terminate called without an active exception"
    )


def test_an_exception_that_is_not_known_is_quoted_with_the_lines_that_it_goes_on_for():
    log = """\
Traceback (most recent call last):
  File "/opt/vllm/a.py", line 121, in __init__
    check(self)
pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
  Value error, a new kind of mistake. [type=value_error]
    For further information visit https://errors.pydantic.dev/2.14/v/value_error
"""
    why = why_it_died(dead(exit_code=1), log)
    assert (why.id, why.found) == ("exception", True)
    assert why.cause.endswith(
        "1 validation error for ModelConfig Value error, a new kind of mistake. [type=value_error]"
    )


def test_frames_of_processes_that_write_at_once_are_told_apart():
    log = """\
(Worker pid=1) ERROR 11-21 15:40:36 [a.py:1] Traceback (most recent call last):
(Worker pid=2) ERROR 11-21 15:40:36 [a.py:1] ValueError: of two
(Worker pid=1) ERROR 11-21 15:40:36 [a.py:1]     raise KeyError("source: not a message")
(Worker pid=1) ERROR 11-21 15:40:36 [a.py:1] ValueError: of one
"""
    assert [line.text for line in telling_lines(log)] == ["ValueError: of two", "ValueError: of one"]


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


def test_what_the_engine_refuses_to_start_comes_with_a_next_step():
    refused = "driver failed programming external connectivity: Bind for 0.0.0.0:4000 failed: port is already allocated"
    told = explained(FleetError("Failed to start the compose project web", refused))
    assert (told.cause, told.cause_id) == (refused, "port")
    assert "Find what holds the port" in told.next_step
    other = FleetError("Failed to start the compose project web", "no such thing")
    assert explained(other) is other


@pytest.mark.parametrize(
    ("unknown", "sentence"),
    [
        pytest.param(["--max-modl-len"], "Did you mean --max-model-len? ", id="one"),
        pytest.param(["--max-modl-len", "--dtyp"], "Did you mean --max-model-len or --dtype? ", id="two"),
        pytest.param(["--frobnicate"], "", id="none alike"),
    ],
)
def test_the_nearest_flags_of_the_image_are_offered(unknown, sentence, monkeypatch):
    help_text = "usage: vllm serve [options]\n  --dtype {auto,half}\n  --max-model-len MAX, --[no-]enforce-eager\n"
    asked = []

    def look(*command, **_deadline):
        asked.append(command)
        return Outcome(0, help_text, "")

    monkeypatch.setattr(flags, "look", look)
    log = f"vllm: error: unrecognized arguments: {' 5 '.join(unknown)} 5"
    why = flags.with_nearest_flags(why_it_died(dead(exit_code=2), log), "vllm@sha256:1")
    assert why.next_step.startswith(f"{sentence}Correct the service's arguments")
    assert asked[0][-2:] == ("vllm@sha256:1", "--help=all")
    asked.clear()
    other = why_it_died(dead(exit_code=1), "ValueError: x")
    assert flags.with_nearest_flags(other, "vllm@sha256:1") is other
    assert not asked
