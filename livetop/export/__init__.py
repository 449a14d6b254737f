"""One module a format; `registry` is the table of them."""
