"""Prices and addresses: pure Python, and all of it holds the GIL."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

STREETS = ("Harbour Street", "Mill Lane", "Station Road", "Church Hill", "Orchard Avenue", "King's Parade")
DEPOTS = ((52.52, 13.40), (48.14, 11.58), (50.94, 6.96), (53.55, 9.99), (51.34, 12.37))
TIERS = ((100, 0.02), (500, 0.05), (2000, 0.08), (10000, 0.12))


@dataclass(slots=True)
class Line:
    """One position of an order."""

    article: str
    quantity: int
    price: float


@dataclass(slots=True)
class Order:
    """What a customer sent; `place` is latitude and longitude."""

    number: int
    street: str
    place: tuple[float, float]
    lines: list[Line]


def random_order(number: int) -> Order:
    """An order with a street that is misspelt, as they are."""
    street = list(random.choice(STREETS))
    street[random.randrange(len(street))] = random.choice("aeiourst")
    place = (random.uniform(47.5, 54.5), random.uniform(6.0, 14.5))
    lines = [
        Line(f"A{random.randrange(9000):04d}", random.randint(1, 40), random.uniform(0.5, 90.0))
        for _ in range(random.randint(5, 30))
    ]
    return Order(number, "".join(street), place, lines)


def discount(subtotal: float) -> float:
    """The rate of the highest tier that the subtotal reaches."""
    rate = 0.0
    for threshold, tier in TIERS:
        if subtotal >= threshold:
            rate = tier
    return rate


def order_total(order: Order) -> float:
    """What the goods cost after discount and tax."""
    subtotal = 0.0
    for line in order.lines:
        bulk = 0.97 if line.quantity > 20 else 1.0
        subtotal += line.quantity * line.price * bulk
    return subtotal * (1.0 - discount(subtotal)) * 1.19


def edit_distance(left: str, right: str) -> int:
    """Levenshtein's distance, by rows."""
    above = list(range(len(right) + 1))
    for row, a in enumerate(left, 1):
        current = [row]
        for column, b in enumerate(right, 1):
            cost = above[column - 1] + (a != b)
            current.append(min(cost, above[column] + 1, current[column - 1] + 1))
        above = current
    return above[-1]


def correct_street(street: str) -> str:
    """The known street that is nearest to what was typed."""
    return min(STREETS, key=lambda known: edit_distance(street.lower(), known.lower()))


def shipping_distance(place: tuple[float, float]) -> float:
    """Kilometres to the nearest depot, along the sphere."""
    nearest = math.inf
    latitude, longitude = map(math.radians, place)
    for depot in DEPOTS:
        to_latitude, to_longitude = map(math.radians, depot)
        angle = math.sin((to_latitude - latitude) / 2) ** 2
        angle += math.cos(latitude) * math.cos(to_latitude) * math.sin((to_longitude - longitude) / 2) ** 2
        nearest = min(nearest, 12742 * math.asin(math.sqrt(angle)))
    return nearest


def price(order: Order) -> dict[str, object]:
    """The order as an invoice needs it."""
    return {
        "order": order.number,
        "street": correct_street(order.street),
        "total": round(order_total(order), 2),
        "shipping": round(3.5 + shipping_distance(order.place) * 0.02, 2),
        "lines": [[line.article, line.quantity, line.price] for line in order.lines],
    }
