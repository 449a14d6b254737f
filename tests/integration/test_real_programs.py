"""Programs that people run: livetop names what they are busy with, and they go on as if nobody looked."""

import pytest

from tests import real_programs


@pytest.mark.skipif(
    not real_programs.installed(), reason="`python -m tests.real_programs --install` was not run here"
)
@pytest.mark.parametrize("name", real_programs.PROGRAMS_BY_NAME)
def test_a_program_is_told_right_and_goes_on(name):
    with real_programs.running(name) as target:
        print(real_programs.watch(name, target, seconds=1.2))
