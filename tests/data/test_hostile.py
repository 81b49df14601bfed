"""No input costs more than 300 MB over the idle process or 5 seconds of computing, whatever it claims.

The seconds are measured with much room: other work slows computing, too.
"""

from __future__ import annotations

import bz2
import io
import os
import re
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coverfusion.data import decoder_process, web_files
from coverfusion.data.archives import MAX_ENTRIES, MAX_FILE_BYTES
from coverfusion.data.decoder_process import DECODER
from coverfusion.data.facts_cache import FactsCache
from coverfusion.data.memory_budget import MemoryBudget
from coverfusion.data.pictures import PictureError, UndecidedPictureError, decode, decode_image, may_take_long
from coverfusion.data.sources import list_pictures, read_bytes
from coverfusion.experiments.bench.hostile_pictures import SIDE, many_scans, png, png_chunk
from tests.helpers import pictures
from tests.helpers.hostile import cost_of, jpeg, segment, tags, with_segments

MEGABYTES, SECONDS = 300, 5
SMALL = pictures.solid("teal", (64, 64))
TOO_LARGE, ANY = "too large", ".*"


def _gif_comments() -> bytes:
    data = pictures.encode(SMALL, "GIF")
    comment = b"\x21\xfe" + (b"\xff" + bytes(255)) * 40_000 + b"\0"
    head = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    return data[:head] + comment + data[head:]


def _icon() -> bytes:
    inner = png(SIDE, SIDE, 8, 6)
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def _wide_webp() -> bytes:
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_382).to_bytes(3, "little") * 2
    body = pictures.encode(SMALL, "WEBP", lossless=True)[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(body)) + b"WEBP" + canvas + body


def _tiff() -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (8000, 8000)).save(sink, "TIFF", compression="tiff_lzw")
    return sink.getvalue()


def _jpeg_2000() -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (4500, 4500)).save(sink, "JPEG2000", irreversible=True)
    return sink.getvalue()


def _bmp_of_runs() -> bytes:
    side, run = 9000, b"\xff\0" * 35 + b"\x4b\0" + b"\0\0"
    palette, runs = bytes(1024), run * 9000 + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(runs), 0, 0, 54 + 1024) + head + palette + runs


