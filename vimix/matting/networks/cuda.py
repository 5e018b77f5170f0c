"""What the driver of an NVIDIA GPU says and does, asked through ctypes: no runtime is loaded for it."""

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PORTABLE = 1
"""CU_MEMHOSTREGISTER_PORTABLE: locked for every context of the process."""
_PINNED: list[NDArray[np.generic]] = []


def gpu() -> str:
    """The name of the first NVIDIA GPU that its driver offers, or nothing."""
    driver, device = _first()
    if driver is None:
        return ""
    name = ctypes.create_string_buffer(100)
    driver.cuDeviceGetName(name, len(name), device)
    return name.value.decode()


def memory() -> int:
    """Bytes of memory of that GPU; 0 where there is none."""
    driver, device = _first()
    size = ctypes.c_size_t()
    if driver is None or driver.cuDeviceTotalMem_v2(ctypes.byref(size), device):
        return 0
    return size.value


def pin(array: NDArray[np.generic]) -> bool:
    """Lock the pages of an array in memory, so that the GPU reads them directly instead of through a copy.

    The array is kept for as long as the process lives: other memory at the same address would be taken for it. False
    where its pages cannot be locked; nothing is lost then but speed.
    """
    driver, device = _first()
    context, before = ctypes.c_void_p(), ctypes.c_void_p()
    if driver is None or driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
        return False
    if driver.cuCtxPushCurrent_v2(context):
        return False
    address, length = ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)
    failed: int = driver.cuMemHostRegister_v2(address, length, _PORTABLE)
    driver.cuCtxPopCurrent_v2(ctypes.byref(before))
    if not failed:
        _PINNED.append(array)
    return not failed


def _first() -> tuple[Any, ctypes.c_int]:
    """The driver and its first device; no driver where it has none."""
    driver, device = _driver(), ctypes.c_int()
    if driver is None or driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return None, device
    return driver, device


@cache
def _driver() -> Any:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
