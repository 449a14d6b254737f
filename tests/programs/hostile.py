"""A program whose names are made to harm who shows them: of functions, files, threads, words, source.

argv[1] is a folder for its source files, of which one has a harmless name; what follows is just there, for
the command line.
"""

import json
import os
import sys
import threading

# A colour, markup, text from right to left, a byte that is no UTF-8, a window's title, a line's end.
EVIL = "e\x1b[31m[red]\u202e\udcff\x1b]2;pwned\x07\r\n[blink]"
SOURCE = """\
def work():
    # \x1b[31m[red]\u202e\x1b]2;pwned\x07
    while True:
        sum(range(1000)) # \x1b[31m[blink]\u202e\x1b]2;pwned\x07
"""

for name, called in ((EVIL, EVIL), ("plain", "plain")):
    path = os.path.join(sys.argv[1], name + ".py")
    with open(path, "w") as file:
        file.write(SOURCE)
    found = {}
    exec(compile(SOURCE, path, "exec"), found)
    code = found["work"].__code__
    found["work"].__code__ = code.replace(co_name=called, co_qualname=called)
    threading.Thread(target=found["work"], name="t" + name, daemon=True).start()
print(json.dumps("works"), flush=True)
sys.stdin.read()
