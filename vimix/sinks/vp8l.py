"""WebP's lossless coding (VP8L), in NumPy, for pictures cut from film.

Every pixel is predicted by ClampAddSubtractFull (section 3.5.1), so that residuals are small, and 0 where nothing
happens: runs of equal ones become backward references, the rest prefix-coded literals. Blocks are sorted by the size of
their residuals into prefix code groups (meta prefix codes), which libwebp at its fastest does not have. On two 720p
clips with soft mattes its alpha took 31 and 43 KB in 5.1 and 12.7 ms, this 23 and 20 KB in 3.6 and 6.7 ms; its lossless
pictures took 150 and 322 KB in 6.3 and 29 ms, these 125 and 296 KB in 9.2 and 30 ms. Words and section numbers are
those of RFC 9649, "WebP Image Format", section 3."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels

Numbers = NDArray[np.int64]

_MAX_COPY, _MIN_COPY = 4096, 3
"""Pixels of a backward reference (3.6.2.2): the longest of the format, and the shortest that saves bits."""
_STRIP = 16 * _MAX_COPY
"""Pixels worked on together: their tokens stay in a core's cache. More would be slower, fewer costs calls."""
_BLOCK = 8
"""Side of a block of the entropy image (3.7.2.2), pixels: smaller follows the picture, larger stores fewer blocks."""
_GROUP_OF_MEAN = np.searchsorted((8, 24, 48), np.arange(256), "right").astype(np.uint8)
"""The prefix code group of a block, by the mean of its residuals in sixteenths of a level."""
_MIN_BLOCKS = 256
"""Blocks with residuals, below which the codes of more than one group would be longer than what they save."""
_SYMBOLS = 280
"""Of the green alphabet: 256 literals and 24 length prefixes, as there is no color cache; the other three have 256."""
_over = np.arange(_MAX_COPY)
_high = np.frexp(np.maximum(_over, 1))[1].astype(np.int64) - 1
_EXTRA_BITS = np.where(_over < 4, 0, _high - 1)
"""By the length of a backward reference less one: how many extra bits follow its prefix symbol (3.6.2.2)."""
_PREFIX_SYMBOL = 256 + np.where(_over < 4, _over, 2 * _high + (_over >> np.maximum(_high - 1, 0) & 1))
_MAX_CODE_LENGTH = 15
"""Bits of a prefix code at most (3.7.2.1)."""
_REVERSED = np.zeros(1, np.int64)
for _bit in range(_MAX_CODE_LENGTH):
    _REVERSED = np.concatenate((_REVERSED, _REVERSED | 1 << (_MAX_CODE_LENGTH - 1 - _bit)))
_CODE_LENGTH_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
"""kCodeLengthCodeOrder: in which the lengths of the code length code are stored (3.7.2.1.2)."""
_SIMPLE_CODES = 0b1001_0001_0001_0001
"""Simple code length codes (3.7.2.1.1) of one symbol: 0 for each of red, blue and alpha that is 0 throughout; then for
distances the one that is used, the pixel to the left."""


def plane(values: Pixels) -> bytes:
    """The image stream of an ALPH chunk, without header and transforms, of a plane (H, W): green holds its residuals,
    for ALPH's gradient filter."""
    bits, residual = _Bits(), residuals(values)
    bits.put([0], [1])
    _entropy_coded_image(bits, [residual], _entropy_image(residual))
    return bits.done()