_EXIF = b"Exif\0\0" + tags(2_000, 40_000)
_FULL = tags(20_000, 5_000_000)
_RAW = zlib.compress(b"\nexif\n  10\n" + (b"Exif\0\0" + tags(5_000, 300_000)).hex().encode())
CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "palette with transparency": (
        lambda: png(SIDE, SIDE, 1, 3, png_chunk(b"PLTE", bytes(6)) + png_chunk(b"tRNS", b"\0\x80")), ANY,
    ),
    "rgba": (lambda: png(SIDE, SIDE, 8, 6), TOO_LARGE),
    "grey of 16 bits": (lambda: png(SIDE, SIDE, 16, 0), ANY),
    "one pixel wide": (lambda: png(1, 89_478_485, 8, 0), "too large: 1 x"),
    "one pixel wide, 16 bits": (lambda: png(1, 89_478_485, 16, 0), "too large: 1 x"),
    "many scans": (lambda: many_scans(700, 9400), "too much work: more than 100 scans"),
    "many scans that are not so many": (lambda: many_scans(80, 9400), "takes too long|^$"),
    "large in scans": (lambda: jpeg(Image.new("RGB", (SIDE, SIDE)), progressive=True), TOO_LARGE),
    "large at once": (lambda: jpeg(Image.new("RGB", (SIDE, SIDE))), "^$"),
    "twice as large at once": (lambda: jpeg(Image.new("RGB", (13_300, 13_300), "teal")), "^$"),
    "larger still": (lambda: jpeg(Image.new("L", (13_400, 13_400))), "decompression bomb"),
    "comment of a PNG": (
        lambda: png(64, 64, 8, 2, png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 2_000_000))), "^$",
    ),
    "comments of a PNG": (
        lambda: png(64, 64, 8, 2, png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(4 * 2**20))) * 99), ANY,
    ),
    "tags of a JPEG": (lambda: with_segments(jpeg(SMALL), *[segment(0xE1, _EXIF)] * 20), ANY),
    "pictures beside a JPEG": (lambda: with_segments(jpeg(SMALL), segment(0xE2, b"MPF\0" + _EXIF[6:])), ANY),
    "tags of a PNG": (lambda: png(64, 64, 8, 2, png_chunk(b"eXIf", _FULL)), ANY),
    "raw tags of a PNG": (
        lambda: png(64, 64, 8, 2, png_chunk(b"zTXt", b"Raw profile type exif\0\0" + _RAW)), ANY,
    ),
    "tags of a TIFF": (lambda: _FULL, "not a picture|broken|takes too long"),
    "fill bytes": (lambda: b"\xff\xd8\xff" + b"\xff" * 10_000_000, ANY),
    "small segments": (lambda: with_segments(jpeg(SMALL), b"\xff\xfe\0\x03x" * 1_000_000), ANY),
    "small chunks": (lambda: png(64, 64, 8, 2, png_chunk(b"abCd", b"") * 800_000), ANY),
    "comments of a GIF": (_gif_comments, ANY),
    "picture in an icon": (_icon, ANY),
    "canvas of a WebP": (_wide_webp, ANY),
    "lzw TIFF": (_tiff, TOO_LARGE),
    "JPEG 2000": (_jpeg_2000, TOO_LARGE),
    "runs of a BMP": (_bmp_of_runs, "takes too long|more memory|^$"),
    "plain PPM": (lambda: b"P3 3000 3000 255\n" + b"1 " * 5_000_000, ANY),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_picture_costs_little_or_is_rejected(case: str, tmp_path: Path) -> None:
    make, reason = CASES[case]
    (tmp_path / "cover").write_bytes(make())
    cost = cost_of(tmp_path / "cover")
    assert cost.megabytes < MEGABYTES
    assert cost.seconds < 2 * SECONDS
    (found,) = cost.reasons
    assert re.search(reason, found)


def test_a_member_is_read_up_to_the_size_in_the_directory(tmp_path: Path) -> None:
    """One of bzip2 is not read at all, one of deflate stops at 1,000 bytes."""
    zeros, packers = bytes(2**24), {12: bz2.BZ2Compressor(1), 8: zlib.compressobj(1, zlib.DEFLATED, -15)}
    for method, packer in packers.items():
        data = b"".join([*(packer.compress(zeros) for _ in range(24)), packer.flush()])
        name = b"Rock/a.jpg"
        head = struct.pack("<IHHHHHIIIHH", 0x04034B50, 46, 0, method, 0, 0, 0, len(data), 1000, len(name), 0)
        entry = struct.pack(
            "<IHHHHHHIIIHHHHHII",
            0x02014B50, 46, 46, 0, method, 0, 0, 0, len(data), 1000, len(name), 0, 0, 0, 0, 0, 0,
        )  # fmt: skip
        end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, 46 + 10, 40 + len(data), 0)
        (tmp_path / "a.zip").write_bytes(head + name + data + entry + name + end)
        cost = cost_of(tmp_path / "a.zip")
        assert cost.megabytes < 50
        assert cost.seconds < SECONDS
        (reason,) = cost.reasons
        assert ("packed in a way" if method == 12 else "broken archive member") in reason


def test_threads_do_not_hold_many_large_members_at_a_time(tmp_path: Path) -> None:
    pictures.save_zip(tmp_path / "a.zip", {f"Rock/{n}.jpg": bytes(33 * 2**20) for n in range(6)})
    cost = cost_of(tmp_path / "a.zip")
    assert cost.reasons == ["not a picture, or in a format that cannot be read"] * 6
    assert cost.megabytes < 150


