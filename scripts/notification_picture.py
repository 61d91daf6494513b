"""Writes docs/pictures/notification.png: two real notifications on a screen of its own.

python scripts/notification_picture.py
"""

from __future__ import annotations

import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

from credman.watch.notifications import Notification, notify
from tests.watch.desktops import desktop

PATH = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "notification.png"
NOTIFICATIONS = (
    Notification(
        "rotate openai (prod)", "due in 3 days, on 24 Nov: credman rotate openai -e prod", False
    ),
    Notification("rotate hf (prod)", "overdue for 2 days: credman rotate hf -e prod", True),
)
CONFIG = """
[global]
font = DejaVu Sans 12
format = "<span size='small' alpha='65%%'>%a</span>\\n<b>%s</b>\\n%b"
markup = full
width = (0, 620)
height = 200
origin = top-left
offset = 24x24
padding = 14
horizontal_padding = 18
frame_width = 2
frame_color = "#4a5568"
separator_height = 2
separator_color = frame
corner_radius = 6
icon_position = off
alignment = left
sort = false
[urgency_normal]
background = "#262d3a"
foreground = "#e6e9ef"
timeout = 0
[urgency_critical]
background = "#5a1f26"
foreground = "#ffffff"
frame_color = "#c0404d"
timeout = 0
"""
BACKGROUND = (22, 25, 32)
MARGIN = 16
SECONDS = 20.0

Picture = list[list[tuple[int, int, int]]]


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        desktop(Path(folder), config=CONFIG, size="800x400") as found,
    ):
        reason = notify(NOTIFICATIONS, found.environ)
        if reason:
            sys.stderr.write(f"{reason}\n")
            return 1
        found.shown(len(NOTIFICATIONS))
        picture = _wait_until_it_stays(Path(folder) / "Xvfb_screen0")
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_bytes(_render_png(_crop(picture)))
    return 0


def _wait_until_it_stays(path: Path) -> Picture:
    """Returns: what is on the screen once something is, and nothing changes any more."""
    end = time.monotonic() + SECONDS
    before = b""
    while time.monotonic() < end:
        dump = path.read_bytes()
        if dump == before and any(map(any, (p for row in _read_dump(dump) for p in row))):
            return _read_dump(dump)
        before = dump
        time.sleep(0.5)
    raise TimeoutError


def _read_dump(dump: bytes) -> Picture:
    """Reads an X window dump of 32 bits a pixel, blue first: XWDFile.h of the X server."""
    header = struct.unpack(">25I", dump[:100])
    start, width, height, line, colours = header[0], header[4], header[5], header[12], header[19]
    pixels = dump[start + 12 * colours :]
    picture = []
    for row in range(height):
        found = pixels[row * line : row * line + 4 * width]
        picture.append(list(zip(found[2::4], found[1::4], found[0::4], strict=True)))
    return picture


def _crop(picture: Picture) -> Picture:
    """Returns: what is not black, with a margin around it; black becomes the background."""
    rows = [y for y, row in enumerate(picture) if any(map(any, row))]
    columns = [x for x in range(len(picture[0])) if any(any(row[x]) for row in picture)]
    inside = [row[columns[0] : columns[-1] + 1] for row in picture[rows[0] : rows[-1] + 1]]
    side = [BACKGROUND] * MARGIN
    whole = [BACKGROUND] * (len(inside[0]) + 2 * MARGIN)
    framed = [side + [p if any(p) else BACKGROUND for p in row] + side for row in inside]
    return [whole] * MARGIN + framed + [whole] * MARGIN


def _render_png(picture: Picture) -> bytes:
    """Returns: a PNG of 8 bits a channel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    size = struct.pack(">2I5B", len(picture[0]), len(picture), 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(channel for p in row for channel in p) for row in picture)
    data = chunk(b"IDAT", zlib.compress(lines, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + data + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit(main())
