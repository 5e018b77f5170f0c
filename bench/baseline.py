"""What a user would run instead: ffmpeg to PNG files, rembg on each, img2webp to put them together.

    python -m bench.baseline CLIP OUT.webp [--model isnet-general-use|portrait] [--fps 15] [--seconds 10] [--frames N]

Plain rembg calls with the same weights as ours. The light network is not one of rembg's, so it gets a session class of
its own here, written as rembg's are. Prints one JSON line: seconds of wall and CPU time, frames, bytes.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from PIL import Image


def cpu_seconds() -> float:
    """Of this process and the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def session(model: str, weights: Path) -> Any:
    """A rembg session on our copy of the weights."""
    import onnxruntime as ort
    from rembg.sessions.base import BaseSession
    from rembg.sessions.dis_general_use import DisSession

    class IsNet(DisSession):  # type: ignore[misc]
        @classmethod
        def download_models(cls, *args: Any, **kwargs: Any) -> str:
            return str(weights)

    class Portrait(BaseSession):  # type: ignore[misc]
        @classmethod
        def download_models(cls, *args: Any, **kwargs: Any) -> str:
            return str(weights)

        def predict(self, img: Image.Image, *args: Any, **kwargs: Any) -> list[Image.Image]:
            given = self.inner_session.get_inputs()[0]
            picture = img.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)
            numbers = np.array(picture) / 255
            numbers = numbers[None] if given.shape[-1] == 3 else numbers.transpose(2, 0, 1)[None]
            alpha = np.squeeze(self.inner_session.run(None, {given.name: numbers.astype(np.float32)})[0])
            mask = Image.fromarray((alpha.clip(0, 1) * 255).astype("uint8"), mode="L")
            return [mask.resize(img.size, Image.Resampling.LANCZOS)]

    kind = Portrait if model == "portrait" else IsNet
    return kind(model, ort.SessionOptions(), providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="isnet-general-use")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--frames", type=int, default=0, help="stop after so many; the caller scales")
    parser.add_argument("--lossy", action="store_true", help="img2webp -lossy, instead of what it does unasked")
    asked = parser.parse_args()
    began, cpu_began = time.perf_counter(), cpu_seconds()
    put_together = shutil.which("img2webp") or sys.exit("img2webp is missing: install Debian's package webp")

    from rembg import remove

    network = session(asked.model, asked.weights)
    loaded = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-t", str(asked.seconds)]
        command += ["-i", str(asked.clip), "-vf", f"fps={asked.fps}"]
        command += ["-frames:v", str(asked.frames)] if asked.frames else []
        subprocess.run([*command, str(pictures / "frame_%04d.png")], check=True)
        frames = sorted(pictures.glob("*.png"))
        for frame in frames:
            remove(Image.open(frame), session=network).save(frame)
        arguments = ["-loop", "0", "-d", str(1000 // asked.fps), *(["-lossy"] if asked.lossy else [])]
        subprocess.run([put_together, *arguments, *map(str, frames), "-o", str(asked.out)], check=True, stdout=-3)
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - began,
                "cpu": cpu_seconds() - cpu_began,
                "load": loaded - began,
                "frames": len(frames),
                "bytes": os.path.getsize(asked.out),
            }
        )
    )


if __name__ == "__main__":
    main()
