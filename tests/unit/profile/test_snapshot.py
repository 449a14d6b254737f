"""Snapshots: what is read back is what was saved, and no file can do harm or end in a traceback."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from model_builder import Builder

from livetop.profile import snapshot
from livetop.profile.model import Profile
from livetop.profile.rows import Query
from livetop.profile.snapshot import SnapshotError, load, save
from livetop.profile.states import State

TABLES = [
    Query(by, None, mode)  # type: ignore[arg-type]
    for by in ("line", "function", "library", "thread")
    for mode in ("cpu", "wall", "gil")
]


def recorded(seconds: int = 20) -> Builder:
    made = Builder()
    main, helper = made.thread("main"), made.thread("helper")
    for step in range(seconds * 4):
        made.add(
            made.cell("main:1 parse:10 scan:20", 0.1 + step % 5 / 100, thread="main"),
            made.cell("main:1 parse:10 scan:20", 0.03, State.NATIVE, "main", "/usr/lib/libz.so"),
            made.cell("main:1 parse:10 scan:20", 0.01, State.PYTHON, "main"),
            made.cell("main:1 parse:10", 0.09, State.HELD, "main"),
            made.cell("main:2 wait:30", 0.05, State.IDLE, "helper"),
            made.cell("[unseen]", 0.01, thread="helper"),
            uses=[
                (main, "running", 0.1, 0.0, 0.1, 0.05, 0.0, 25, True),
                (helper, "idle", 0.0, 0.0, 0.0, 0.25, 0.25, 25, False),
            ],
            sampling={"ticks": 25, "samples": 50, "exact": 3, "pause": 0.001, "rate": 100.0, "gil_held": 0.1},
        )
    made.profile.set_source(made.file, "def main():\n\tparse()\n")
    return made


def same_rows(before: Profile, after: Profile, intervals: bool = True) -> None:
    for query in TABLES:
        saved, read = before.rows(query), after.rows(query)
        assert (read.seconds, read.duration) == (saved.seconds, pytest.approx(saved.duration))
        for old, new in zip(saved.rows, read.rows, strict=True):
            if not intervals:
                new = msgspec.structs.replace(
                    new,
                    own_low=old.own_low,
                    own_high=old.own_high,
                    native_low=old.native_low,
                    native_high=old.native_high,
                )
            assert new == old


def test_the_same_rows_come_back(tmp_path: Path) -> None:
    made = recorded()
    path = tmp_path / "a.livetop"
    save(made.profile, path)
    read = load(path)
    same_rows(made.profile, read)
    assert read.processes == made.profile.processes
    assert read.threads.keys() == made.profile.threads.keys()
    assert read.thread_use(None) == made.profile.thread_use(None)
    assert read.sampling == made.profile.sampling
    assert read.sources == made.profile.sources
    heat = read.heat(made.file, Query(window=None))
    assert heat == made.profile.heat(made.file, Query(window=None))
    assert len(read.timeline(600)) >= 19
    key = read.rows(Query("function", None)).rows[0].key
    assert read.row_details(key, Query("function", None)) == made.profile.row_details(
        key, Query("function", None)
    )


def test_an_hour_has_at_most_sixty_blocks_and_all_its_time(tmp_path: Path) -> None:
    made = Builder()
    for second in range(3600):
        made.add(made.cell(f"main:1 f{second % 7}:10", 0.5), step=1.0)
    path = tmp_path / "hour.livetop"
    save(made.profile, path)
    document = msgspec.json.decode(gzip.decompress(path.read_bytes()))
    assert 30 <= len(document["blocks"]) <= 60
    same_rows(made.profile, load(path), intervals=False)


def test_folded_and_loaded_profiles_go_on(tmp_path: Path) -> None:
    made = Builder(node_cap=200)
    for number in range(1000):
        made.add(made.cell(f"main:1 f{number}:10", 0.1), made.cell("main:1 hot:20", 0.1))
    path = tmp_path / "a.livetop"
    save(made.profile, path)
    read = load(path)
    same_rows(made.profile, read, intervals=False)
    save(read, path)
    same_rows(read, load(path))


def test_a_snapshot_is_plain_json_that_zcat_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.livetop"
    save(recorded().profile, path)
    document = msgspec.json.decode(gzip.decompress(path.read_bytes()))
    assert document["schema"] == 1
    assert document["processes"][0]["argv"] == ["python", "work.py"]
    assert "rows" not in document
    assert document["sources"] == {"1": "def main():\n\tparse()\n"}


def test_source_and_argv_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.livetop"
    save(recorded().profile, path, source=False, argv=False)
    text = gzip.decompress(path.read_bytes())
    assert b"parse()" not in text
    assert b"work.py --" not in text and msgspec.json.decode(text)["processes"][0]["argv"] == []


def test_it_is_private_and_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.livetop"
    path.write_text("old")
    path.chmod(0o644)
    save(recorded().profile, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.livetop"]


def test_never_through_a_symbolic_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "a.livetop"
    link.symlink_to(victim)
    with pytest.raises(SnapshotError, match="symbolic link"):
        save(recorded(1).profile, link)
    assert victim.read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("where", ["missing/a.livetop", "folder", "file/a.livetop", "x" * 300, "a\0b"])
def test_a_path_that_cannot_be_written_is_said_and_nothing_is_lost(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    made = recorded(2)
    with pytest.raises(SnapshotError, match="cannot write") as caught:
        save(made.profile, f"{tmp_path}/{where}")
    assert "\n" not in str(caught.value) and "\0" not in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
    save(made.profile, tmp_path / "elsewhere.livetop")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.livetop"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SnapshotError, match="No space left on device"):
        save(recorded(1).profile, path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_newer_schema_is_refused_and_says_what_to_do() -> None:
    packed = gzip.compress(b'{"livetop": "9.9\\u001b[2J", "schema": 7, "blocks": "something else"}')
    with pytest.raises(SnapshotError, match=r"9\.9.*schema 7.*upgrade") as caught:
        snapshot.unpack(packed)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x1f\x8b",
        gzip.compress(b""),
        gzip.compress(b"[]"),
        gzip.compress(b"{}"),
        gzip.compress(b'{"schema": "1", "livetop": "x"}'),
        gzip.compress(b'{"schema": 1, "livetop": "x"}'),
        gzip.compress(b'{"schema": -1, "livetop": "x"}'),
        gzip.compress(b"\xff\xfe{"),
        gzip.compress(b"[" * 1_000_000),
        gzip.compress(b'{"schema": 1, "livetop": "x", "blocks": ' + b"[" * 100_000),
    ],
)
def test_what_is_no_snapshot_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.livetop"
    path.write_bytes(content)
    with pytest.raises(SnapshotError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert "bad.livetop" in str(caught.value)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "a\0b", Path("/dev/zero")):
        with pytest.raises(SnapshotError):
            load(path)


def test_a_small_file_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_UNPACKED", 10_000_000)
    bomb = gzip.compress(b" " * 50_000_000)
    with pytest.raises(SnapshotError, match="too large"):
        snapshot.unpack(bomb)


def document() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(gzip.decompress(snapshot.pack(recorded(4).profile)))
    return found


def changed(at: list[Any], value: Any) -> bytes:
    """A snapshot with one thing replaced; `at` leads to it."""
    whole: Any = document()
    here = whole
    for step in at[:-1]:
        here = here[step]
    here[at[-1]] = value
    return gzip.compress(msgspec.json.encode(whole))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (["nodes", 1, 1], 5),  # a parent that comes later: a cycle
        (["nodes", 1, 1], 2),  # its own parent
        (["nodes", 1, 0], 1),  # an id twice
        (["nodes", 1, 2], 999),  # a function that is not there
        (["nodes", 0, 3], 999),  # the root of no process
        (["nodes", 1, 3], -4),
        (["nodes", 1, 3], 10**30),
        (["nodes", 1], [1, 2]),
        (["functions", 1, 2], 77),
        (["functions", 1, 0], 0),
        (["threads", 0, "process"], 12),
        (["threads", 1, "id"], 1),
        (["blocks", 0, "cells", 0, 0], 999),
        (["blocks", 0, "cells", 0, 1], 999),
        (["blocks", 0, "cells", 0, 2], 99),
        (["blocks", 0, "cells", 0, 3], 999),
        (["blocks", 0, "cells", 0, 4], 10**18),
        (["blocks", 0, "cells", 0, 5], -1.0),
        (["blocks", 0, "cells", 0, 5], 1e300),
        (["blocks", 0, "cells", 0, 5], None),
        (["blocks", 0, "t1"], -1e11),
        (["blocks", 0, "t0"], "now"),
        (["blocks"], [{}] * 5000),
        (["sampling", "ticks"], "many"),
        (["processes", 0, "pid"], 1.5),
        (["libraries", 0, 1], None),
    ],
)
def test_a_document_that_does_not_fit_together_is_refused(at: list[Any], value: Any) -> None:
    with pytest.raises(SnapshotError) as caught:
        snapshot.unpack(changed(at, value))
    assert "\n" not in str(caught.value)


def test_names_in_a_snapshot_are_made_printable() -> None:
    read = snapshot.unpack(changed(["functions", 1, 1], "evil\x1b]0;x\x07\u202e\n" + "y" * 5000))
    names = {row.function for row in read.rows(Query(window=None)).rows}
    evil = next(name for name in names if name.startswith("evil"))
    assert evil.isprintable() and len(evil) < 1200
    source = snapshot.unpack(changed(["sources", "1"], "a\x1b[2Jb\n\tc\r\n")).sources[1]
    assert source == "a\\x1b[2Jb\n\tc\n"


def test_fields_of_later_versions_are_ignored() -> None:
    read = snapshot.unpack(changed(["tasks"], [1, 2, 3]))
    assert read.rows(Query(window=None)).rows


def test_deep_and_wide_trees_load_in_linear_time() -> None:
    whole = document()
    count = 60_000
    first = whole["nodes"][-1][0] + 1
    function = whole["functions"][1][0]
    whole["nodes"] += [
        [first + at, first + at - 1 if at % (count // 2) else 1, function, at % (count // 2)]
        for at in range(count)
    ]
    read = snapshot.unpack(gzip.compress(msgspec.json.encode(whole)))
    assert read.rows(Query(window=None)).rows


def test_every_truncation_is_refused() -> None:
    packed = snapshot.pack(recorded(3).profile)
    for length in range(0, len(packed) - 1, 17):
        with pytest.raises(SnapshotError):
            snapshot.unpack(packed[:length])


def test_flipped_bits_never_crash() -> None:
    packed = snapshot.pack(recorded(3).profile)
    plain = gzip.decompress(packed)
    chance = random.Random(7)
    for number in range(1500):
        # Of the compressed bytes most are caught by their checksum; the plain ones reach the parser.
        data = bytearray(packed if number % 5 == 0 else plain)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            read = snapshot.unpack(bytes(data) if number % 5 == 0 else gzip.compress(bytes(data), 1))
        except SnapshotError:
            continue
        for query in TABLES[:4]:
            read.rows(query)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(field=some.sampled_from(sorted(document())), value=JSON)
def test_any_field_may_hold_anything(field: str, value: Any) -> None:
    try:
        read = snapshot.unpack(changed([field], value))
    except SnapshotError as error:
        assert "\n" not in str(error)
    else:
        read.rows(Query(window=None))


def test_a_copy_does_not_change_with_the_original() -> None:
    made = recorded()
    baseline = snapshot.copy(made.profile)
    before = baseline.rows(Query(window=None)).seconds
    made.run(5, ("main:1", 1.0))
    assert baseline.rows(Query(window=None)).seconds == before
    assert made.profile.rows(Query(window=None)).seconds > before
