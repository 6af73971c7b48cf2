# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps vLLM from serving, as it says it: arguments, the model, memory. First come the more telling ones.

Worded as vLLM 0.32 does, and where older versions differ as they do.
"""

from __future__ import annotations

from . import derive
from .failure import Failure

SIZE = r"[\d.]+ (?:bytes|[KMGT]iB)"
ALLOCATION = (
    rf"Tried to allocate {SIZE}\. GPU (?P<gpu>\d+) has a total capaci?ty of (?P<total>{SIZE}) of which "
    rf"(?P<free>{SIZE}) is free\..*? this process has (?P<used>{SIZE}) memory in use"
)

ARGUMENTS = (
    Failure(
        "unknown_flag",
        r"^\S*(?:vllm|api_server\.py)(?: \w+)?: error: unrecognized arguments: (?P<arguments>.+)",
        "{hint}Correct the service's arguments; `vllm serve --help=all` in this very image lists those it knows.",
        derive=derive.flags,
    ),
    Failure(
        "bad_argument",
        r"^\S*(?:vllm|api_server\.py)(?: \w+)?: error: .+",
        "Correct the service's arguments; `vllm serve --help=all` in this very image lists those it knows.",
    ),
    Failure(
        "tool_parser",
        r"invalid tool call parser: (?P<name>\S+) \(chose from \{(?P<known>[^}]*)\}",
        "{guess}Set tool_call_parser to one that this image has: {known}.",
        cause="this image has no tool parser {name}",
        derive=derive.nearest_name,
    ),
    Failure(
        "reasoning_parser",
        r"(?:invalid reasoning parser: |reasoning parser ')(?P<name>[^' ]+)[^:]*(?:chose from \{|parsers: )"
        r"(?P<known>[^}\"]*)",
        "{guess}Set reasoning_parser to one that this image has: {known}.",
        cause="this image has no reasoning parser {name}",
        derive=derive.nearest_name,
    ),
    Failure(
        "chat_template_missing",
        r"supplied chat template (?:string )?\((?P<path>[^)]+)\) (?:appears path-like, but doesn't exist|looks like)",
        "Set chat_template to a file that is in the image, or to the template itself.",
        cause="there is no chat template {path} in the container",
    ),
    Failure(
        "tensor_parallel_heads",
        r"number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<size>\d+)\)",
        "Set tensor_parallel_size to one of {sizes}.",
        cause="the model's {heads} attention heads cannot be divided among {size} devices",
        derive=derive.dividing_sizes,
    ),
    Failure(
        "too_few_devices",
        r"World size \((?P<size>\d+)\) is larger than the number of available GPUs \((?P<gpus>\d+)\)",
        "Give the service {size} devices, or lower tensor_parallel_size.",
        cause="it wants {size} devices and is given {gpus}",
    ),
    Failure(
        "max_model_len_over_model",
        r"max_model_len \((?P<wanted>\d+)\) is greater than the derived max_model_len \([\w]+=(?P<most>\d+)",
        "Set max_model_len to {most} or less.",
        cause="the model was made for {most} tokens, max_model_len asks for {wanted}",
    ),
)

MODEL = (
    Failure(
        "model_gated",
        r"(?:Access to model (?P<model>\S+) is restricted|cannot access gated repo|is a gated repository)",
        "Ask for access on the model's page, set model_store_hub_token and run the roles model_store and model_cache.",
    ),
    Failure(
        "model_missing",
        r"LocalEntryNotFoundError",
        "The role model_cache puts it there: is this the revision that it was given?",
        cause="{model} is not in the host's cache, or not in this revision",
        context=r"non-default args: .*'model': '(?P<model>[^']+)'",
    ),
    Failure(
        "model_missing",
        r"(?:LocalEntryNotFoundError|OfflineModeIsEnabled|cannot find an appropriate cached snapshot|"
        r"can't load the configuration of|is not a local folder and is not a valid model|"
        r"RepositoryNotFoundError|RevisionNotFoundError|HFValidationError: Repo id must be in the form).*",
        "Is this revision of the model in the host's cache? The role model_cache puts it there.",
    ),
    Failure(
        "model_missing",
        r"Invalid repository ID or local directory specified: '(?P<path>[^']+)'",
        "Is the model there, and may the container's user read it? The role model_cache sees to both.",
        cause="{path} holds no configuration of a model that can be read",
    ),
    Failure(
        "weights_missing",
        r"Cannot find any model weights with `(?P<path>[^`]+)`",
        "Its files are incomplete: publish the model again with its *.safetensors, and run the role model_cache.",
    ),
    Failure(
        "weights_corrupt",
        r"SafetensorError: .+",
        "A *.safetensors file is cut short or damaged: run the role model_cache, which checks each against its sha256.",
    ),
    Failure(
        "weights_corrupt",
        r"^(?:OverflowError|MemoryError|UnicodeDecodeError|json\.decoder\.JSONDecodeError)\b.*",
        "A *.safetensors file is not one (a Git LFS pointer?): run the role model_cache, which checks each against its "
        "sha256.",
        cause="the header of the weights cannot be read: {said}",
        context="parse_safetensors_file_metadata",
    ),
)

MEMORY = (
    Failure(
        "kv_cache_too_small",
        r"max seq len \((?P<wanted>\d+)\), \(?(?P<needed>[\d.]+) GiB KV cache is needed, which is larger than the "
        r"available KV cache memory \((?P<there>[\d.]+) GiB\)\.(?=.*estimated maximum model length is (?P<fits>\d+))",
        "Lower max_model_len to {fits} or less, or give the KV cache {needed} GiB.",
    ),
    Failure(
        "kv_cache_too_small",
        r"max seq len .* larger than the maximum number of tokens|kv cache is needed.*larger than the available.*?\)",
        "Lower max_model_len, or give the KV cache more memory.",
    ),
    Failure(
        "gpu_memory_taken",
        r"Free memory on device (?P<device>\S+) \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than "
        r"desired GPU memory utilization \((?P<asked>[\d.]+), (?P<wanted>[\d.]+) GiB\)",
        "Lower gpu_memory_utilization to {fits}, or see what else uses the device: it holds {held} GiB of it.",
        derive=derive.fitting_utilization,
    ),
    Failure(
        "cpu_memory_taken",
        r"Available memory on node (?P<node>\S+) \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than "
        r"desired CPU memory utilization \((?P<asked>[\d.]+), (?P<wanted>[\d.]+) GiB\)",
        "Set kv_cache_gib, lower gpu_memory_utilization to {fits}, or see what else uses this host's memory.",
        derive=derive.fitting_utilization,
    ),
    Failure(
        "cpu_memory_for_kv_cache",
        r"Available memory on node \S+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on kv cache allocation is less than "
        r"requested memory for kv \((?P<asked>[\d.]+) GiB\)",
        "Lower kv_cache_gib below {free}, or see what else uses this host's memory.",
        cause="the KV cache is to take {asked} GiB of this host's memory, {free} of {total} GiB are free",
    ),
    Failure(
        "no_memory_for_kv_cache",
        r"Available memory on node \S+ \(.* GiB\) on kv cache allocation is less than requested memory for kv "
        r"\((?P<left>-?[\d.]+)/(?P<asked>[\d.]+) GiB\)",
        "Set kv_cache_gib, or raise gpu_memory_utilization: weights and cache must fit into it.",
        cause="of the {asked} GiB that gpu_memory_utilization allows, {left} GiB are left for the KV cache",
    ),
    Failure(
        "no_memory_for_kv_cache",
        r"no available memory for the cache blocks",
        "The weights take all that gpu_memory_utilization allows: raise it, or use more devices.",
    ),
    Failure(
        "gpu_memory_for_weights",
        r"Failed to load model - not enough GPU memory\.(?=.*" + ALLOCATION + ")",
        "{others}The weights do not fit into {total}: use more devices (tensor_parallel_size) or a quantized model.",
        cause="GPU {gpu} ({total}) is full before the model is loaded: it uses {used}, {free} are free",
        derive=derive.held_by_others,
    ),
    Failure(
        "gpu_memory_for_warmup",
        r"out of memory occurred when warming up \w+ with (?P<requests>\d+) dummy requests",
        "Lower max_num_seqs below {requests}, or gpu_memory_utilization.",
    ),
    Failure(
        "gpu_memory",
        r"(?:CUDA|HIP) out of memory\. " + ALLOCATION,
        "{others}Lower gpu_memory_utilization or max_model_len, or use more devices.",
        derive=derive.held_by_others,
    ),
    Failure(
        "gpu_memory",
        r"(?:(?:cuda|hip) out of memory|outofmemoryerror).*",
        "Lower gpu_memory_utilization or max_model_len, or use more devices.",
    ),
)

# vLLM lives on, and answers no chat.
TEMPLATE = (
    Failure(
        "chat_template_broken",
        r"(?:TemplateSyntaxError|TemplateAssertionError|TemplateError): .+",
        "Correct chat_template: it is not valid Jinja.",
    ),
)
