"""What a dollar of each year was worth: revenues and budgets of decades made comparable.

Lives here: the index and its source. Not here: what is compared (`film_facts.py`,
`model_inputs.py`).
"""

import numpy as np

CPI_U: dict[int, float] = {
    1913: 9.9, 1914: 10.0, 1915: 10.1, 1916: 10.9, 1917: 12.8, 1918: 15.1, 1919: 17.3,
    1920: 20.0, 1921: 17.9, 1922: 16.8, 1923: 17.1, 1924: 17.1, 1925: 17.5, 1926: 17.7,
    1927: 17.4, 1928: 17.1, 1929: 17.1, 1930: 16.7, 1931: 15.2, 1932: 13.7, 1933: 13.0,
    1934: 13.4, 1935: 13.7, 1936: 13.9, 1937: 14.4, 1938: 14.1, 1939: 13.9, 1940: 14.0,
    1941: 14.7, 1942: 16.3, 1943: 17.3, 1944: 17.6, 1945: 18.0, 1946: 19.5, 1947: 22.3,
    1948: 24.1, 1949: 23.8, 1950: 24.1, 1951: 26.0, 1952: 26.5, 1953: 26.7, 1954: 26.9,
    1955: 26.8, 1956: 27.2, 1957: 28.1, 1958: 28.9, 1959: 29.1, 1960: 29.6, 1961: 29.9,
    1962: 30.2, 1963: 30.6, 1964: 31.0, 1965: 31.5, 1966: 32.4, 1967: 33.4, 1968: 34.8,
    1969: 36.7, 1970: 38.8, 1971: 40.5, 1972: 41.8, 1973: 44.4, 1974: 49.3, 1975: 53.8,
    1976: 56.9, 1977: 60.6, 1978: 65.2, 1979: 72.6, 1980: 82.4, 1981: 90.9, 1982: 96.5,
    1983: 99.6, 1984: 103.9, 1985: 107.6, 1986: 109.6, 1987: 113.6, 1988: 118.3, 1989: 124.0,
    1990: 130.7, 1991: 136.2, 1992: 140.3, 1993: 144.5, 1994: 148.2, 1995: 152.4, 1996: 156.9,
    1997: 160.5, 1998: 163.0, 1999: 166.6, 2000: 172.2, 2001: 177.1, 2002: 179.9, 2003: 184.0,
    2004: 188.9, 2005: 195.3, 2006: 201.6, 2007: 207.342, 2008: 215.303, 2009: 214.537,
    2010: 218.056, 2011: 224.939, 2012: 229.594, 2013: 232.957, 2014: 236.736, 2015: 237.017,
    2016: 240.007, 2017: 245.120, 2018: 251.107, 2019: 255.657, 2020: 258.811, 2021: 270.970,
    2022: 292.655, 2023: 304.702, 2024: 313.689,
}  # fmt: skip
"""US consumer prices, all items, all urban consumers, not seasonally adjusted, annual averages,
1982-84 = 100: US Bureau of Labor Statistics, series CUUR0000SA0 (CPI-U), typed in from its table.

A finished year gets its line here, and `MODEL_CODE_VERSION` goes up with it."""

YEARLY_GROWTH = 0.025
"""Years after the last line: about the mean of 1995-2024, so that a film of next year is not said
to cost more only because its dollars are smaller."""

YEARS_UNTIL_KNOWN = 1
"""A year's average stands in January of the next one."""

BASE_YEAR = 2019
"""Constant dollars are dollars of this year. Which year it is changes no model: only differences
of logs are learned."""


def log_price_level(years: np.ndarray) -> np.ndarray:
    """Log of what a dollar's worth of the base year cost, as each year's beginning knew it.

    The level of a year is the average of the year before: its own is known only when it is over,
    and a model of the year must not know what prices will do in it.

    Args:
        years: Calendar years, integers of shape (films,); before the first year its level holds,
            after the last one prices go on with `YEARLY_GROWTH`.

    Returns:
        Logs of shape (films,); 0 for the base year. Constant dollars are nominal ones times
        exp(-log).
    """
    first, last = min(CPI_U), max(CPI_U)
    known = np.log(np.array([CPI_U[year] for year in range(first, last + 1)]))
    levels = known - known[BASE_YEAR - YEARS_UNTIL_KNOWN - first]
    asked = np.asarray(years, dtype=np.int64) - YEARS_UNTIL_KNOWN
    beyond = np.maximum(asked - last, 0) * np.log1p(YEARLY_GROWTH)
    return levels[np.clip(asked, first, last) - first] + beyond
