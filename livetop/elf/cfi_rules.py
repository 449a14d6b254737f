"""What call-frame information says of an instruction: where the caller's registers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .errors import CfiError
from .machines import Machine

# How a register of the caller is found: an int is the usual case, saved at CFA + that offset. Else
# ("expression", e): saved at the address that e gives, which starts with the CFA on its stack;
# ("value", e): e gives the value itself; ("value_offset", n): the value is CFA + n;
# ("register", n): it is in register n; ("undefined", None): lost.
SpecialRule: TypeAlias = (
    tuple[Literal["expression", "value"], bytes]
    | tuple[Literal["register", "value_offset"], int]
    | tuple[Literal["undefined"], None]
)
Rule: TypeAlias = int | SpecialRule

# CFA register, CFA offset, CFA expression, rules, size of the arguments, return address signed.
# The rules are shared between rows, and never changed once a row has them.
State: TypeAlias = tuple[int, int, bytes | None, dict[int, Rule], int, bool]

UNDEFINED: Final[Rule] = ("undefined", None)

START: Final[State] = (-1, 0, None, {}, 0, False)


@dataclass(frozen=True, slots=True)
class Cie:
    """What the entries of many functions have in common (a "common information entry")."""

    code_alignment: int
    data_alignment: int
    # The column of the return address.
    column: int
    # How the functions' addresses are encoded.
    encoding: int
    # Whether a function's entry says how long its augmentation data is.
    augmented: bool
    signal: bool
    initial: State


@dataclass(slots=True, eq=False)
class Row:
    """The rules that hold for the pcs start <= pc < end.

    Addresses are those of the `read` function that the entry came through. A register that is not in `saved`
    is unchanged. The return address is not in `saved`; `ra` is its rule: an int its offset from the CFA,
    bytes an expression that gives the ADDRESS it is at, None undefined (the outermost frame), and else a rule
    as in `saved` (("register", 30) in an AArch64 function that calls nothing). Rows are cached: not to be
    changed.
    """

    start: int
    end: int
    function_start: int
    function_end: int
    # A DWARF register number; -1 when the CFA is an expression's value.
    cfa_register: int
    cfa_offset: int
    cfa_expression: bytes | None
    ra: int | bytes | SpecialRule | None
    saved: dict[int, Rule]
    # The frame pointer's offset from the CFA when it is plainly saved.
    rbp: int | None
    # CFA = stack or frame pointer + offset; the return address, and the frame pointer unless it is unchanged,
    # are plainly saved; no signal frame.
    simple: bool
    signal: bool
    args_size: int
    ra_signed: bool


def make_row(
    state: State, span: tuple[int, int], function: tuple[int, int], cie: Cie, machine: Machine
) -> Row:
    """Make the row of the pcs `span`, in which `state` holds. Raises CfiError."""
    register, offset, expression, rules, args_size, signed = state
    if register < 0 and expression is None:
        raise CfiError("damaged call-frame information: no rule for the frame's address")
    saved = rules.copy()
    rule = saved.pop(cie.column, None)
    ra: int | bytes | SpecialRule | None
    if rule is None:
        ra = ("register", cie.column)
    elif isinstance(rule, int):
        ra = rule
    elif rule[0] == "expression":
        ra = rule[1]
    elif rule[0] == "undefined":
        ra = None
    else:
        ra = rule
    frame_pointer = machine.frame_pointer
    kept = saved.get(frame_pointer)
    rbp = kept if isinstance(kept, int) else None
    simple = (
        expression is None
        and (register == machine.stack_pointer or register == frame_pointer)
        and isinstance(ra, int)
        and (kept is None or rbp is not None)
        and machine.stack_pointer not in saved
        and not cie.signal
        and not signed
    )
    return Row(
        *span,
        *function,
        register,
        offset,
        expression,
        ra,
        saved,
        rbp,
        simple,
        cie.signal,
        args_size,
        signed,
    )
