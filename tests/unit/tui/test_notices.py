"""What the footer says unasked: children that work, a process that has ended before them."""

from __future__ import annotations

from sample_screen import HeldClock, SampleSession, drawn, sample_app
from worker_processes import Workers

WIDE, NARROW = (120, 40), (80, 24)


async def test_that_only_the_children_work_is_said_for_a_while() -> None:
    session, clock = SampleSession(), HeldClock()
    session.profile.sampling.children, session.profile.sampling.children_cpu = 8, 3.8
    app = sample_app(session, clock=clock)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        assert "8 child processes use 380% of a core: -s shows them" in drawn(app.main_screen.footer)
        clock.at += 31.0
        app.main_screen.show_footer()
        assert "child" not in drawn(app.main_screen.footer)
        # Once it was over it is news again.
        session.profile.sampling.children = 0
        app.main_screen.show_footer()
        session.profile.sampling.children = 1
        app.main_screen.show_footer()
        assert "a child process uses 380%" in drawn(app.main_screen.footer)


async def test_where_nothing_is_seen_it_says_where_to_look() -> None:
    made = Workers([400])
    made.profile.add(0.0, 1.0, [], [], {"samples": 5, "children": 8, "children_cpu": 3.8})
    app = sample_app(SampleSession(made.profile))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        assert "this process is idle, 8 child processes use 380%" in drawn(app.main_screen.table)


async def test_a_root_that_has_ended_is_told_in_footer_and_header() -> None:
    for size in (WIDE, NARROW):
        made = Workers([400, 501, 502])
        made.spend(p400=(0.1, 0.1), p501=(0.0, 0.7), p502=(0.1, 0.1))
        made.end(400)
        session = SampleSession(made.profile)
        app = sample_app(session)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            assert "process 400 has ended, 2 of its children go on" in drawn(app.main_screen.footer)
            assert "400 ended +2" in drawn(app.main_screen.header)
            made.end(501)
            made.end(502)
            session.ended, session.live = "process 400 exited", False
            app.main_screen.take_rows()
            app.main_screen.show_footer()
            footer = drawn(app.main_screen.footer)
            assert "process 400 exited, and so did its 2 children" in footer
            assert "ENDED" in drawn(app.main_screen.header)
