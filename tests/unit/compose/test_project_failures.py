# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

from .conftest import ENDED, RUNNING, STARTING, UNHEALTHY


def test_a_pulled_image_whose_cuda_the_driver_cannot_run_is_refused_before_anything_stops(serving):
    serving.host.driver = "570.172.08"
    serving.host.images.discard("server:2")
    serving.host.environments["server:2"] = ["CUDA_VERSION=13.0.2"]
    serving.update()
    serving.services["web"]["runtime"] = "nvidia"
    assert serving.fails() == (
        "Failed to run server:2 with driver 570.172.08: it has CUDA 13.0.2, which needs driver 580 or newer. Set "
        "nvidia_branch to 580 or newer, or choose an image with CUDA 12.x; on data-centre GPUs "
        "VLLM_ENABLE_CUDA_COMPATIBILITY=1 in the service's environment does, too. Nothing was stopped."
    )
    assert [command[0] for command in serving.host.changes] == ["pull"]
    assert serving.image == "server:1"


@pytest.mark.parametrize(
    ("driver", "value"), [("550.163.01", "1"), ("570.172.08", "0")], ids=["of another branch", "switched off"]
)
def test_compatibility_libraries_run_a_newer_cuda_only_where_they_can(serving, driver, value):
    serving.host.driver = driver
    serving.host.environments["server:1"] = ["CUDA_VERSION=13.0.2"]
    serving.services["web"].update(runtime="nvidia", environment={"VLLM_ENABLE_CUDA_COMPATIBILITY": value})
    assert f"Failed to run server:1 with driver {driver}: it has CUDA 13.0.2" in serving.fails()
    serving.host.driver = "570.172.08"
    serving.services["web"]["environment"]["VLLM_ENABLE_CUDA_COMPATIBILITY"] = "1"
    assert serving.present().changed


@pytest.mark.parametrize("driver", ["580.82.07", None])
def test_an_image_is_started_with_a_driver_that_runs_its_cuda_or_is_not_there_to_be_asked(project, driver):
    project.host.driver = driver
    project.host.environments["server:1"] = ["CUDA_VERSION=13.0.2"]
    project.services["web"]["runtime"] = "nvidia"
    assert project.present().changed


@pytest.mark.parametrize(
    ("fate", "log", "message"),
    [
        pytest.param(
            ENDED,
            "INFO 11-21 08:20:25 [api_server.py:1] vLLM\nvllm serve: error: unrecognized arguments: --mx-len",
            "Failed to start web: vllm serve: error: unrecognized arguments: --mx-len. Correct the service's arguments",
            id="died",
        ),
        pytest.param(
            {**ENDED, "OOMKilled": True, "ExitCode": 137},
            "loading",
            "Failed to start web: the kernel killed it for want of memory. Did the host run out of memory?",
            id="killed",
        ),
        pytest.param(
            UNHEALTHY,
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
            "Failed to start web: its health check fails; its log says: torch.OutOfMemoryError: CUDA out of memory. "
            "Tried to allocate 2 GiB. Lower gpu_memory_utilization",
            id="unhealthy",
        ),
        pytest.param(
            STARTING,
            "still loading",
            "Failed to start web: it was not healthy after 0 s. Its log: ",
            id="late",
        ),
        pytest.param(
            {"Status": "restarting"},
            "ValueError: no such model type",
            "Failed to start web: ValueError: no such model type. Its log: ",
            id="restarting",
        ),
    ],
)
def test_a_failed_update_is_undone_and_explained(serving, tmp_path, fate, log, message):
    before = serving.tree
    serving.update(**fate)
    serving.texts = {"new.cfg": "x"}
    serving.host.logs["server:2"] = log
    said = serving.fails()
    assert said.startswith(message)
    assert said.endswith(f"Its log: {tmp_path}/log/web.log. What served before serves again.")
    assert (tmp_path / "log/web.log").read_text() == log
    assert serving.tree == before
    assert (serving.image, serving.host.containers["web"]["State"]) == ("server:1", RUNNING)

    serving.host.fates.clear()
    assert serving.present().actions[-1] == "replaced web"  # it is tried again, not taken for done


def test_a_start_that_compose_refuses_is_undone(serving):
    before = serving.tree
    serving.update()
    up = serving.host._up

    def refuse_the_new(rest, directory):
        if "server:2" in (directory / "compose.yaml").read_text():
            raise ValueError("Error response from daemon: Bind for 0.0.0.0:80 failed: port is already allocated")
        up(rest, directory)

    serving.host._up = refuse_the_new
    said = serving.fails()
    assert said.startswith("Failed to start the compose project fleet: Bind for 0.0.0.0:80 failed: port is already")
    assert said.endswith("What served before serves again.")
    assert serving.tree == before


def test_the_id_of_the_cause_outlives_the_way_back(serving):
    serving.update(**STARTING)
    serving.host.logs["server:2"] = "OSError: [Errno 98] Address already in use"
    with pytest.raises(FleetError) as raised:
        serving.present()
    assert raised.value.cause_id == "port"


def test_when_nothing_can_be_brought_back_both_causes_are_told(serving):
    serving.update(**ENDED)
    serving.host.logs = {"server:2": "ValueError: new one is bad", "server:1": "ValueError: old one is bad"}
    serving.host.fates["server:1"] = ENDED
    said = serving.fails()
    assert said.startswith("Failed to start web: ValueError: new one is bad. ")
    assert said.endswith("What served before could not be brought back either: ValueError: old one is bad.")


def test_a_first_start_that_fails_leaves_its_container_stopped(project):
    project.host.fates["server:1"] = {"Status": "restarting"}
    project.host.logs["server:1"] = "ValueError: no such model type"
    said = project.fails()
    assert said.startswith("Failed to start web: ValueError: no such model type.")
    assert said.endswith("Nothing served before.")
    assert project.host.changes[-1] == ("stop", "web")
    assert project.host.containers["web"]["State"]["Status"] == "exited"


def test_containers_that_vanish_while_they_start_are_an_error(project):
    project.host._up = lambda _rest, _directory: None
    assert "Failed to start the compose project fleet: it had no container after 0 s." in project.fails()


@pytest.mark.parametrize(
    ("verb", "complaint", "message"),
    [
        pytest.param(
            "pull",
            "Error response from daemon: manifest for server:3 not found",
            "Failed to pull server:3 for web: manifest for server:3 not found. Nothing was stopped.",
            id="image",
        ),
        pytest.param(
            "config",
            "services.web additional properties 'imge' not allowed",
            "Failed to read the compose project fleet: services.web additional properties 'imge' not allowed.",
            id="compose file",
        ),
        pytest.param(
            "run",
            "[ALERT] (1) : config : parsing [proxy.cfg:1] : unknown keyword 'lisen'",
            "Failed to accept the new configuration of web: [ALERT]",
            id="trial",
        ),
    ],
)
def test_mistakes_found_beforehand_touch_nothing(serving, verb, complaint, message):
    before, container = serving.tree, serving.host.containers["web"]
    serving.options = {"trials": {"web": ["proxy", "-c"]}}
    serving.services["web"]["image"] = "server:3"
    serving.host.refused[verb] = complaint
    assert serving.fails().startswith(message)
    assert serving.tree == before
    assert serving.host.containers["web"] is container
    assert "up" not in {command[0] for command in serving.host.commands}
