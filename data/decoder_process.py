"""A process that decodes what might take too long: a thread cannot be ended, a process can."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from PIL import Image

from coverfusion.data.machine_faults import MachineError
from coverfusion.data.picture_errors import PictureError, UndecidedPictureError

DECODING_SECONDS = 4.0  # of one picture, by the process's own clock: a busy machine is no picture's fault
WAITING_SECONDS = 20.0  # for one picture, whatever else the machine does
_START_SECONDS = 30.0  # of the process, on a machine that does much else


class DecoderProcess:
    """One picture at a time; the process is started before or by the first, and anew after it was ended."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def start(self) -> None:
        """Starts the process if there is none, so that no picture has to wait for it.

        Raises:
            MachineError: as `read_picture`.
        """
        with self._turn:
            if not self._connection:
                self._start()

    def read_picture(self, data: bytes) -> tuple[Image.Image, tuple[int, int], str]:
        """As `data.decoding.read_picture`, within `DECODING_SECONDS` of the process's time.

        Raises:
            PictureError: as there; `UndecidedPictureError` where the time was up.
            MachineError: the process cannot be started.
        """
        with self._turn:
            connection = self._connection or self._start()
            try:
                connection.send_bytes(data)
                answer = self._answer(connection)
                if "reason" in answer:
                    raise (UndecidedPictureError if answer["memory"] else PictureError)(answer["reason"])
                picture = Image.frombytes("RGB", tuple(answer["size"]), connection.recv_bytes())
                return picture, tuple(answer["full"]), answer["format"]
            except (EOFError, OSError) as error:
                self._end()
                raise UndecidedPictureError("broken picture: its decoder crashed") from error

    def _answer(self, connection: Connection) -> dict[str, Any]:
        given_up = time.monotonic() + WAITING_SECONDS
        end = self._seconds_used() + DECODING_SECONDS
        # it computes for no more seconds than go by
        while not connection.poll(max(0.0, end - self._seconds_used())):
            if self._seconds_used() >= end or time.monotonic() >= given_up:
                self._end()
                raise UndecidedPictureError(
                    f"takes too long: not decoded within {DECODING_SECONDS:g} seconds"
                )
        # no pickle: a file may have got the better of a decoder
        return dict(json.loads(connection.recv_bytes()))

    def _seconds_used(self) -> float:
        """What the process has computed for so far; raises OSError where there is none."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Ends the process, if there is one."""
        with self._turn:
            self._end()

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        # -P: nothing is imported from the folder that the user happens to be in
        command = [sys.executable, "-P", "-m", "coverfusion.data.decoder", str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
            theirs.close()
            if not ours.poll(_START_SECONDS):
                raise OSError("it does not answer")
            ours.recv_bytes()
        except (OSError, EOFError) as error:
            self._end()
            ours.close()
            raise MachineError(
                f"The process that decodes pictures cannot be started ({error or 'it ended at once'}). "
                f"Free some memory, or check `{' '.join(command[:4])}`."
            ) from error
        self._connection = ours
        return ours

    def _end(self) -> None:
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None


# One serves all threads of a process; a forked child must not talk through its parent's connection.
DECODER = DecoderProcess()
os.register_at_fork(after_in_child=DECODER.__init__)  # type: ignore[misc]
atexit.register(DECODER.close)
