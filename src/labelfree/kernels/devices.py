"""The kernels of a device."""

from __future__ import annotations

from labelfree.errors import UsageError
from labelfree.kernels import Kernels, numpy_kernels


def kernels_for(device: str) -> Kernels:
    """The kernels of a device: "cpu", "cuda" (or "cuda:1"), or "auto" for a GPU where there is one."""
    if device == "cpu":
        return numpy_kernels
    if device != "auto" and not device.startswith("cuda"):
        raise UsageError(f"--device: expected cpu, cuda or auto, found {device!r}")
    from labelfree.kernels.torch_kernels import TorchKernels, cuda_available

    if device == "auto":
        return TorchKernels("cuda") if cuda_available() else numpy_kernels
    if not cuda_available():
        raise UsageError(f"--device {device}: no CUDA device is available here; use --device cpu")
    return TorchKernels(device)
