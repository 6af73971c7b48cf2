# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host keeps a container from serving: driver, shared memory, network, files. First the more telling ones."""

from __future__ import annotations

from . import derive
from .failure import Failure

DEVICE = (
    Failure(
        "driver_too_old",
        r"nvidia-container-cli: requirement error: unsatisfied condition: cuda>=(?P<cuda>[\d.]+)",
        "Install a newer driver on this host, or use an image that is built for an older CUDA.",
        cause="the image needs a driver that supports CUDA {cuda}, which this host's does not",
    ),
    Failure(
        "driver_too_old",
        r"NVIDIA driver on your system is too old \(found version (?P<number>\d+)\)",
        "Install a newer driver on this host, or use an image that is built for CUDA {version} or older.",
        cause="the image needs a newer driver than this host's, which supports CUDA {version} at most",
        derive=derive.cuda_version,
    ),
    Failure(
        "driver_too_old",
        r"(?:CUDA driver version is insufficient for CUDA runtime version|"
        r"provided PTX was compiled with an unsupported toolchain|"
        r"forward compatibility was attempted on non supported HW).*",
        "Install a newer driver on this host, or use an image that is built for an older CUDA.",
    ),
    Failure(
        "driver_missing",
        r"(?:nvidia-container-cli|could not select device driver|failed to discover gpu|found no nvidia driver|"
        r"(?:initialize|initialization of) nvml|nvmlerror|nvml shared library not found).*",
        "Check the driver and the container toolkit on this host.",
    ),
    Failure(
        "device_not_found",
        r"Failed to infer device type|no cuda gpus are available|unresolvable CDI devices .*",
        "The container sees no device: check the service's accelerator and devices, then the driver on this host.",
    ),
    Failure(
        "runtime_missing",
        r"(?:unknown or invalid runtime name|unknown runtime specified).*",
        "Install the accelerator's container runtime on this host.",
    ),
)

SHARED_MEMORY = (
    Failure(
        "shared_memory",
        r"Insufficient space in /dev/shm for [^:]*: (?P<needed>\d+) MiB required, (?P<free>\d+) MiB free",
        "Raise shm_size: {needed} MiB are needed here, {free} MiB are free.",
    ),
    Failure(
        "shared_memory",
        r"insufficient space in /dev/shm.*|no space left on device.*shm.*|unable to write to file </torch.*|"
        r"unable to allocate shared memory\(shm\).*",
        "Raise shm_size.",
    ),
)

SYSTEM = (
    Failure(
        "disk_full",
        r"no space left on device",
        "Free some of that disk. The role model_cache puts a model on the host before it is served.",
        cause="{place} is full: the model needs {needed}, {free} are free",
        context=r"expected file size is: (?P<needed>[\d.]+ MB)\. The target location (?P<place>\S+) only has "
        r"(?P<free>[\d.]+ MB) free",
    ),
    Failure(
        "disk_full",
        r"no space left on device.*|disk quota exceeded.*",
        "Free some of the disk that it writes to: `df -h` on this host, and in the container, says which is full.",
    ),
    Failure(
        "open_files",
        r"too many open files.*",
        "Raise the limit of open files ({limit}): `ulimits: nofile` in compose, LimitNOFILE of the engine's unit.",
        context=r"Found ulimit of (?P<limit>\d+)",
    ),
    Failure(
        "open_files",
        r"too many open files.*",
        "Raise the limit of open files: `ulimits: nofile` in compose, LimitNOFILE of the engine's unit.",
    ),
    Failure(
        "threads",
        r"can't start new thread|pthread_create failed.*",
        "Raise the limit of processes: `pids_limit` in compose, TasksMax of the engine's unit.",
    ),
    Failure("permission", r"permission denied.*", "May the container's user read what is mounted?"),
)

NETWORK = (
    Failure(
        "port",
        r"(?:address already in use|port is already allocated).*",
        "Find what holds the port, or choose another.",
    ),
    Failure(
        "address",
        r"cannot assign requested address.*",
        "Bind to an address of this container, or to none: --host is not needed.",
    ),
    Failure(
        "network_interface",
        r"unable to find address for: (?P<name>\S+)|unable to resolve hostname to a \(local\) address.*|"
        r"bootstrap ?: no socket interface found.*|no interface found in the same subnet.*|"
        r"could not find any of the interfaces.*",
        "Set GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME in the service's environment to an interface that the container "
        "has: `ip -brief address` in it lists them.",
    ),
    Failure(
        "peer_timeout",
        r"Watchdog caught collective operation timeout: WorkNCCL\(.*OpType=(?P<operation>\w+).*"
        r"ran for (?P<waited>\d+) milliseconds",
        "Look at the logs of the other ranks: one died, hangs or cannot be reached. NCCL_DEBUG=INFO tells more.",
        cause="{operation} among the devices did not end within {waited} ms",
    ),
    Failure(
        "peer_timeout",
        r"timed out after (?P<waited>\d+)ms while trying to connect to \((?P<host>[^,]+), (?P<port>\d+)\)",
        "Does rank 0 run there, and may this host reach that port? Its log tells.",
        cause="{host}:{port}, where rank 0 was to listen, did not answer within {waited} ms",
    ),
    Failure(
        "peer_timeout",
        r"Timed out after (?P<waited>\d+) seconds waiting for clients\. (?P<came>\d+)/(?P<all>\d+) clients joined",
        "Look at the logs of the other ranks: do they run, and do they reach this one's port?",
        cause="only {came} of {all} ranks had come after {waited} s",
    ),
    Failure(
        "peer_timeout",
        r"(?:DistStoreError|DistNetworkError|timed out (?:after|waiting for) .*(?:clients|connect\b)|"
        r"connectFullMesh failed|wait timeout after \d+ ?ms|Gloo connectFullMesh).*",
        "Look at the log of the other ranks: one died, or cannot be reached at the master's address and port.",
    ),
    Failure(
        "start_timeout",
        r"Timed out waiting for engine core processes to start.*Waited (?P<waited>\d+)s",
        "Raise VLLM_ENGINE_READY_TIMEOUT_S in the service's environment, and its start_timeout.",
        cause="its engine was not ready after {waited} s",
    ),
    Failure(
        "batch_timeout",
        r"TimeoutError: RPC call to (?:execute_model|sample_tokens) timed out",
        "Lower max_num_batched_tokens or raise VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS. On a CPU FP8 is "
        "slow: quantize with int8_w8a8 for it.",
        cause="vLLM gave up on a batch that it had computed on for VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS (300 unless set)",
    ),
    Failure(
        "nccl",
        r"NCCL error.*",
        "Set NCCL_DEBUG=INFO in the service's environment: NCCL then says what it lacks.",
    ),
)

# What a process says of another one that had no words of its own; after-effects of all else.
SILENT = (
    Failure(
        "killed",
        r"Failed core proc\(s\): \{.*'(?P<name>[^']+)': -9\b",
        "Did the host run out of memory? `dmesg` on it says so.",
        cause="its process {name} was killed",
    ),
    Failure(
        "ended_silently",
        r"WorkerProc initialization failed|Engine core initialization failed",
        "Did the host run out of memory? `dmesg` on it says so, and whether the process crashed.",
        cause="one of its processes ended and did not say why",
    ),
)
