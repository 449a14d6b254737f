"""What there is to beware of in a target is said on the screen, too."""

from __future__ import annotations

from sample_screen import SampleSession, sample_app

TEXT = "Python 3.99.0 is newer than this livetop knows: [bold] what is shown may be wrong"


async def test_a_warning_is_shown_as_it_is() -> None:
    session = SampleSession()
    [process, *_] = session.profile.processes
    session.profile.update_process(process, parent=0, state="watched", reason=TEXT)
    app = sample_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert [one.message for one in app._notifications] == [TEXT]
        assert [one.severity for one in app._notifications] == ["warning"]


async def test_without_one_nothing_is_said() -> None:
    app = sample_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert not list(app._notifications)


def test_only_processes_that_are_watched_warn() -> None:
    session = SampleSession()
    [process, *_] = session.profile.processes
    session.profile.update_process(process, parent=0, state="gone", reason=TEXT)
    assert session.profile.warnings == []
