"""`python -m livetop` is `livetop`."""

from livetop.cli.main import main

if __name__ == "__main__":
    main()
