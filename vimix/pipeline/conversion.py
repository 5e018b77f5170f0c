"""A finished job made into something else: which of its options may change, and which the stored matte decides."""

from collections.abc import Mapping

from vimix.background import WHITE, Transparent
from vimix.options import Affects, Options, affecting, said
from vimix.pipeline.presets import Applied, apply_fit


def convert(made: Options, asked: Mapping[str, object]) -> Applied:
    """The options of a finished job with the changes that were `asked` for, as loose values.

    What is not named (or None, or empty text) stays as it was; `none` unsets a value. Another format starts with its
    own frame rate and without the fit of the one before. MP4 has no transparency: white is laid under it. What only the
    matte decides stays as in the finished job, because the network is not run again, and a frame rate above the matte's
    becomes that of the matte. Raises `UsageError` with every fault."""
    changes, base = said(asked), made.model_dump(mode="json")
    remarks: list[str] = []
    if "format" in changes and "fit" not in changes:
        base |= {"fit": None, "fps": None}
    merged = base | changes
    if merged["format"] == "mp4" and str(merged["background"]).strip() in ("", str(Transparent())):
        merged["background"] = str(WHITE)
        remarks.append("MP4 has no transparency: the background is white.")
    applied = apply_fit(Options.parse(merged))
    return Applied(_with_matte_of(made, applied.options), [*remarks, *applied.remarks])


def _with_matte_of(made: Options, asked: Options) -> Options:
    """`asked`, as far as the matte of `made` can answer it."""
    by_matte = set(affecting(Affects.MATTE)) - set(affecting(Affects.FINISH))
    fixed: dict[str, object] = {name: getattr(made, name) for name in by_matte}
    if (asked.refine == "matting") != (made.refine == "matting"):
        fixed["refine"] = "matting" if made.refine == "matting" else "clean"
    kept = (str(point) for point in made.points)
    fixed["point"] = (*kept, *(str(point) for point in asked.unwanted))
    if made.max_fps is not None and (asked.max_fps is None or asked.max_fps > made.max_fps):
        fixed["fps"] = float(made.max_fps)
    return asked.model_copy(update=fixed)
