"""A web server on this machine, for what is downloaded."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tithe.data.catalogue import OfficialFile


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def copyfile(self, source, outputfile):
        content = source.read()
        if self.path.endswith(".cut"):
            content = content[: len(content) // 2]  # fewer bytes than Content-Length promised
        outputfile.write(content)


@contextmanager
def serving(folder):
    """The address of a server of this folder; nobody listens there afterwards."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def official_file(path, *addresses):
    """How the catalogue would know this file."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return OfficialFile(path.name, len(content), digest, addresses)
