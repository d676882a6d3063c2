"""How much memory a picture will want beyond its pixels, read from its first bytes: two formats say so too late.

WebP's decoder lays out two canvases before it tells anybody their size, and a progressive JPEG keeps every coefficient until
its end. Where memory then runs out, the library says "damaged", which is not what is wrong.
"""

import struct

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_START_OF_SCAN, _FILL = 0xDA, 0xFF
_MOST_SEGMENTS = 2_000
_STORED, _COEFFICIENT, _CANVASES = 4, 2, 8  # bytes for a pixel


def needed(data: bytes) -> int:
    """Return the bytes that decoding takes by what the header states; 0 where nothing beyond the pixels is known."""
    if data[:4] == b"RIFF":
        width, height = webp_size(data)
        return width * height * _CANVASES
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    return 0


def webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a WebP picture by its first chunk, zeros when it has none that is known."""
    kind, body = data[12:16], data[20:32]
    if kind == b"VP8X" and len(body) >= 10:  # noqa: PLR2004 - flags and two sizes of three bytes
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L" and len(body) >= 5:  # noqa: PLR2004 - a signature and two sizes of 14 bits
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(body) >= 10:  # noqa: PLR2004 - frame tag, start code, two sizes
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _jpeg(data: bytes) -> int:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        head = data[at : at + 10]
        if len(head) < 10 or head[0] != 0xFF:  # noqa: PLR2004 - a marker, its length and a size
            return 0
        marker = head[1]
        if marker in _SOF:
            height, width, parts = struct.unpack(">HHB", head[5:10])
            most = _STORED + (parts * _COEFFICIENT if marker in _PROGRESSIVE else 0)
            return int(width * height * most)
        if marker == _START_OF_SCAN:
            return 0
        at += 1 if marker == _FILL else 2 + (0 if marker in _ALONE else struct.unpack_from(">H", head, 2)[0])
    return 0
