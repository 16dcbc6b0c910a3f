"""Drawing an uploaded picture anew: what is not a picture does not pass, and what the camera wrote into it stays out.

Place, time and serial number of a telephone are in the EXIF of every photograph; the new JPEG has none of it. The
uploaded bytes are never stored.
"""

import io
import threading
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from dialogue.pictures import Photograph
from kernel.errors import BadInput

#: By content, whatever the name or the header says.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_LONGEST_SIDE = 1600
#: A preview is shown 260 wide at most; telephones have two points and more for one of the page.
_PREVIEW_SIDE = 520
_QUALITY = 82
_MOST_PIXELS = 40_000_000
#: Decoding takes memory by the pixel, and the same process answers the telephone.
_AT_ONCE = 2
_PNG = b"\x89PNG\r\n\x1a\n"
_INK = 128  # of 255: darker is a stroke
_LEAST_INK = 0.0005  # of the paper; less is a slip of the finger


class NotAPicture(BadInput):
    """Not one of the formats, or damaged."""


class PictureTooBig(BadInput):
    """More bytes or pixels than any telephone's camera needs."""


class DarkRoom:
    """Draws a few at a time; the others wait their turn."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def draw(self, data: bytes) -> Photograph:
        """Upright, in RGB, at most 1,600 pixels a side, with a preview of 520. Raises NotAPicture, PictureTooBig."""
        with self._places:
            return _draw(data)

    def draw_signature(self, data: bytes) -> Photograph:
        """The same for what was written on a screen: a PNG, with more on it than a dot. Raises NotAPicture, PictureTooBig."""
        if not data.startswith(_PNG):
            raise NotAPicture("a signature is a PNG")
        drawn = self.draw(data)
        with Image.open(io.BytesIO(drawn.jpeg)) as paper:
            shades = paper.convert("L").histogram()
        if sum(shades[:_INK]) < _LEAST_INK * sum(shades):
            raise NotAPicture("an empty sheet")
        return drawn


def _draw(data: bytes) -> Photograph:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, which is thrown away
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise PictureTooBig(f"{image.width} x {image.height} pixels")
                image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))  # a JPEG is decoded at a smaller scale at once
                seen = ImageOps.exif_transpose(image).convert("RGBA")
            clear = Image.new("RGB", seen.size, "white")
            clear.paste(seen, mask=seen)
    except Image.DecompressionBombError as exc:
        raise PictureTooBig("far too many pixels") from exc
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as exc:
        raise NotAPicture("no picture that can be read") from exc
    return Photograph(_jpeg(clear), clear.width, clear.height, _preview(clear))


def _preview(clear: Image.Image) -> bytes:
    if max(clear.size) <= _PREVIEW_SIDE:
        return b""
    small = clear.copy()
    small.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
    return _jpeg(small)


def _jpeg(image: Image.Image) -> bytes:
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=_QUALITY)
    return jpeg.getvalue()
