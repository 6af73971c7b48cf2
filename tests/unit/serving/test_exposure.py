# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.serving.exposure import look_from_here


def look(port, path):
    (found,) = look_from_here([{"name": "it", "url": f"http://127.0.0.1:{port}{path}"}], 2)
    return found["closed"], found["evidence"]


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        ("/metrics", None, (True, 'HTTP 404, \'{"error": "Not Found"}\'')),
        ("/v1/models", None, (True, 'HTTP 401, \'{"error": "Unauthorized: "}\'')),
        ("/metrics", "vllm:x 1", (False, "HTTP 200, 'vllm:x 1'")),
        ("/metrics", (500, ""), (False, "HTTP 500")),
    ],
)
def test_what_answers_is_open_unless_it_refuses(serve, port, path, answer, expected):
    serve(answers={path: answer})
    assert look(port, path) == expected


def test_where_nothing_listens_it_is_closed(port):
    assert look(port, "/health") == (True, "Connection refused")
