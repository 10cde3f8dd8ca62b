"""Cities that people take for time zones, though the database of zones has them under another city's name."""

from __future__ import annotations

_ZONES = {
    "Asia/Ho_Chi_Minh": ("Hanoi", "Ha Noi", "Hai Phong", "Da Nang", "Can Tho", "Hue"),
    "Asia/Shanghai": ("Beijing", "Peking", "Guangzhou", "Shenzhen"),
    "Asia/Kolkata": ("Delhi", "New Delhi", "Mumbai", "Bombay", "Bangalore", "Bengaluru", "Chennai"),
    "Asia/Tokyo": ("Osaka", "Kyoto"),
    "Asia/Seoul": ("Busan",),
    "Asia/Dubai": ("Abu Dhabi",),
    "Asia/Karachi": ("Islamabad", "Lahore"),
    "Asia/Bangkok": ("Chiang Mai",),
    "Asia/Jerusalem": ("Haifa",),
    "Australia/Sydney": ("Canberra",),
    "America/New_York": ("Washington", "Boston", "Philadelphia", "Miami", "Atlanta"),
    "America/Chicago": ("Houston", "Dallas", "Austin"),
    "America/Los_Angeles": ("San Francisco", "Seattle", "San Diego"),
    "America/Toronto": ("Ottawa",),
    "America/Sao_Paulo": ("Rio de Janeiro", "Brasilia"),
    "Europe/Berlin": ("Munich", "Hamburg", "Frankfurt", "Cologne"),
    "Europe/Zurich": ("Geneva", "Bern", "Basel"),
    "Europe/Rome": ("Milan",),
    "Europe/Madrid": ("Barcelona",),
}


def zone(name: str) -> str:
    """The zone of a city, also behind a continent, in any letter case; empty if it is none of these."""
    return _BY_CITY.get(_folded(name.rpartition("/")[2]), "")


def _folded(city: str) -> str:
    return city.replace("_", "").replace(" ", "").replace("-", "").lower()


_BY_CITY = {_folded(city): zone for zone, cities in _ZONES.items() for city in cities}
