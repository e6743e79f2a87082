"""The torch kernels on the CPU, where torch is installed."""

from __future__ import annotations

from typing import Any

import pytest


def torch_kernels() -> Any:
    pytest.importorskip("torch")
    from labelfree.kernels.torch_kernels import TorchKernels

    return TorchKernels("cpu")
