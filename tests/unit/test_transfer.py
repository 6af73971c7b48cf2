# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.partial_file import PartialFile
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.pieces import (
    Extent,
    Segment,
    cover,
    cut,
)


def test_pieces_lie_within_the_same_wherever_they_begin():
    assert [(piece.offset, piece.end) for piece in cut(0, 25, [], 10)] == [(0, 10), (10, 20), (20, 25)]
    assert [(piece.offset, piece.end) for piece in cut(7, 25, [], 10)] == [(7, 10), (10, 20), (20, 25)]
    assert [(piece.offset, piece.end) for piece in cut(10, 11, [], 10)] == [(10, 11)]
    assert [*cut(5, 5, [], 10)] == []


def test_a_piece_knows_the_blobs_in_it():
    extents = [Extent("b", 8, 4), Extent("a", 2, 4), Extent("empty", 6, 0)]
    first, second = cut(0, 12, extents, 10)
    assert first.segments == (Segment("a", 0, 4, 2), Segment("b", 0, 2, 8))
    assert second.segments == (Segment("b", 2, 2, 0),)


def test_only_small_gaps_are_read_over():
    extents = [Extent("far", 100, 5), Extent("near", 6, 5), Extent("first", 0, 5)]
    assert [(piece.offset, piece.end) for piece in cover(extents, 1000, 1)] == [(0, 11), (100, 105)]


def test_a_file_is_taken_up_as_far_as_its_journal_goes(tmp_path):
    begun = PartialFile(tmp_path / "blob", 30)
    begun.write(10, memoryview(b"0123456789"))
    begun.write(0, memoryview(b"abcdefghij"))
    begun.close()
    with (tmp_path / "blob.pieces").open("a") as journal:
        journal.write("20 1")  # a line that a kill cut off
    again = PartialFile(tmp_path / "blob", 30)
    assert again.received == 20
    assert again.has(5, 15)
    assert not again.has(15, 10)
    again.write(20, memoryview(b"ABCDEFGHIJ"))
    again.close()
    with (tmp_path / "blob.pieces").open("ab") as journal:
        journal.write(bytes(100))  # as a power failure may leave it
    last = PartialFile(tmp_path / "blob", 30)
    assert last.has(0, 30)
    last.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["blob"]
    assert (tmp_path / "blob").read_bytes() == b"abcdefghij0123456789ABCDEFGHIJ"


@pytest.mark.parametrize("size", [29, 31])
def test_a_file_of_another_size_begins_anew(tmp_path, size):
    begun = PartialFile(tmp_path / "blob", 30)
    begun.write(0, memoryview(b"abc"))
    begun.close()
    assert PartialFile(tmp_path / "blob", size).received == 0
