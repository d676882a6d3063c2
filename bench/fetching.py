"""What a picture from outside costs before it is compared: getting it through the guard, and decoding it under limits.

    python -m bench.fetching --json out.json

The peer of the fetch is plain httpx, that of the decoding Pillow in this process: neither protects from anything. CPU is
processor time of this process and of the decoding children, not time on the wall and not that of the server, which is a
process of its own on loopback; neighbours on the same processor make it dearer, so the load is printed with it.
"""

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from watch import sanitise
from watch.decoding import DecoderPool
from watch.fetch.client import Fetcher
from watch.fetch.guard import Guard

SERVER = """
import socket, sys, threading
body = sys.stdin.buffer.read()
head = b"HTTP/1.1 200 OK\\r\\nContent-Type: image/jpeg\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve(connection):
    asked = b""
    while more := connection.recv(65536):
        asked += more
        if b"\\r\\n\\r\\n" in asked:
            connection.sendall(head + body)
            asked = b""
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def picture(width: int = 900, height: int = 1200) -> Image.Image:
    """Return flat shapes with soft edges and a little grain, about as dense as a drawing on the web."""
    rng = np.random.default_rng(1)
    blocks = np.kron(rng.integers(0, 255, (height // 48 + 1, width // 48 + 1, 3)), np.ones((48, 48, 1)))
    soft = Image.fromarray(blocks[:height, :width].astype(np.uint8)).filter(ImageFilter.GaussianBlur(3))
    grain = rng.normal(0, 3.5, (height, width, 1))
    return Image.fromarray((np.asarray(soft, np.float64) + grain).clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def cpu_s() -> float:
    """Return the processor seconds of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def cost(work: Callable[[int], object], count: int, runs: int = 3) -> float:
    """Return CPU ms for each of `count` turns, the median of some runs."""
    found = []
    for _ in range(runs):
        before = cpu_s()
        work(count)
        found.append((cpu_s() - before) / count * 1000)
    return round(statistics.median(found), 2)


def fetching(body: bytes, count: int) -> dict[str, float]:
    """Measure getting one picture again and again over kept connections."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin
    assert server.stdout
    try:
        server.stdin.write(body)
        server.stdin.close()
        place = f"127.0.0.1:{int(server.stdout.readline())}"
        url = f"http://{place}/a.jpg"
        with Fetcher(Guard.of([place])) as ours, httpx.Client(trust_env=False) as plain:

            def get_ours(_: int) -> int:
                return len(ours.get(url, pictures_only=True).body)

            def get_plain(_: int) -> int:
                return len(plain.get(url).content)

            found = {
                "guarded_cpu_ms": cost(lambda times: [get_ours(each) for each in range(times)], count),
                "httpx_cpu_ms": cost(lambda times: [get_plain(each) for each in range(times)], count),
            }
            with ThreadPoolExecutor(4) as threads:
                began = time.monotonic()
                list(threads.map(get_ours, range(count * 2)))
                found["guarded_per_s_4_threads"] = round(count * 2 / (time.monotonic() - began), 1)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    return found


def in_process(data: bytes) -> NDArray[np.uint8]:
    """Decode with Pillow here, as a program without any care would."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[:, :, ::-1].copy()


def decoding(data: bytes, count: int) -> dict[str, float]:
    """Measure decoding one picture again and again."""

    def pooled(times: int) -> None:
        with DecoderPool(1) as pool:  # its start and end included
            for _ in range(times):
                pool.decode(data, "a")

    return {
        "pool_cpu_ms": cost(pooled, count),
        "pillow_here_cpu_ms": cost(lambda times: [in_process(data) for _ in range(times)], count),
        "child_each_cpu_ms": cost(lambda times: [sanitise.decode(data, "a") for _ in range(times)], 5),
    }


def main() -> None:
    """Print the figures and write them where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    post, large = picture(), picture(2048, 2732)
    files = {
        "jpeg_900x1200": saved(post, "JPEG", quality=88),
        "png_900x1200": saved(post, "PNG"),
        "webp_900x1200": saved(post, "WEBP", quality=85),
        "jpeg_2048x2732": saved(large, "JPEG", quality=88),
    }
    found: dict[str, object] = {"load_before": round(load, 2)}
    found["get"] = {"kilobytes": len(files["jpeg_900x1200"]) // 1000} | fetching(
        files["jpeg_900x1200"], given.count
    )
    for name, data in files.items():
        count = given.count if name == "jpeg_900x1200" else max(8, given.count // 8)
        found[name] = {"kilobytes": len(data) // 1000} | decoding(data, count)
    for key, value in found.items():
        print(f"{key}: {value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
