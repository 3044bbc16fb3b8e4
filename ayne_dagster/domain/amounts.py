"""Amounts of money as people say them.

Lives here: words for single amounts, in texts that are stored. Not here: axes of plots
(`charts/theme.py`) and columns of a terminal (`cli/console.py`).
"""

_UNITS = ((1e9, "bn"), (1e6, "m"), (1e3, "k"))


def dollars_in_words(amount_usd: float) -> str:
    """An amount as $1.2bn, $200m, $35.5m, $950k or $12."""
    for size, unit in _UNITS:
        # 999,960,000 is $1bn: rounding must not give $1000m.
        if amount_usd >= size * 0.9995:
            scaled = amount_usd / size
            said = f"{scaled:,.0f}" if scaled >= 99.95 else f"{scaled:.1f}".removesuffix(".0")
            return f"${said}{unit}"
    return f"${amount_usd:,.0f}"
