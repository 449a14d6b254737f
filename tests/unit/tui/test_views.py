from __future__ import annotations

import pytest
from sample_screen import sample_profile, sample_tasks

from livetop.tui.choice import Choice
from livetop.tui.keys import KEYS
from livetop.tui.views import VIEWS, View, find_view


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.id)
def test_a_view_is_complete(view: View) -> None:
    assert find_view(view.id) is view
    assert not view.other or find_view(view.other)
    ids = [column.id for column in view.columns]
    assert len(ids) == len(set(ids))
    assert Choice().sort in ids
    profile = sample_profile(3)
    profile.tasks = sample_tasks(profile)
    page = view.rows().collect(profile, Choice(view=view.id), 0.0)
    assert page.entries
    for column in view.columns:
        if column.value is not None:
            sorted(column.value(entry) for entry in page.entries)  # type: ignore[type-var]


def test_the_keys_sort_by_columns_that_views_of_places_have() -> None:
    wanted = {key.action.split("'")[1] for key in KEYS if key.action.startswith("sort(")}
    assert wanted == {"own_share", "total_share", "own", "total"}
    for view in VIEWS:
        # A library, a thread or a process calls nothing, and a task is more than its time.
        if view.id in ("libraries", "threads", "tasks", "processes"):
            continue
        assert wanted <= {column.id for column in view.columns if column.value is not None}


def test_lines_of_one_file_sort_as_numbers() -> None:
    location = next(column for column in VIEWS[0].columns if column.id == "location")
    page = VIEWS[0].rows().collect(sample_profile(3), Choice(), 0.0)
    assert location.value is not None
    ordered = [entry.row.line for entry in sorted(page.entries, key=lambda e: str(location.value(e)))  # type: ignore[misc]
               if entry.row.module == "app/parse.py"]  # fmt: skip
    assert ordered == sorted(ordered)
