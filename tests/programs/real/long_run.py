from work import hot_handler, progress


def test_something_that_takes_long():
    for done in range(1_000_000):
        assert hot_handler() > 0
        progress(done)
