"""Answers each request with who runs it. With --check: asks itself, for the health check."""

import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port = int(os.environ["PORT"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"python says hello from user {os.getuid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if "--check" in sys.argv:
    print(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).read().decode(), end="")
else:
    ThreadingHTTPServer(("", port), Handler).serve_forever()
