"""The program of a process that decodes: files come and pixels go through the connection that it is given.

It is ended by whoever started it (`data.decoder_process`); it imports as little as can be, to start soon.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from coverfusion.data.decoding import MAX_DECODING_BYTES, read_picture
from coverfusion.data.picture_errors import PictureError, PictureMemoryError

CPU_SECONDS = 10  # should nobody be left who ends it


def serve(connection: Connection) -> None:
    """Answers each file with its size, format and pixels, or with the reason against it."""
    connection.send_bytes(b"ready")
    while True:
        try:
            data = connection.recv_bytes()
        except EOFError:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        try:
            picture, full, name = read_picture(data)
        except PictureError as error:
            reason = {"reason": str(error), "memory": isinstance(error, PictureMemoryError)}
            connection.send_bytes(json.dumps(reason).encode())
            continue
        read = {"size": picture.size, "full": full, "format": name}
        connection.send_bytes(json.dumps(read).encode())
        connection.send_bytes(picture.tobytes())
        del picture, data


def _bound_memory() -> None:
    """What is asked for beyond the limit fails, whatever a file's head has said."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MAX_DECODING_BYTES
    given, hard = resource.getrlimit(resource.RLIMIT_AS)
    if given == resource.RLIM_INFINITY or limit < given:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started it
    _bound_memory()
    serve(Connection(int(sys.argv[1])))
