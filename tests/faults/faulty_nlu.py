"""An understanding server that fails on command, and otherwise asks the real one."""

import threading
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Self

import httpx

from ops.nlu_process import free_port


class Fault(StrEnum):
    """What goes wrong. NONE: the real server's answer is passed on."""

    NONE = "none"
    HANG = "hang"  # accepts and never answers
    DRIP = "drip"  # a byte now and then, so that no single wait is long
    ERROR = "error"  # 500
    GARBAGE = "garbage"  # 200 with something else
    FOREIGN = "foreign"  # a well-formed answer of another model
    REFUSED = "refused"  # nobody listens


class FaultyNlu:
    """Listens on a port of its own while it is open. `asked` counts the sentences that arrived."""

    def __init__(self, real_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.fault = Fault.NONE
        self.asked = 0
        self.released = threading.Event()
        self._real = httpx.Client(base_url=real_url, timeout=10, trust_env=False)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._go_deaf()
        self._real.close()

    def fail(self, fault: Fault) -> None:
        """From now on; `NONE` ends every fault, and whoever still hangs is let go."""
        if fault is not Fault.REFUSED and self._server is None:
            self._listen()
        if fault in (Fault.HANG, Fault.DRIP):
            self.released.clear()
        else:
            self.released.set()
        self.fault = fault
        if fault is Fault.REFUSED:
            self._go_deaf()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if path.startswith("/model/parse"):
            self.asked += 1
        match self.fault:
            case Fault.ERROR:
                return 500, b"<h1>Internal Server Error</h1>"
            case Fault.GARBAGE:
                return 200, b'\x00\xff not JSON at all {"intent":'
            case Fault.FOREIGN:
                return 200, b'{"text":"x","intent":{"name":"order_pizza","confidence":0.99},"intent_ranking":[]}'
        answer = self._real.request(method, path, content=body, headers={"Content-Type": "application/json"})
        return answer.status_code, answer.content

    def _listen(self) -> None:
        handler = type("Handler", (_Handler,), {"nlu": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _go_deaf(self) -> None:
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    nlu: ClassVar[FaultyNlu]

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            if self.nlu.fault is Fault.HANG:
                self.nlu.asked += 1
                self.nlu.released.wait(60)
                return
            if self.nlu.fault is Fault.DRIP:
                self._drip()
                return
            status, answer = self.nlu.answer(method, self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            return  # the product has long given up waiting

    def _drip(self) -> None:
        self.nlu.asked += 1
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(12):
            if self.nlu.released.wait(0.5):
                return
            self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        """Not to the test's output."""
