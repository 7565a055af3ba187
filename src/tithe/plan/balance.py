"""The section of a plan about classes of unequal size."""

from __future__ import annotations

from typing import Literal

from tithe.plan.sections import AtLeastOne, Count, Positive, Section

SYNTHETIC = ("smote", "borderline_smote", "adasyn")
"""new rows between a row and its nearest, of which one record can move any number"""
BETWEEN_ROWS = (*SYNTHETIC, "line_smote")


class Balance(Section):
    """What is done about classes of unequal size."""

    class_rows: tuple[Count, ...] = ()
    """keep so many training rows of each class, drawn with the seed; empty keeps all"""
    method: Literal[
        "none", "class_weights", "oversample", "smote", "borderline_smote", "adasyn", "line_smote"
    ] = "none"
    """nothing; rows of rare classes weigh more in the loss; they are there several times; or new
    rows are made between them: by imbalanced-learn, or between neighbours along a public direction,
    of which one record touches few"""
    public_counts: tuple[Positive, ...] = ()
    """rows of each class, or their proportions, as everybody may know them; empty takes class_rows,
    and without these every participant counts its own"""
    most_times: AtLeastOne = 10
    """oversample, SMOTE and kin: a class grows to at most so many times its rows"""
    neighbours: AtLeastOne = 5
    """SMOTE and kin: a row is joined with one of so many nearest rows of its class"""
    public_rows: Count = 0
    """SMOTE and kin: so many training rows, drawn with the seed, are public and nobody's, and new
    rows are made of these alone; 0: each participant makes them of its own"""
