"""How much of the time at one place is the kernel's, from looks at the same thread a tick apart.

What lies between two samples at one place was probably spent there, and so was the system time that the
kernel has counted meanwhile. It counts in steps of 10 ms, which even out: the more there is of it, the less
counts what is known of the whole thread.
"""

from __future__ import annotations

# Seconds of CPU time between such samples, that count as much as what is known of the whole thread.
_AS_MUCH = 0.1


class LocalTime:
    """What is known of one place. All figures are seconds or weights that fade together."""

    __slots__ = ("doubtful", "elsewhere", "fault_weight", "faults", "run", "sure", "system")

    def __init__(self) -> None:
        self.run = self.system = 0.0
        """CPU time between samples at this place, and the system time in it."""
        self.sure = self.doubtful = self.elsewhere = 0.0
        """Weights of stops in a system call, surely or doubtfully, and of those elsewhere."""
        self.fault_weight = self.faults = 0.0
        """Weights, and weights times faults a second."""

    def fade(self, by: float) -> None:
        """Count all less."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) * by)

    @property
    def fault_rate(self) -> float:
        """Faults a second."""
        return self.faults / self.fault_weight if self.fault_weight > 1e-9 else 0.0

    def part(self, doubtful: bool, keeps: float, per_fault: float) -> float:
        """The part that is system of a doubtful stop in a call, or of one elsewhere.

        `keeps` and `per_fault` are those of the whole thread: see `KernelTime`.
        """
        in_fault = min(1.0, self.fault_rate * per_fault)
        seen = self.sure + self.doubtful + self.elsewhere
        if seen <= 1e-9:
            return keeps if doubtful else in_fault
        assumed = (self.sure + keeps * self.doubtful + in_fault * self.elsewhere) / seen
        part = (self.system + _AS_MUCH * assumed) / (self.run + _AS_MUCH)
        system = min(1.0, part) * seen - self.sure
        if not doubtful:
            # Calls first: that a stop was in one makes it the likelier.
            system -= self.doubtful
        among = self.doubtful if doubtful else self.elsewhere
        return min(1.0, max(0.0, system) / among) if among > 1e-9 else 0.0