def picture(rgb: Pixels, alpha: Pixels) -> bytes:
    """A whole VP8L stream (3.8) of (H, W, 3) and (H, W), at most 16384 pixels a side. Colours under alpha 0 are kept
    too."""
    height, width = alpha.shape
    bits = _Bits()
    bits.put(
        [0x2F, width - 1, height - 1, 1, 0b111001], [8, 14, 14, 4, 6]
    )  # 3.4, then the predictor transform in blocks of 512
    _entropy_coded_image(
        bits, [np.full((-(-height // 512), -(-width // 512)), 12, np.uint8)]
    )  # all of them in predictor mode 12
    bits.put([0b0101], [4])  # the subtract green transform (3.5.3); no other
    red, green, blue, clear = (residuals(np.asarray(plane, np.uint8)) for plane in (*cv2.split(rgb), alpha))
    clear[:1, :1] += np.uint8(1)  # the top-left pixel is predicted as opaque black
    red -= green
    blue -= green
    _entropy_coded_image(bits, [green, red, blue, clear], _entropy_image(green, clear))
    return bits.done()


def residuals(plane: Pixels) -> Pixels:
    """The residuals of a plane (H, W) modulo 256 in predictor mode 12; first row and column by left and top alone
    (3.5.1)."""
    side, top, corner = plane[1:, :-1], plane[:-1, 1:], plane[:-1, :-1]
    rest = plane.copy()
    if side.size:  # of the two differences one is 0, and saturating is the clamp
        clamped = cv2.subtract(cv2.add(top, cv2.subtract(side, corner)), cv2.subtract(corner, side))
        rest[1:, 1:] -= np.asarray(clamped, np.uint8)
    rest[0, 1:] -= plane[0, :-1]
    rest[1:, 0] -= plane[:-1, 0]
    return rest


def _entropy_image(*planes: Pixels) -> Pixels:
    """The prefix code group of each block, numbered from 0 without a gap: by the size of the first plane's residuals,
    and whether the last has any."""
    height, width = planes[0].shape
    margins = 0, -height % _BLOCK, 0, -width % _BLOCK
    size = -(-width // _BLOCK), -(-height // _BLOCK)
    much = (cv2.convertScaleAbs(plane.view(np.int8), alpha=by) for plane, by in zip(planes, (16, 255), strict=False))
    wide = (cv2.copyMakeBorder(each, *margins, cv2.BORDER_CONSTANT) for each in much)
    means = [np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA)) for each in wide]
    groups = _GROUP_OF_MEAN[means[0]] * 2 + (means[-1] > 0)
    if cv2.countNonZero(means[0]) < _MIN_BLOCKS:
        groups[:] = 0
    there = np.bincount(groups.ravel()) > 0
    return np.asarray((np.cumsum(there) - 1)[groups], np.uint8)


def _entropy_coded_image(bits: "_Bits", planes: Sequence[Pixels], entropy_image: Pixels | None = None) -> None:
    """Write green, and red, blue and alpha unless they are 0 throughout, in the prefix codes of each block's group
    (3.7.2.3). An image without an entropy image is one that is stored within another."""
    bits.put([0], [1])  # no color cache (3.6.2.3)
    flat = [plane.ravel() for plane in planes]
    groups, many = np.zeros(flat[0].size, np.uint8), 1
    if entropy_image is not None:
        bits.put([1, _BLOCK.bit_length() - 3], [1, 3])
        _entropy_coded_image(bits, [entropy_image])
        height, width = planes[0].shape
        groups, many = (
            entropy_image.repeat(_BLOCK, 0)[:height].repeat(_BLOCK, 1)[:, :width].ravel(),
            int(entropy_image.max()) + 1,
        )
    parts = [slice(at, at + _STRIP) for at in range(0, len(groups), _STRIP)]
    strips = [_strip([plane[part] for plane in flat], groups[part], many) for part in parts]
    counts = np.zeros(len(planes) * many * _SYMBOLS, np.int64)
    for *_, keys in strips:
        counts += np.bincount(np.concatenate(keys), minlength=len(counts))
    counts[::_SYMBOLS] += 1  # a code must not be of length prefixes alone, nor of nothing
    lengths = _code_lengths(counts.reshape(-1, _SYMBOLS), _MAX_CODE_LENGTH)
    _write_code_lengths(bits, lengths.reshape(len(planes), many, -1))
    codes = _canonical_codes(lengths).ravel()
    for over, copies, literals, (green, *others) in strips:
        values, sizes = codes[green] & 0xFFFF, codes[green] >> 16
        values[copies] |= (over & (1 << _EXTRA_BITS[over]) - 1) << sizes[copies]
        sizes[copies] += _EXTRA_BITS[over]
        for key in others:
            values[literals] |= (codes[key] & 0xFFFF) << sizes[literals]
            sizes[literals] += codes[key] >> 16
        bits.put(values, sizes)


def _strip(planes: Sequence[Pixels], groups: Pixels, many: int) -> tuple[Numbers, Numbers, Numbers, list[Numbers]]:
    """Pixels as literals and as backward references to the pixel before: the length of each reference less one, which
    of the tokens are references and which literals, and the place of each symbol in the table of all codes, by
    channel."""
    same = np.zeros(len(groups), np.uint8)
    same[1:] = np.logical_and.reduce([plane[1:] == plane[:-1] for plane in planes])
    same[::_MAX_COPY] = 0
    same = np.asarray(cv2.morphologyEx(same[None], cv2.MORPH_OPEN, np.ones((1, _MIN_COPY), np.uint8)))[0]
    starts, ends = np.flatnonzero(np.diff(same, append=np.uint8(0))).reshape(-1, 2).T + 1
    token = same == 0
    token[starts] = True
    at, over = np.flatnonzero(token), ends - starts - 1
    copies, literals = np.flatnonzero(same[at]), np.flatnonzero(same[at] == 0)
    group = groups[at] * np.int64(_SYMBOLS)
    green = group + planes[0][at]
    green[copies] = group[copies] + _PREFIX_SYMBOL[over]
    at, group = at[literals], group[literals]
    others = [group + plane[at] + many * channel * _SYMBOLS for channel, plane in enumerate(planes[1:], 1)]
    return over, copies, literals, [green, *others]


def _code_lengths(counts: Numbers, top: int) -> Numbers:
    """The code length of each symbol, bits, `top` at most, by counts (codes, symbols); 1 for a symbol that is alone.

    Every length is its entropy, rounded down as far as Kraft's inequality allows; what is then left of it goes to the
    most frequent symbols that it suffices for."""
    counts = np.where(counts, np.maximum(counts, counts.sum(axis=1, keepdims=True) >> (top - 1)), 0)
    ideal = np.log2(counts.sum(axis=1, keepdims=True) / np.maximum(counts, 1))
    tried = np.where(counts, np.ceil(ideal - np.arange(0, 1, 1 / 8)[:, None, None]).clip(1, top), 99).astype(np.int64)
    spares = (1 << top) - (1 << top >> tried).sum(axis=2)
    most = (spares >= 0).sum(axis=0) - 1, np.arange(len(counts))
    lengths, spare = tried[most], spares[most]
    spare[spare == 1 << top - 1] = 0  # it is alone
    while (row := np.flatnonzero(spare)).size:
        best = np.where(1 << top >> lengths[row] <= spare[row, None], counts[row], 0).argmax(axis=1)
        spare[row] -= 1 << top >> lengths[row, best]
        lengths[row, best] -= 1
    return np.where(counts, lengths, 0)


def _canonical_codes(lengths: Numbers) -> Numbers:
    """The canonical prefix codes of those lengths, first bit lowest, with the length from bit 16 on; 0 for one
    alone."""
    order = np.argsort(np.where(lengths, lengths, 99), axis=1, kind="stable")
    room = np.take_along_axis(np.where(lengths, 1 << _MAX_CODE_LENGTH - lengths, 0), order, axis=1)
    codes = np.empty_like(lengths)
    np.put_along_axis(codes, order, _REVERSED[room.cumsum(axis=1) - room & (1 << _MAX_CODE_LENGTH) - 1], axis=1)
    return np.where(lengths.sum(axis=1, keepdims=True) > 1, codes | lengths << 16, 0)


def _write_code_lengths(bits: "_Bits", lengths: Numbers) -> None:
    """Write code lengths (channels, groups, symbols), group by group, all in one code length code (3.7.2.1.2)."""
    own = _code_lengths(np.bincount(lengths.ravel(), minlength=19)[None], 7)
    codes = np.pad(_canonical_codes(own)[0][lengths.swapaxes(0, 1)], ((0, 0), (0, 0), (1, 1)))
    codes[:, 1:, 257:] = 0  # only green has length prefixes
    values, sizes = codes & 0xFFFF, codes >> 16
    values[..., 0], sizes[..., 0] = (own[0, _CODE_LENGTH_ORDER] << 5 + 3 * np.arange(19)).sum() | 15 << 1, 63
    values[:, -1, -1], sizes[:, -1, -1] = _SIMPLE_CODES >> 4 * (len(lengths) - 1), 4 * (5 - len(lengths))
    bits.put(values.ravel(), sizes.ravel())


class _Bits:
    """A bit stream, the least significant bit first (3.2)."""

    def __init__(self) -> None:
        self._parts: list[Numbers] = []
        self._rest, self._used = np.int64(0), 0

    def put(self, values: Numbers | Sequence[int], sizes: Numbers | Sequence[int]) -> None:
        """Append numbers of so many bits, 63 at most."""
        values, sizes = np.asarray(values), np.asarray(sizes)
        ends = sizes.cumsum() + self._used
        word, shift = ends - sizes >> 6, ends - sizes & 63
        whole, used = divmod(int(ends[-1]), 64)
        words = np.zeros(whole + 2, np.int64)
        first = np.flatnonzero(np.diff(word, prepend=-1))
        words[word[first]] = np.bitwise_or.reduceat(values << shift, first)
        over = np.flatnonzero(ends >> 6 > word)
        words[word[over] + 1] |= values[over] >> 1 >> 63 - shift[over]
        words[0] |= self._rest
        self._parts.append(words[:whole])
        self._rest, self._used = words[whole], used

    def done(self) -> bytes:
        """All of it, to the next byte."""
        stream: bytes = np.append(np.concatenate(self._parts), self._rest).astype("<i8").tobytes()
        return stream[: len(stream) - 8 + -(-self._used // 8)]
