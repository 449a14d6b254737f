"""`dump --json` says which of a line's calls a frame is in, where the interpreter knows."""

from livetop.sampling.dump import dump_process

COLUMNS = ("line", "end_line", "column", "end_column")


def test_columns_are_those_of_the_calls(start, version):
    target = start("columns.py", python=version.path)
    for native in (False, True):
        (thread,) = dump_process(target.pid, native=native)["threads"]
        python = [frame for frame in thread["frames"] if frame["kind"] == "python"]
        assert python[0]["function"] == "wait"
        for frame in thread["frames"]:
            known = frame["kind"] == "python" and version.minor >= (3, 11)
            assert all((name in frame) is known for name in COLUMNS[1:])
        if version.minor >= (3, 11):
            found = [[frame[name] for name in COLUMNS] for frame in python[1:]]
            assert found == target.ready["frames"]
            assert len({tuple(frame) for frame in found}) == len(found)
