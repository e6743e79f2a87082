"""The kernels of a device."""

from __future__ import annotations

from labelfree.errors import UsageError, option
from labelfree.kernels import Kernels, numpy_kernels


def device_for(device: str) -> str:
    """The device that a name stands for: "cpu", "cuda" or "cuda:1"; "auto" is a GPU where there is one."""
    if device == "cpu":
        return device
    if device != "auto" and not device.startswith("cuda"):
        raise UsageError(f"{option('device')}: expected cpu, cuda or auto, found {device!r}")
    from labelfree.kernels.torch_kernels import cuda_available

    if cuda_available():
        return "cuda" if device == "auto" else device
    if device == "auto":
        return "cpu"
    raise UsageError(f"{option('device', device)}: no CUDA device is available here; use {option('device', 'cpu')}")


def kernels_for(device: str) -> Kernels:
    """The kernels of the device that a name stands for."""
    found = device_for(device)
    if found == "cpu":
        return numpy_kernels
    from labelfree.kernels.torch_kernels import TorchKernels

    return TorchKernels(found)
