"""Calling a class: the interpreter's own frame between caller and __init__() (3.12 on) is nobody's."""

from livetop.sampling.dump import dump_process


def test_only_frames_of_functions_are_shown(start, version):
    target = start("class_calls.py", python=version.path)
    for native in (False, True):
        (thread,) = dump_process(target.pid, exact=False, native=native)["threads"]
        frames = [frame for frame in thread["frames"] if frame["kind"] == "python"]
        names = [frame["function"].rpartition(".")[2] for frame in frames]
        assert names == ["__init__", "call_often", "<module>"]
        assert [frame["line"] for frame in frames] == [11, 16, 19]
        if version.minor >= (3, 11):
            assert all("column" in frame for frame in frames)
