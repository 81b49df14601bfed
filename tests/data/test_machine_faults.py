"""The machine's faults are told apart from a cover's, and nobody remembers them."""

import errno
import json
import resource
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from coverfusion.data.errors import UserError
from coverfusion.data.machine_faults import (
    MachineError,
    machine_fault,
    stop_at_machine_fault,
    stop_where_nothing_can_be_read,
)
from tests.helpers import pictures


def _raised(call) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of each library's own kind
        call()
    return caught.value


OF_THE_MACHINE = {
    "Unable to allocate": _raised(lambda: np.empty(10**15)),
    "Insufficient memory": _raised(lambda: cv2.resize(np.zeros((9, 9), np.uint8), (2**30, 2**19))),
    "CUDA out of memory": RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
    "bad allocation": ValueError("bad allocation"),
    "no kernel image": RuntimeError("CUDA error: no kernel image is available"),
    "new thread": RuntimeError("can't start new thread"),
    "/home/me/.EasyOCR: Permission denied": PermissionError(
        errno.EACCES, "Permission denied", "/home/me/.EasyOCR"
    ),
    "No space left": OSError(errno.ENOSPC, "No space left on device"),
    "weights.pth": FileNotFoundError(errno.ENOENT, "No such file or directory", "weights.pth"),
    "No module named 'onnx'": ModuleNotFoundError("No module named 'onnx'"),
    "timed out": TimeoutError("timed out"),
}


@pytest.mark.parametrize("said", OF_THE_MACHINE)
def test_what_no_picture_can_cause_stops(said: str) -> None:
    with pytest.raises(
        MachineError, match=r"^Block 'ocr' cannot go on: .*run the same command again"
    ) as caught:
        stop_at_machine_fault(OF_THE_MACHINE[said], "Block 'ocr'")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("not square"),
        ZeroDivisionError(),
        OSError("cannot write mode RGBA as JPEG"),
        KeyError("memory"),
    ],
    ids=repr,
)
def test_what_a_picture_can_cause_does_not(error: Exception) -> None:
    assert machine_fault(error) is None
    stop_at_machine_fault(error, "Block 'ocr'")


def test_what_caused_an_error_counts() -> None:
    error = RuntimeError("the library failed")
    error.__cause__ = OSError(errno.EROFS, "Read-only file system", "/cache")
    assert machine_fault(error) == "/cache: Read-only file system. Mend that, and run the same command again."


def test_an_error_that_says_what_to_do_stays_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^Fetch the weights\.$"):
        stop_at_machine_fault(UserError("Fetch the weights."), "Block 'ocr'")


def test_one_file_that_cannot_be_read_is_one_row_and_too_many_open_files_are_the_end() -> None:
    for own in (errno.EACCES, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP):
        stop_where_nothing_can_be_read(OSError(own, "said"), "a.jpg")
    for of_all in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE):
        with pytest.raises(MachineError, match=r"^a\.jpg cannot be read, nor can others: "):
            stop_where_nothing_can_be_read(OSError(of_all, "said"), "a.jpg")


READER = """
import hashlib, json, resource, sys
from pathlib import Path
from coverfusion.data.errors import UserError
from coverfusion.data.facts_cache import FactsCache
from coverfusion.data.pictures import PictureError

data = Path(sys.argv[1]).read_bytes()
cover_id, cache, said = hashlib.sha256(data).hexdigest(), FactsCache(Path(sys.argv[2])), []
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
for limit in [now + int(sys.argv[3]) * 2**20, resource.RLIM_INFINITY]:
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        said.append(cache.facts(cover_id, data).width)
    except UserError as error:
        said.append(type(error).__name__)
    except PictureError as error:
        said.append(str(error))
cache.save()
print(json.dumps([*said, FactsCache.load(sys.argv[2]).facts(cover_id, b"").width]))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits on memory are Linux's")
@pytest.mark.parametrize(
    ("megabytes", "said"),
    [(60, "MachineError"), (380, "it needs more memory than there is for a picture")],
    ids=["none for any", "none for this one"],
)
def test_memory_that_runs_out_is_never_held_against_a_cover(
    tmp_path: Path, megabytes: int, said: str
) -> None:
    assert resource.getpagesize()
    picture = tmp_path / "large.png"
    picture.write_bytes(pictures.encode(pictures.solid("red", (9000, 9000)).convert("RGBA"), "PNG"))
    done = subprocess.run(
        [sys.executable, "-c", READER, picture, tmp_path / "facts", str(megabytes)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [said, 9000, 9000]
