"""Which class a name on the command line means."""

from __future__ import annotations

from tithe.checks import BadInput, nearest


def class_named(wanted: str, names: tuple[str, ...]) -> int:
    """The number of the class of this name.

    Raises:
      BadInput: there is no such class; the sentence names the nearest.
    """
    if wanted in names:
        return names.index(wanted)
    close = nearest(wanted, names)
    hint = f"; did you mean {close!r}?" if close else ""
    raise BadInput(f"--class must be one of {', '.join(names)}, got {wanted!r}{hint}")