@pytest.mark.parametrize("said", [MAX_ENTRIES + 1, 1])
def test_a_zip_of_too_many_entries_is_refused_as_a_whole(tmp_path: Path, said: int) -> None:
    """They are counted, whatever the end of the zip says."""
    name = b"a"
    head = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, *[20] * 2, *[0] * 7, len(name), *[0] * 6) + name
    directory = entry * (MAX_ENTRIES + 1)
    place = len(head) + len(directory)
    zip64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, said, said, len(directory), len(head))
    locator = struct.pack("<IIQI", 0x07064B50, 0, place, 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, *[0xFFFF] * 2, len(directory), len(head), 0)
    (tmp_path / "a.zip").write_bytes(head + directory + zip64 + locator + end)
    cost = cost_of(tmp_path / "a.zip")
    assert cost.megabytes < 100
    assert cost.seconds < SECONDS
    assert cost.reasons == [f"too large: a zip of more than {MAX_ENTRIES:,} entries; split it, or unpack it"]


class _Server(BaseHTTPRequestHandler):
    """Serves `content`; under /liar/ it sends 3 GB instead of the part that it is asked for."""

    content = pictures.zip_bytes({"Rock/a.jpg": jpeg(SMALL), "Rock/b.jpg": bytes(300_000)})
    sent = 0

    def do_HEAD(self) -> None:
        self._begin(200, len(self.content))

    def do_GET(self) -> None:
        first, last = map(int, self.headers.get("Range", f"bytes=0-{2**40}")[6:].split("-"))
        if "liar" not in self.path:
            part = self.content[first : last + 1]
            self._begin(206 if "Range" in self.headers else 200, len(part))
            self.wfile.write(part)
            return
        self._begin(206 if self.path.endswith(".zip") else 200, 3 * 2**30)
        try:
            self.wfile.write(self.content[first:])
            for _ in range(3 * 2**10):
                self.wfile.write(bytes(2**20))
                _Server.sent += 2**20
        except OSError:
            pass

    def _begin(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a server."""
    _Server.sent = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_server_that_ignores_ranges_is_cut_at_the_limit(web: str) -> None:
    with pytest.raises(PictureError, match="too large: more than 64 MiB"):
        read_bytes(f"{web}/liar/a.jpg")
    assert 0 < _Server.sent < 2 * MAX_FILE_BYTES


@pytest.mark.parametrize("folder", ["honest", "liar"])
def test_a_zip_on_a_server_is_read_in_parts_whatever_it_sends(web: str, folder: str) -> None:
    names = list(list_pictures([f"{web}/{folder}/a.zip"]))
    assert names == [f"{web}/{folder}/a.zip!Rock/{name}.jpg" for name in "ab"]
    assert read_bytes(names[0]) == jpeg(SMALL)
    assert _Server.sent < MAX_FILE_BYTES


def test_a_server_that_never_answers_is_a_reason_and_keeps_nothing_else_from_being_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(web_files, "SILENT_SECONDS", 0.2)
    (tmp_path / "a.jpg").write_bytes(jpeg(SMALL))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts, nobody reads
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/a.jpg"
        start = time.monotonic()
        assert list(list_pictures([address, str(tmp_path)])) == [address, f"{tmp_path}/a.jpg"]
        with pytest.raises(PictureError, match=r"^cannot be read: .*(time|Time)"):
            read_bytes(address)
    assert time.monotonic() - start < 5


# --- what large pictures and the decoder's process must not change -------------------------------------


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "TGA", "AVIF", "JPEG2000", "ICO"])
def test_a_picture_from_the_process_is_the_same_as_ever(kind: str) -> None:
    picture = pictures.face((200, 200))
    data = pictures.encode(picture, kind, **({"sizes": [(200, 200)]} if kind == "ICO" else {}))
    assert may_take_long(data)
    found = decode(data)
    assert found.mode == "RGB"
    assert np.abs(np.asarray(found, int) - np.asarray(picture, int)).mean() < 4


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L", "I;16", "CMYK", "F"])
def test_large_pictures_look_as_small_ones_do(mode: str) -> None:
    """The larger one is converted in strips."""
    small = pictures.gradient("navy", "orange", (1500, 1000), vertical=True)
    files = []
    for size in ((1500, 1000), (4500, 3000)):
        picture = small.resize(size, Image.Resampling.NEAREST)
        if mode in ("I;16", "F"):
            grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
            picture = Image.fromarray(grey if mode == "I;16" else (grey / 65535).astype(np.float32))
        else:
            picture = picture.convert(mode)
        if mode in ("RGBA", "LA"):
            picture.putalpha(Image.linear_gradient("L").resize(size, Image.Resampling.NEAREST))
        exif = Image.Exif()
        exif[0x0112] = 6
        files.append(pictures.encode(picture, "PNG" if mode not in ("F", "CMYK") else "TIFF", exif=exif))
    before, after = decode(files[0]), decode(files[1])
    assert before.size == after.size == (427, 640)
    assert np.abs(np.asarray(before, int) - np.asarray(after, int)).mean() < 2


def test_an_opened_file_is_bounded_as_its_bytes_are() -> None:
    with Image.open(io.BytesIO(many_scans(700, 9400))) as opened, pytest.raises(PictureError, match="scans"):
        decode_image(opened)


def test_after_a_picture_that_took_too_long_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "DECODING_SECONDS", 2.0)
    slow = many_scans(93, 9400)
    assert may_take_long(slow)
    before = os.times()
    with pytest.raises(PictureError, match="takes too long"):
        decode(slow)
    after = os.times()  # of the process that was ended; by the clock a busy machine takes longer
    assert (
        1.5 < after.children_user - before.children_user + after.children_system - before.children_system < 4
    )
    assert decode(pictures.encode(SMALL, "TIFF")).size == (64, 64)


def test_a_busy_machine_does_not_make_a_picture_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "DECODING_SECONDS", 0.5)
    DECODER.start()
    process = DECODER._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)  # as where it does not get its turn
    resumed = threading.Timer(1.5, process.send_signal, [signal.SIGCONT])
    resumed.start()
    assert decode(pictures.encode(SMALL, "TIFF")).size == (64, 64)
    resumed.join()


def test_a_picture_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "DECODING_SECONDS", 0.5)
    monkeypatch.setattr(decoder_process, "WAITING_SECONDS", 1.0)
    DECODER.start()
    assert DECODER._process is not None
    DECODER._process.send_signal(signal.SIGSTOP)
    with pytest.raises(UndecidedPictureError, match="takes too long"):
        decode(pictures.encode(SMALL, "TIFF"))
    assert decode(pictures.encode(SMALL, "TIFF")).size == (64, 64)


def test_what_took_too_long_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "DECODING_SECONDS", 1.0)
    cache = FactsCache.load(tmp_path / "facts.parquet")
    with pytest.raises(UndecidedPictureError):
        cache.facts("a" * 64, many_scans(93, 9400))
    assert not cache.known


def test_a_process_that_dies_is_replaced() -> None:
    assert decode(pictures.encode(SMALL, "TIFF")).size == (64, 64)
    process = DECODER._process
    assert process is not None
    process.kill()
    process.wait()
    with pytest.raises(UndecidedPictureError, match="crashed"):
        decode(pictures.encode(SMALL, "TIFF"))
    assert decode(pictures.encode(SMALL, "TIFF")).size == (64, 64)


def test_a_forked_process_has_a_decoder_of_its_own() -> None:
    data = pictures.encode(SMALL, "TIFF")
    decode(data)
    child = os.fork()
    if child == 0:
        os._exit(0 if decode(data).size == (64, 64) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert decode(data).size == (64, 64)


def test_the_decoder_imports_nothing_from_the_folder_that_one_is_in(tmp_path: Path) -> None:
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise SystemExit(3)")
    DECODER.close()
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert decode(pictures.encode(SMALL, "TIFF")).size == (64, 64)
    finally:
        os.chdir(before)


def test_memory_that_is_not_free_is_waited_for_in_turn() -> None:
    budget, order = MemoryBudget(100), []

    def ask(size: int) -> None:
        with budget.held(size):
            order.append(size)

    with budget.held(60):
        threads = []
        for size in (1000, 10):  # the small one does not pass the large one
            threads.append(threading.Thread(target=ask, args=(size,)))
            threads[-1].start()
            time.sleep(0.1)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [1000, 10]
