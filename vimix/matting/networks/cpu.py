"""What this machine's processor is, and what it can do."""

import platform
from importlib.metadata import distributions
from pathlib import Path

from vimix.concurrency.threads import cores

NATIVE = {"bf16": ("amx_bf16", "avx512_bf16"), "int8": ("amx_int8", "avx512_vnni", "avx_vnni")}
"""By precision, the flags of processors any of which means that it multiplies such numbers itself."""


def machine() -> str:
    """Its name, what it multiplies, its cores, and the versions of the libraries that run networks on it."""
    runtimes = (found for name in ("openvino", "onnxruntime-gpu", "onnxruntime") for found in distributions(name=name))
    parts = *(f"{found.name} {found.version}" for found in runtimes), *filter(multiplies, NATIVE)
    return ", ".join((processor(), f"{cores()} cores", *parts))


def processor() -> str:
    """Its name."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


def multiplies(precision: str) -> bool:
    """Whether it has instructions for that of `NATIVE`."""
    return not {*NATIVE[precision]}.isdisjoint(cpuinfo("flags").split())


def cpuinfo(key: str) -> str:
    """What Linux says of the first core under that name; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next(
        (value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == key), ""
    )


def has_nvidia_driver() -> bool:
    """Whether the driver of an NVIDIA GPU is loaded (Linux); no runtime is loaded to find out."""
    return Path("/dev/nvidiactl").exists()
