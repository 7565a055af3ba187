"""Where random numbers come from: named streams that repeat, or bits that nobody can repeat.

==============  =====================================  ========================================
source          for                                    who can repeat it
==============  =====================================  ========================================
``stream``      simulation: batches, masks, orders     who knows the run's seed
``SeededBits``  simulation: the noise of a mechanism   who knows the run's seed
``SecureBits``  deployment: the noise of a mechanism   nobody, while AES-256 holds
==============  =====================================  ========================================
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, NoReturn, Protocol

from tithe.checks import require_at_least

if TYPE_CHECKING:  # naming a stream's type must not make anyone wait for PyTorch
    import numpy as np
    import torch
    from numpy.typing import NDArray

_NOTHING = bytes(1 << 16)  # the plaintext: encrypting zeros gives the key stream itself


def stream(seed: int, *, purpose: str, participant: int = -1, turn: int = -1) -> torch.Generator:
    """A CPU generator whose state depends on exactly these names.

    The engines, the examples and a resumed run agree because they ask for the same names, not
    because they draw in the same order. For simulation only: who knows the seed knows the draws.

    Args:
      seed: the run's seed, any integer.
      purpose: what the draws are for, e.g. ``"batches"`` or ``"mask"``.
      participant: whose draws; -1 if nobody's in particular.
      turn: that participant's turn; -1 if none in particular.
    """
    import torch

    names = f"tithe|{seed}|{purpose}|{participant}|{turn}".encode()
    digest = hashlib.sha256(names).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class RandomBits(Protocol):
    """Where a mechanism's noise comes from; the mechanisms ask for nothing but whole words."""

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next count words, each uniform on ``[0, 2^64)``, independent; shape ``(count,)``."""
        ...


class SeededBits:
    """Words from a torch generator: for simulation, where a run must repeat exactly.

    Guarantee: none. Who knows the seed can subtract the noise.
    """

    def __init__(self, rng: torch.Generator) -> None:
        self._rng = rng

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next count words, shape ``(count,)``; the generator is advanced."""
        import numpy as np
        import torch

        require_at_least(0, count=count)
        words = torch.empty(count, dtype=torch.int64, device=self._rng.device)
        words.random_(-(2**63), None, generator=self._rng)
        return words.cpu().numpy().view(np.uint64)


class SecureBits:
    """Words of the AES-256-CTR key stream under a key that this object alone has: for deployment.

    Key and first counter come from the operating system and are never written anywhere. The
    counter only moves forward; a child process takes a key of its own, and copies are refused,
    because two owners of one position would add the same noise twice.

    Guarantee: telling the words from uniform ones means breaking AES-256, or reading this
    process's memory. Not covered: a snapshot of a whole machine that is started twice.
    """

    def __init__(self) -> None:
        self._take_a_key()

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next count words, shape ``(count,)``."""
        import numpy as np

        require_at_least(0, count=count)
        if os.getpid() != self._process:
            self._take_a_key()
        words = np.empty(count, dtype=np.uint64)
        if count:
            target = words.data.cast("B")
            for start in range(0, len(target), len(_NOTHING)):
                part = target[start : start + len(_NOTHING)]
                self._key_stream.update_into(_NOTHING[: len(part)], part)
        return words

    def _take_a_key(self) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self._process = os.getpid()
        cipher = Cipher(algorithms.AES256(os.urandom(32)), modes.CTR(os.urandom(16)))
        self._key_stream = cipher.encryptor()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "SecureBits must not be copied or pickled, since the copy would repeat its noise; "
            "make a new one where it is needed"
        )
