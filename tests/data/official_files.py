"""Small files in the official formats, with contents that a test knows."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile

import numpy as np
from scipy.io import savemat

CIFAR_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")


def images(num_rows, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (num_rows, *shape), dtype=np.uint8)


def labels(num_rows, num_classes=10):
    return (np.arange(num_rows) % num_classes).astype(np.uint8)


def idx_bytes(array):
    """Y. LeCun's description: 00 00 08 ndim, the sizes as big-endian 32-bit, the bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_mnist(folder, num_train=20, num_test=10, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for part, num_rows, seed in (("train", num_train, 1), ("t10k", num_test, 2)):
        pixels = images(num_rows, 28, 28, seed=seed)
        for name, array in (
            (f"{part}-images-idx3-ubyte", pixels),
            (f"{part}-labels-idx1-ubyte", labels(num_rows)),
        ):
            content = idx_bytes(array)
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
        written[part] = pixels
    return written


def cifar_records(num_rows, seed=0):
    """A. Krizhevsky's page: per record a label byte, then 3,072 bytes, channel by channel."""
    return np.hstack([labels(num_rows)[:, None], images(num_rows, 3072, seed=seed)])


def write_cifar(folder, *, names=CIFAR_BATCHES, form="bin", num_rows=12):
    folder.mkdir(parents=True, exist_ok=True)
    records = {name: cifar_records(num_rows, seed) for seed, name in enumerate(names)}
    if form == "tarball":
        with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
            readme = tarfile.TarInfo("cifar-10-batches-bin/readme.html")
            archive.addfile(readme, io.BytesIO())
            for name, rows in records.items():
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                member.size = rows.nbytes
                archive.addfile(member, io.BytesIO(rows.tobytes()))
    for name, rows in records.items():
        if form == "bin":
            (folder / name).write_bytes(rows.tobytes())
        if form == "xz":
            (folder / f"{name}.xz").write_bytes(lzma.compress(rows.tobytes()))
    return records


def write_svhn(path, num_rows=20, seed=0):
    """The official layout: X (32, 32, 3, n) and y (n, 1) in 1..10, compressed MATLAB 5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = images(num_rows, 32, 32, 3, seed=seed)
    y = (np.arange(num_rows) % 10 + 1).astype(np.uint8)
    savemat(path, {"X": pixels.transpose(1, 2, 3, 0), "y": y[:, None]}, do_compression=True)
    return pixels, y
