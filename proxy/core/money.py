"""Money is integer nano-USD; prices are integer pico-USD per unit (contract F)."""

NANOS_PER_USD = 1_000_000_000
PICOS_PER_NANO = 1_000


def cost_nanos(units: int, pico_usd_per_unit: int) -> int:
    """Cost in nano-USD, rounded half up once."""
    return (units * pico_usd_per_unit + PICOS_PER_NANO // 2) // PICOS_PER_NANO


def usd_text(nanos: int) -> bytes:
    """Exact, with nine decimals: `0.000001234`."""
    return b"%d.%09d" % divmod(nanos, NANOS_PER_USD)


def usd(nanos: int) -> float:
    """For display only."""
    return nanos / NANOS_PER_USD


def usd_of_picos(picos: float) -> str:
    """For display only: `0.001234`."""
    return f"{picos / 1e12:.6f}"
