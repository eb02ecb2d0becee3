"""Picture files with every oddity that users' folders have."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 24


def pixels(seed: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Smooth colours, uint8 (height, width, 3): what JPEG changes little."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(40, 216, (3, 3, 3), np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def picture(seed: int) -> Image.Image:
    return Image.fromarray(pixels(seed))


def write_classes(root: Path, classes: tuple[str, ...] = ("a", "b"), count: int = 3) -> Path:
    """`count` good PNG pictures in a folder for each class; picture i of class k is `pixels(10 * k + i)`."""
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(count):
            picture(10 * number + index).save(root / name / f"{index}.png")
    return root


def _deep_grey(path: Path) -> None:
    Image.fromarray(pixels(32)[..., 0].astype(np.uint16) * 257).save(path)


def _deep_colours(path: Path) -> None:
    """A PNG of 16 bits a channel, which Pillow cannot write: built by hand."""
    import struct
    import zlib

    rows = pixels(33).astype(">u2") * 257
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    )


def _alpha(path: Path) -> None:
    image = picture(34).convert("RGBA")
    image.putalpha(
        Image.fromarray(np.where(np.arange(SIDE) < SIDE // 2, 255, 0).astype(np.uint8)[None].repeat(SIDE, 0))
    )
    image.save(path)


def _turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned clockwise
    picture(35).save(path, exif=exif, quality=98)


def _pages(path: Path) -> None:
    picture(36).save(path, save_all=True, append_images=[picture(37)])


def truncated_jpeg() -> bytes:
    file = io.BytesIO()
    picture(38).save(file, "JPEG", quality=98)
    return file.getvalue()[: len(file.getvalue()) // 2]


ODD = {
    "cmyk.jpg": (["cmyk"], lambda path: picture(30).convert("CMYK").save(path, quality=98)),
    "palette.png": (["palette"], lambda path: picture(31).quantize(200).save(path)),
    "deep.png": (["16 bit", "grey"], _deep_grey),
    "deep.tif": (["16 bit", "grey"], _deep_grey),
    "deep_colours.png": (["16 bit"], _deep_colours),
    "alpha.png": (["alpha"], _alpha),
    "turned.jpg": (["rotated"], _turned),
    "pages.tif": (["frames"], _pages),
    "grey.png": (["grey"], lambda path: picture(39).convert("L").save(path)),
    "one_bit.png": (["grey"], lambda path: picture(39).convert("1").save(path)),
    "plain.bmp": ([], lambda path: picture(40).save(path)),
    "plain.tiff": ([], lambda path: picture(41).save(path)),
    "jpeg.png": ([], lambda path: picture(42).save(path, "JPEG", quality=98)),
    "empty.png": (["empty"], lambda path: path.write_bytes(b"")),
    "cut.jpg": (["truncated"], lambda path: path.write_bytes(truncated_jpeg())),
    "text.png": (["unreadable"], lambda path: path.write_text("hello")),
    "gif.png": (["unreadable"], lambda path: picture(43).save(path, "GIF")),
    "float.tif": (["unreadable"], lambda path: Image.fromarray(np.ones((SIDE, SIDE), np.float32)).save(path)),
    "bomb.png": (["bomb"], lambda path: Image.new("1", (9000, 9000)).save(path)),
}
"""Name of a file: the kinds that are told of it in a set of colours, and what writes it."""
