"""Call-heavy code whose stacks are known: `# -> name` on a line says which functions that line may call.

Says {"file", "lines": {function: its lines}, "calls": {line: functions that may be called there}}, then runs
`calls` (plain calls only), `mixed` (generators, callbacks from C, comprehensions) or `calm` (few calls). A
second argument makes the innermost functions of `calls` loop so many times.
"""

import functools
import json
import sys

import oldest

WORK = range(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def leaf_add(n):
    for _ in WORK:
        n += 1
    return n


def leaf_mul(n):
    for _ in WORK:
        n ^= 7
    n *= 3
    n &= 1023
    return n


def leaf_bits(n):
    for _ in WORK:
        n ^= 3
    n ^= 5
    n |= 1
    return n & 255


def pair(n):
    a = leaf_add(n)  # -> leaf_add
    b = leaf_mul(a)  # -> leaf_mul
    return a + b


def triple(n):
    a = pair(n)  # -> pair
    b = leaf_bits(a)  # -> leaf_bits
    return a + b


def even(n):
    n = triple(n)  # -> triple
    if n > 0:
        return n - 1
    return n


def odd(n):
    n = leaf_only(n)  # -> leaf_only
    return n


def leaf_only(n):
    return n


def deeper(n):
    return even(n) + odd(n)  # -> even, odd


def down_4(n):
    a = deeper(n)  # -> deeper
    b = side_4(a)  # -> side_4
    return a + b


def side_4(n):
    return n + 4


def down_3(n):
    a = down_4(n)  # -> down_4
    b = side_3(a)  # -> side_3
    return a + b


def side_3(n):
    return n + 3


def down_2(n):
    a = down_3(n)  # -> down_3
    b = side_2(a)  # -> side_2
    return a + b


def side_2(n):
    return n + 2


def down_1(n):
    a = down_2(n)  # -> down_2
    b = side_1(a)  # -> side_1
    return a + b


def side_1(n):
    return n + 1


def recurse(n):
    if n == 0:
        return bottom(n)  # -> bottom
    return recurse(n - 1) + 1  # -> recurse


def bottom(n):
    for _ in WORK:
        n += 1
    return n + 1


def calls():
    n = 0
    while True:
        n = down_1(n & 15)  # -> down_1
        n += recurse(6)  # -> recurse


def numbers(n):
    for i in range(n):
        yield step(i)  # -> step
    yield from more(n)  # -> more


def more(n):
    for i in range(3):
        yield i + n


def step(i):
    return i + 1


def drain(n):
    total = 0
    for value in numbers(n):  # -> numbers
        total += value
    return total


def expression(n):
    return sum(square(i) for i in range(n))  # -> expression.<locals>.<genexpr>, square


def square(i):
    return i * i


def ordered(n):
    return sorted(range(n), key=lambda i: negated(i))  # -> ordered.<locals>.<lambda>, negated


def negated(i):
    return -i


def reduced(n):
    return functools.reduce(combine, range(n))  # -> combine


def combine(a, b):
    return inner_combine(a, b)  # -> inner_combine


def inner_combine(a, b):
    return a + b


def through_c(depth):
    if depth:
        return list(map(through_c, [depth - 1]))  # -> through_c
    return at_the_end(depth)  # -> at_the_end


def at_the_end(depth):
    return depth


def mixed_1(n):
    a = drain(n)  # -> drain
    b = expression(n)  # -> expression
    return a + b


def mixed_2(n):
    a = mixed_1(n)  # -> mixed_1
    ordered(n)  # -> ordered
    reduced(n)  # -> reduced
    through_c(4)  # -> through_c
    return a


def mixed():
    n = 5
    while True:
        mixed_2(n)  # -> mixed_2
        down_1(n)  # -> down_1


def crunch(n):
    total = 0
    for i in range(n):
        total += i * i
        total ^= i
    return total


def sift(n):
    total = 0
    for i in range(n):
        if i & 1:
            total += 1
    return total


def calm():
    while True:
        crunch(30_000)  # -> crunch
        sift(30_000)  # -> sift


def functions(code):
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from functions(constant)


def facts():
    with open(__file__) as file:
        source = file.read()
    names = {}
    for code in functions(compile(source, __file__, "exec")):
        # A frame that has not begun yet stands at its first line, which below 3.11 has no instruction.
        names.setdefault(oldest.qualified(code), set()).update(oldest.lines_of(code), [code.co_firstlineno])
    calls = {}
    for number, text in enumerate(source.splitlines(), 1):
        _, arrow, called = text.partition("# -> ")
        if arrow and '"' not in text:
            calls[number] = [known(name.strip()) for name in called.split(",")]
    return {"file": __file__, "lines": {name: sorted(lines) for name, lines in names.items()}, "calls": calls}


def known(name):
    """The qualified name as this version has it."""
    return name if sys.version_info >= (3, 11) else name.rpartition(".")[2]


if __name__ == "__main__":
    print(json.dumps(facts()), flush=True)
    run = {"calls": calls, "mixed": mixed, "calm": calm}[sys.argv[1]]
    run()  # -> calls, mixed, calm
