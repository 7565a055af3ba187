"""What is known of a published data set: its files, its home, its public constants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OfficialFile:
    """One published file.

    Attributes:
      name: what it is called in its folder.
      num_bytes: its size; 0 if there is no address to have it from.
      sha256: of its bytes, or of what they unpack to if it lies there with ``.gz`` behind its name;
        empty if none is published.
      addresses: to try in order.
    """

    name: str
    num_bytes: int
    sha256: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class OfficialSet:
    """One published data set.

    Attributes:
      name: what a plan calls it.
      title: what people call it.
      home: where it is published, for a human.
      files: what makes it whole.
      extra: more of it, fetched only when asked for.
      class_names: in label order.
      mean: per channel, of the official training pixels / 255, before any padding; of a table, per
        column, in its units; of texts none.
      std: likewise.
      shelf: its folder under the data root, if that is not its name.
    """

    name: str
    title: str
    home: str
    files: tuple[OfficialFile, ...]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    extra: tuple[OfficialFile, ...] = ()
    shelf: str = ""

    @property
    def folder(self) -> str:
        """The name of its folder under the data root."""
        return self.shelf or self.name
