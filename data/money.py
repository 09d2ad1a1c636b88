"""Money: decimals, ISO 4217 currencies, stated exchange rates, and what a month is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from data.errors import ConfigError

HOURS_PER_MONTH = 730
"""Hours in a month of 365 / 12 days, as the providers' calculators count it."""

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
"""Active national codes of ISO 4217."""


def currency_code(text: str) -> str:
    """The ISO 4217 code in capitals. Raises ConfigError for anything that is not one."""
    code = text.strip().upper()
    if code not in CURRENCIES:
        raise ConfigError(f"{text!r} is not an ISO 4217 currency; a code has three letters, for example EUR")
    return code


def amount(value: float | int | str | Decimal) -> Decimal:
    """A decimal rounded to cents, half to even; floats are read as they print, so 0.1 is 0.10."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return exact.quantize(CENT, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Turns prices into the one currency of a snapshot, at rates somebody has stated."""

    currency: str = "USD"
    """The currency everything is shown in, ISO 4217. US dollars, because list prices come in them."""
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """Foreign currency -> how much of `currency` one unit of it is worth. There are none by default: no rate
    is ever made up."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "currency", currency_code(self.currency))
        for code, rate in self.rates.items():
            currency_code(code)
            if not (rate.is_finite() and rate > 0):
                raise ConfigError(f"the exchange rate of {code} must be above 0, not {rate}")

    def rate(self, currency: str) -> Decimal | None:
        """What one unit of `currency` is worth; None where nobody has stated it."""
        if currency == self.currency:
            return Decimal(1)
        return self.rates.get(currency)

    def convert(self, value: Decimal, currency: str) -> Decimal | None:
        """`value` in the snapshot's currency, not rounded; None where no rate is stated."""
        rate = self.rate(currency)
        return None if rate is None else value * rate
