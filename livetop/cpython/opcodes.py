"""Which instructions call what is not Python: the CALL family of each version, by number.

Only the innermost frame's current instruction is asked about, while C code that its evaluation loop called
runs. Numbers: `opcode.opmap`, `opcode._specialized_opmap`, or the defines of Include/opcode.h (to 3.12).
"""

from __future__ import annotations

# Forms that are specialised for Python callees are left out: C code that runs for them is the interpreter's
# own. Forms that take any callee are in: what they called tells more.
_NATIVE_CALLS: dict[tuple[int, int], tuple[int, ...]] = {
    # CALL_FUNCTION, CALL_FUNCTION_KW, CALL_FUNCTION_EX, from 3.7 on CALL_METHOD
    (3, 6): (131, 141, 142),
    (3, 7): (131, 141, 142, 161),
    (3, 8): (131, 141, 142, 161),
    (3, 9): (131, 141, 142, 161),
    (3, 10): (131, 141, 142, 161),
    # CALL_ADAPTIVE, PRECALL_*, CALL_FUNCTION_EX, PRECALL, CALL
    (3, 11): (22, 64, 66, 67, 72, 73, 76, 77, 78, 79, 80, 81, 113, 121, 127, 141, 142, 166, 171),
    # CALL_BUILTIN_* and the like, CALL_FUNCTION_EX, CALL, INSTRUMENTED_*
    (3, 12): (29, 34, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 56, 142, 171, 241, 244),
    # CALL, CALL_FUNCTION_EX, CALL_KW, CALL_BUILTIN_* and the like, INSTRUMENTED_*
    (3, 13): (53, 54, 57, *range(165, 177), 179, 180, 181, 244, 245, 246),
    (3, 14): (4, 52, 55, *range(146, 151), 152, *range(154, 161), 163, 164, 165, 250, 251, 252),
    # and CALL_EX_NON_PY_GENERAL
    (3, 15): (4, 50, 53, *range(147, 152), 153, 155, *range(157, 164), 166, 167, 168, 249, 250, 251),
}


def native_calls(version: tuple[int, int]) -> frozenset[int]:
    """The opcodes of this version that may call native code; empty for a version without a table."""
    return frozenset(_NATIVE_CALLS.get(version, ()))
