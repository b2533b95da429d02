"""Periods of reports: UTC, start inclusive, end exclusive."""

import re
from datetime import UTC, datetime, timedelta

from proxy.core.errors import BadRequest

DEFAULT_DAYS = 30
_SPAN = re.compile(r"(\d{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


def month(text: str | None, now: float) -> tuple[str, float, float]:
    """`2026-11` → itself, its first second, and that of the next month (unix seconds); None: the month of `now`. Raises BadRequest."""
    begin = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if text is not None:
        if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) is None:
            raise BadRequest("must be a month such as 2026-11", param="period")
        begin = datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC)
    end = (begin + timedelta(days=32)).replace(day=1)
    return f"{begin:%Y-%m}", begin.timestamp(), end.timestamp()


def span(since: str | None, until: str | None, now: float) -> tuple[float, float]:
    """Unix seconds. Each a time (2026-11-01, 2026-11-01T12:00:00Z) or how long ago (36h, 30d, 4w). Raises BadRequest naming the
    parameter."""
    begin = now - DEFAULT_DAYS * 86_400 if since is None else _moment(since, now, "since")
    end = now + 1 if until is None else _moment(until, now, "until")
    if end <= begin:
        raise BadRequest("is not after since", param="until")
    return begin, end


def _moment(text: str, now: float, name: str) -> float:
    found = _SPAN.fullmatch(text)
    if found is not None:
        return now - int(found[1]) * _HOURS[found[2]] * 3600
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest("must be a time (2026-11-01, 2026-11-01T12:00:00Z) or how long ago (36h, 30d, 4w)", param=name) from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
