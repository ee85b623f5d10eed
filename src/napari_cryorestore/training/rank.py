"""Which of several processes of one training this is; needs no PyTorch."""

from __future__ import annotations

import os

_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")


def ranks_first() -> bool:
    """Tell whether this is the first process, or the only one, by what launchers leave in the environment."""
    return all(int(os.environ.get(name, "0")) == 0 for name in _RANKS)
