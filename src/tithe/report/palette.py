"""The palette: every colour of a page, with its double for the dark.

The hues follow Okabe and Ito's set, darkened or lightened until text reaches 4.5 : 1 and lines
3 : 1 against their ground. The three phases, and the first four of a comparison, stay apart for
every kind of colour blindness; each series has its own marker too, so that none is told by hue
alone.
"""

from __future__ import annotations

INK = "#1e2932"
QUIET = "#586672"
LINE = "#e2e0d9"
GROUND = "#faf9f6"
SURFACE = "#ffffff"
JOINT = "#0a5fa5"
STANDALONE = "#b14f07"
CENTRALISED = "#17785a"
OTHER = "#8a4f7d"
STANDALONE_BAND = "rgba(177,79,7,0.16)"
UP = "#0b62a6"
DOWN = "#6f8fae"
ALARM = "#b3261e"
ALARM_GROUND = "#fdf1ef"
TRACK = "#e9e6de"
NEVER = "#ece9e2"

RAMP = ("#d3e3f1", "#a5c8e4", "#6fa8d3", "#3c86bf", "#15649f", "#0a3f6f")

# Eight settings side by side; with the dashes below that makes twenty-four.
SERIES = (
    "#0a5ea4",
    "#be550a",
    "#167759",
    "#894e7c",
    "#8f6b00",
    "#2f86b8",
    "#a0392f",
    "#4d5a64",
)
BANDS = (
    "rgba(10,94,164,0.15)",
    "rgba(190,85,10,0.15)",
    "rgba(22,119,89,0.15)",
    "rgba(137,78,124,0.15)",
    "rgba(143,107,0,0.15)",
    "rgba(47,134,184,0.15)",
    "rgba(160,57,47,0.15)",
    "rgba(77,90,100,0.15)",
)
DASHES = ("solid", "dash", "dot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "triangle-down")

DARK = {  # each colour above -> the same on a dark ground
    INK: "#e7ebee",
    QUIET: "#a3b0ba",
    LINE: "#323c45",
    GROUND: "#12171c",
    SURFACE: "#1b2229",
    JOINT: "#6bb5f0",
    STANDALONE: "#f09a52",
    CENTRALISED: "#5cc9a0",
    OTHER: "#d29ac5",
    STANDALONE_BAND: "rgba(240,154,82,0.20)",
    UP: "#6cb6f1",
    DOWN: "#557391",
    ALARM: "#ff8a80",
    ALARM_GROUND: "#2b1f20",
    TRACK: "#2b343d",
    NEVER: "#2b343c",
    **dict(
        zip(
            RAMP,
            ("#1f4a6e", "#246296", "#3481bf", "#57a2dd", "#8cc4f0", "#cde6fb"),
            strict=True,
        )
    ),
    **dict(
        zip(
            SERIES,
            (
                "#6ab4ef",
                "#ef9951",
                "#5bc89f",
                "#d199c4",
                "#d9b94a",
                "#9fdcf5",
                "#f28b80",
                "#b3bec7",
            ),
            strict=True,
        )
    ),
    **dict(
        zip(
            BANDS,
            (
                "rgba(106,180,239,0.18)",
                "rgba(239,153,81,0.18)",
                "rgba(91,200,159,0.18)",
                "rgba(209,153,196,0.18)",
                "rgba(217,185,74,0.18)",
                "rgba(159,220,245,0.18)",
                "rgba(242,139,128,0.18)",
                "rgba(179,190,199,0.18)",
            ),
            strict=True,
        )
    ),
}

ROLES = {  # the page's own colours, as its style sheet calls them
    "ground": GROUND,
    "surface": SURFACE,
    "ink": INK,
    "quiet": QUIET,
    "line": LINE,
    "joint": JOINT,
    "standalone": STANDALONE,
    "centralised": CENTRALISED,
    "alarm": ALARM,
    "alarm-ground": ALARM_GROUND,
    "track": TRACK,
}
