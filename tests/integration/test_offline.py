# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in a cache of ours is what other programs open without asking anybody."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from .repository import BRANCH, WANTED, tree

CONFIG = {"model_type": "llama", "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": 3}


@pytest.fixture
def repository(repository):
    """With a tokenizer, as models have one."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "hello": 1, "fleet": 2}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(repository / "tokenizer.json"))
    (repository / "config.json").write_text(json.dumps(CONFIG))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}
    (repository / "tokenizer_config.json").write_text(json.dumps(named))
    return repository


@pytest.fixture(params=["fetched", "downloaded"])
def cache(request, repository, publish, fetch, download, tmp_path):
    assert repository.is_dir()
    if request.param == "downloaded":
        assert download(BRANCH)[1] == []
    else:
        assert publish(BRANCH)[1] == []
        assert fetch(BRANCH)[2] == []
    return tmp_path / "cache"


def test_huggingface_hub_opens_it(cache):
    from huggingface_hub import scan_cache_dir, snapshot_download

    (commit,) = (path.name for path in cache.glob("models--org--tiny/snapshots/*"))
    for revision in (commit, "main"):
        folder = snapshot_download("org/tiny", revision=revision, cache_dir=cache, local_files_only=True)
        assert tree(folder).keys() >= WANTED.keys()
        assert tree(folder)["model-1.safetensors"] == WANTED["model-1.safetensors"]
    (found,) = scan_cache_dir(cache).repos
    assert (found.repo_id, [revision.commit_hash for revision in found.revisions]) == ("org/tiny", [commit])


def test_transformers_opens_it(cache):
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained("org/tiny", cache_dir=cache, local_files_only=True)
    assert (config.model_type, config.hidden_size) == ("llama", 16)
    tokenizer = AutoTokenizer.from_pretrained("org/tiny", cache_dir=cache, local_files_only=True)
    assert tokenizer("hello fleet")["input_ids"] == [1, 2]
