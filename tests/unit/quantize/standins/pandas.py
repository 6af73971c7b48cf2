# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for as much of pandas as calibration needs: tables are JSON, so that its "pickles" are none."""

from __future__ import annotations

import json
from pathlib import Path


class DataFrame:
    def __init__(self, rows):
        self.rows = rows

    @property
    def columns(self):
        return list(self.rows[0]) if self.rows else []

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, wanted):
        if isinstance(wanted, str):
            return [row[wanted] for row in self.rows]
        return DataFrame([{name: row[name] for name in wanted} for row in self.rows])

    def __setitem__(self, name, values):
        for row, value in zip(self.rows, values):
            row[name] = value

    def iterrows(self):
        return enumerate(self.rows)

    def head(self, most):
        return DataFrame(self.rows[:most])

    def to_pickle(self, path):
        Path(path).write_text(json.dumps(self.rows))


def read_pickle(path):
    return DataFrame(json.loads(Path(path).read_text()))


read_parquet = read_pickle
