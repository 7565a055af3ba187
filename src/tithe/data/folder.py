"""A user's own images, one folder a class; or one folder an owner, with its classes in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from tithe.checks import BadInput
from tithe.data.arrays import Array, Part
from tithe.data.options import OwnOptions

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")  # more than eight bits: 'I', 'I;16', 'F', ...


class _Listed(NamedTuple):
    """An image, the name of its class, and of its owner where owners are told apart."""

    file: Path
    label: str
    owner: str | None


def read_images(path: Path, options: OwnOptions) -> tuple[Part, Part | None, str]:
    """The train part, the test part if there is one, and a sentence if another part serves as test.

    Either ``PATH/<class>/<image>`` or ``PATH/train/<class>/<image>``, with ``PATH/test`` (else
    ``PATH/val``) beside it. With option ``owners`` a training image lies one folder deeper,
    ``<owner>/<class>/<image>``, and an owner need not have every class. Images are taken in the
    order of their names; hidden files and files that are no images by their ending are passed over.

    Raises:
      BadInput: no class folder, one without an image, an unreadable image, or images of several
        sizes without option ``size``.
    """
    if not path.is_dir():
        raise BadInput(f"{path}: must be a folder of class folders, is none")
    has_parts = bool(_subfolders(path / "train"))
    train = _train(path / "train" if has_parts else path, owners=options.owners)
    classes = {image.label for image in train}
    for name, note in (("test", ""), ("val", "The test rows are its folder val.")):
        if has_parts and _subfolders(path / name):
            test = _classes(path / name)
            new = sorted({image.label for image in test} - classes)
            if new:
                raise BadInput(
                    f"{path / name}: every class must be in train too, got {len(new)} more "
                    f"(first: {new[0]!r})"
                )
            parts = _decode([train, test], options)
            return parts[0], parts[1], note
    return _decode([train], options)[0], None, ""


def read_images_features(path: Path, options: OwnOptions) -> Array:
    """All images below a folder, or a single one, as bytes ``(n, h, w, c)``."""
    files = [path] if path.is_file() else _images(path, "**/*")
    if not files:
        raise BadInput(f"{path}: must be an image or a folder with images, got none")
    return _decode([[_Listed(file, "", None) for file in files]], options)[0].features


def _train(path: Path, *, owners: bool) -> list[_Listed]:
    """Every training image: of all class folders, or of those of every owner."""
    if not owners:
        return _classes(path)
    folders = _subfolders(path)
    if not folders:
        raise BadInput(f"{path}: must hold one folder per owner (option owners), got none")
    return [image for folder in folders for image in _classes(folder, owner=folder.name)]


def _classes(path: Path, *, owner: str | None = None) -> list[_Listed]:
    """Every image of the class folders in a folder."""
    folders = _subfolders(path)
    if not folders:
        raise BadInput(f"{path}: must hold one folder of images per class, got none")
    listed: list[_Listed] = []
    for folder in folders:
        files = _images(folder, "*")
        if not files:
            raise BadInput(
                f"{folder}: a class folder must hold an image, got none; fill it or remove it"
            )
        listed += [_Listed(file, folder.name, owner) for file in files]
    return listed


def _subfolders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and entry.name[0] != ".")


def _images(path: Path, pattern: str) -> list[Path]:
    return sorted(
        entry
        for entry in path.glob(pattern)
        if entry.suffix.lower() in _SUFFIXES and entry.name[0] != "." and entry.is_file()
    )


def _decode(parts: Sequence[Sequence[_Listed]], options: OwnOptions) -> list[Part]:
    """Bytes ``(n, h, w, c)`` of every part, all of one size and number of channels."""
    heads = {image.file: _head(image.file) for part in parts for image in part}
    sizes = sorted({size for size, _ in heads.values()})
    if options.size is None and len(sizes) > 1:
        raise BadInput(
            f"{next(iter(heads)).parent}: images must have one size, got {len(sizes)} (height x "
            f"width) from {sizes[0][0]}x{sizes[0][1]} to {sizes[-1][0]}x{sizes[-1][1]}; set option "
            "size = [height, width] to resize them"
        )
    height, width = options.size or sizes[0]
    is_grey = all(mode in _GREY for _, mode in heads.values())
    channels = options.channels or (1 if is_grey else 3)
    decoded = []
    for part in parts:
        pixels = np.empty((len(part), height, width, channels), dtype=np.uint8)
        for row, image in enumerate(part):
            pixels[row] = _pixels(image.file, height, width, channels)
        owners = [image.owner for image in part if image.owner is not None]
        labels = np.array([image.label for image in part])
        decoded.append(Part(pixels, labels, np.array(owners) if owners else None))
    return decoded


def _head(file: Path) -> tuple[tuple[int, int], str]:
    """Height, width and Pillow's mode, without decoding the pixels."""
    try:
        with Image.open(file) as image:
            size, mode = (image.height, image.width), image.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(_unreadable(file, error)) from error
    if mode.split(";")[0] in _DEEP:
        raise BadInput(
            f"{file}: images must have 8 bits per channel, got mode {mode}; convert it, or give "
            "the images as npz with float32 values"
        )
    return size, mode


def _pixels(file: Path, height: int, width: int, channels: int) -> Array:
    try:
        with Image.open(file) as image:
            plain = image.convert("L" if channels == 1 else "RGB")
            if plain.size != (width, height):
                plain = plain.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(plain, dtype=np.uint8).reshape(height, width, channels)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(_unreadable(file, error)) from error


def _unreadable(file: Path, error: Exception) -> str:
    reason = "not an image" if isinstance(error, UnidentifiedImageError) else type(error).__name__
    return f"{file}: could not be read as an image ({reason}); mend or remove it"
