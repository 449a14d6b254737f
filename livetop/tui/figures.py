"""Numbers as the screen writes them: short, of a fixed width, and changing no more than they must."""

from __future__ import annotations


def share(value: float) -> str:
    """A share (0..1) as per cent with one decimal: "31.2", "100.0"; "0.0" is drawn as "0.0"."""
    return f"{value * 100:.1f}"


def percent(value: float | None, digits: int = 0) -> str:
    """A fraction as "62%"; unknown is "-"."""
    return "-" if value is None else f"{value * 100:.{digits}f}%"


def native(value: float | None, estimated: bool) -> str:
    """A native share as "96%", "~96%" where it is an estimate."""
    return ("~" if estimated and value is not None else "") + percent(value)


def small_percent(value: float) -> str:
    """A cost: two decimals below one per cent ("0.04%"), one below ten, none above."""
    per_cent = value * 100
    return (
        f"{per_cent:.2f}%"
        if per_cent < 0.995
        else f"{per_cent:.1f}%"
        if per_cent < 9.95
        else f"{per_cent:.0f}%"
    )


def seconds(value: float) -> str:
    """A time in at most 6 cells: "0.3s", "99.9s", "512s", "12m34s", "3h12m", "5d03h"."""
    if value < 99.95:
        return f"{value:.1f}s"
    whole = int(value + 0.5)
    if whole < 1000:
        return f"{whole}s"
    if whole < 6000:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 360_000:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def clock(value: float) -> str:
    """A duration as a clock: "02:41", "1:02:41"."""
    whole = int(max(0.0, value))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes:02d}:{second:02d}"


def memory(value: float) -> str:
    """Bytes in at most 5 cells, in powers of 1,024: "412M", "9.8M", "1.2G"; unknown (0) is "-"."""
    if value <= 0:
        return "-"
    for unit in "KMGT":
        value /= 1024
        if value < 999.5 or unit == "T":
            return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"
    return "-"


def count(value: int) -> str:
    """A count with thousands separators: "16,104"; from ten million on "12.3M"."""
    return f"{value:,}" if value < 10_000_000 else f"{value / 1e6:,.1f}M"
