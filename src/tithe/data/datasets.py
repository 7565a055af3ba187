"""From the name of a data set to its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tithe.checks import BadInput
from tithe.data.catalogue import official_set
from tithe.data.cifar import read_cifar10
from tithe.data.dataset import Splits
from tithe.data.digits import read_digits
from tithe.data.fetch import data_root, download
from tithe.data.files import OWN_SCHEMES, load_own
from tithe.data.inventory import fetch, hold
from tithe.data.medmnist import read_pneumonia
from tithe.data.mnist import read_mnist
from tithe.data.official import OfficialFile, OfficialSet
from tithe.data.svhn import read_svhn
from tithe.data.texts import read_ag_news, read_spam, read_sst2
from tithe.data.uci_tables import read_adult, read_wdbc

NO_OPTIONS: Mapping[str, object] = MappingProxyType({})

_READ: Mapping[str, Callable[[OfficialSet, Path], Splits]] = MappingProxyType(
    {
        "mnist": read_mnist,
        "fashion-mnist": read_mnist,
        "cifar10": read_cifar10,
        "pneumonia-mnist": read_pneumonia,
        "wdbc": read_wdbc,
        "adult": read_adult,
        "sms-spam": read_spam,
        "sst2": read_sst2,
        "ag-news": read_ag_news,
    }
)


def load(
    source: str,
    *,
    root: Path | None = None,
    offline: bool = False,
    options: Mapping[str, object] = NO_OPTIONS,
) -> Splits:
    """Reads a named set or the user's own files into memory.

    Args:
      source: one of ``SET_NAMES``, such as ``"digits"``, or the user's own: ``"npz:PATH"``,
        ``"csv:PATH"``, ``"images:PATH"``, ``"python:module:function"``.
      root: holds one folder per named set; None is $TITHE_DATA, else the user's cache folder. What
        is not there is downloaded into it, with its SHA-256 checked.
      offline: refuse to download instead.
      options: of the user's own files, see ``files``; of SVHN, ``extra = true`` adds the 531,131
        easier training images. The other named sets take none.
    Raises:
      BadInput: an unknown name, or files that are missing, damaged or do not make a data set.
    """
    scheme, colon, place = source.partition(":")
    if colon and scheme in OWN_SCHEMES:
        return load_own(scheme, place, options=options)
    with_extra = _svhn_extra(source, options)
    if source == "digits":
        return read_digits()
    official = official_set(source)
    folder = data_root(root) / official.folder
    extra = [file for file in official.extra if with_extra and not (folder / file.name).is_file()]
    is_usable = hold(source, root).is_usable
    if offline and (extra or not is_usable):
        raise BadInput(_not_there(official, folder, [] if is_usable else official.files, extra))
    if not is_usable:
        fetch(source, root)
    for file in extra:
        download(official, file, folder)
    if source == "svhn":
        return read_svhn(official, folder, with_extra=with_extra)
    return _READ[source](official, folder)


def _svhn_extra(source: str, options: Mapping[str, object]) -> bool:
    """Whether SVHN's extra images are asked for; refuses every other option of a named set."""
    unknown = sorted(set(options) - ({"extra"} if source == "svhn" else set()))
    if unknown:
        raise BadInput(
            f"{source}: takes {'no option but extra' if source == 'svhn' else 'no options'}, "
            f"got {', '.join(unknown)}; options are for your own files"
        )
    with_extra = options.get("extra", False)
    if not isinstance(with_extra, bool):
        raise BadInput(f"{source}: option extra must be true or false, got {with_extra!r}")
    return with_extra


def _not_there(official: OfficialSet, folder: Path, *files: Sequence[OfficialFile]) -> str:
    names = ", ".join(file.name for some in files for file in some)
    return (
        f"{official.name}: {names} must be in {folder}, is not, and downloading is switched off; "
        f"put it there by hand from {official.home}, or point TITHE_DATA to a folder that holds "
        f"{official.folder}/"
    )
