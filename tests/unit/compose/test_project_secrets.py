# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from .conftest import ENDED, HELD_BACK


def test_secrets_are_in_no_outcome(serving):
    renewed = "kD8-battery-staple"
    serving.secrets = {"web.env": f"API_KEY='{renewed}'\n", "tls.pem": f"{renewed}\n"}
    for outcome in (serving.present(check_mode=True), serving.present()):
        assert [action for action in outcome.actions if action.startswith("wrote")] == [
            "wrote tls.pem",
            "wrote web.env",
        ]
        for secret in (HELD_BACK, renewed):
            assert secret not in f"{outcome}"
        assert outcome.diff[1]["before"] != outcome.diff[1]["after"]

    serving.services["web"].pop("env_file")
    serving.secrets = {}
    assert renewed not in f"{serving.present(check_mode=True)}"
    assert renewed not in f"{serving.present()}"


@pytest.mark.parametrize("mode", ["0640", "0600"])
def test_what_a_secret_file_held_stays_secret_when_it_is_removed(serving, mode):
    place = serving.directory / "left.env"
    place.write_text(HELD_BACK)
    place.chmod(int(mode, 8))
    assert HELD_BACK not in f"{serving.present(check_mode=True)}"


def test_secrets_are_in_no_message(serving):
    serving.secrets["web.env"] = f"API_KEY='{HELD_BACK}\nand-more {HELD_BACK}'\n"
    said = serving.fails()
    assert 'unexpected character " " in variable name' in said
    assert HELD_BACK not in said
    assert "and-more" not in said

    serving.secrets["web.env"] = f"export API_KEY='{HELD_BACK}'\n"
    serving.update(**ENDED)
    serving.host.logs["server:2"] = f"ValueError: API_KEY must not be {HELD_BACK}"
    said = serving.fails()
    assert said.startswith("Failed to start web: ValueError: API_KEY must not be (secret).")
