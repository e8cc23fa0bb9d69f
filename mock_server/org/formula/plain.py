"""The functions of fixed types. A new one is a row here and a function of that meaning in `numbers`, `texts`, ..."""

from __future__ import annotations

from dataclasses import dataclass

from mock_server.org.formula.kinds import Kind

LETTERS: dict[str, Kind] = {
    "T": "Text", "N": "Number", "B": "Boolean", "D": "Date", "M": "DateTime", "H": "Time", "L": "Geolocation",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plain:
    """A function of fixed types: one letter an argument, those behind `?` may be left out."""

    function: str
    takes: str
    gives: str
    nullable: bool = True


PLAIN: dict[str, Plain] = {
    # numbers
    "ABS": Plain("abs_", "N", "N"),
    "CEILING": Plain("ceiling", "N", "N"),
    "FLOOR": Plain("floor", "N", "N"),
    "MCEILING": Plain("mceiling", "N", "N"),
    "MFLOOR": Plain("mfloor", "N", "N"),
    "ROUND": Plain("round_", "NN", "N"),
    "TRUNC": Plain("trunc", "N?N", "N"),
    "MOD": Plain("mod", "NN", "N"),
    "SQRT": Plain("sqrt", "N", "N"),
    "POWER": Plain("power", "NN", "N"),
    "EXP": Plain("exp", "N", "N"),
    "LN": Plain("ln", "N", "N"),
    "LOG": Plain("log", "N", "N"),
    "PI": Plain("PI", "", "N", nullable=False),
    "ATAN2": Plain("atan2", "NN", "N"),
    **{name: Plain(f"{name.lower()}_", "N", "N") for name in ("SIN", "COS", "TAN", "ASIN", "ACOS", "ATAN")},
    # text
    "LEN": Plain("length", "T", "N", nullable=False),
    "LEFT": Plain("left", "TN", "T"),
    "RIGHT": Plain("right", "TN", "T"),
    "MID": Plain("mid", "TNN", "T"),
    "LOWER": Plain("lower", "T?T", "T"),
    "UPPER": Plain("upper", "T?T", "T"),
    "INITCAP": Plain("initcap", "T", "T"),
    "TRIM": Plain("trim", "T", "T"),
    "REVERSE": Plain("reverse", "T", "T"),
    "CONTAINS": Plain("contains", "TT", "B"),
    "BEGINS": Plain("begins", "TT", "B"),
    "FIND": Plain("find", "TT?N", "N", nullable=False),
    "SUBSTITUTE": Plain("substitute", "TTT", "T"),
    "LPAD": Plain("lpad", "TN?T", "T"),
    "RPAD": Plain("rpad", "TN?T", "T"),
    "VALUE": Plain("number_of_text", "T", "N"),
    "ISNUMBER": Plain("is_number", "T", "B", nullable=False),
    "ASCII": Plain("ascii_", "T", "N"),
    "CHR": Plain("chr_", "N", "T"),
    "BR": Plain("BR", "", "T"),
    "HYPERLINK": Plain("hyperlink", "TT?T", "T"),
    "IMAGE": Plain("image", "TT?NN", "T"),
    "CASESAFEID": Plain("case_safe_id", "T", "T"),
    # dates and times
    "TODAY": Plain("E.today", "", "D", nullable=False),
    "NOW": Plain("E.now", "", "M", nullable=False),
    "TIMENOW": Plain("time_of_datetime(E.now)", "", "H", nullable=False),
    "DATE": Plain("date_of", "NNN", "D"),
    "YEAR": Plain("year", "D", "N"),
    "MONTH": Plain("month", "D", "N"),
    "DAY": Plain("day_", "D", "N"),
    "WEEKDAY": Plain("weekday", "D", "N"),
    "DAYOFYEAR": Plain("day_of_year", "D", "N"),
    "ISOWEEK": Plain("iso_week", "D", "N"),
    "ISOYEAR": Plain("iso_year", "D", "N"),
    "HOUR": Plain("hour", "H", "N"),
    "MINUTE": Plain("minute", "H", "N"),
    "SECOND": Plain("second", "H", "N"),
    "MILLISECOND": Plain("millisecond", "H", "N"),
    "FROMUNIXTIME": Plain("datetime_of_seconds", "N", "M"),
    "GEOLOCATION": Plain("location", "NN", "L"),
    "ISCLONE": Plain("False", "", "B", nullable=False),
}
