"""Generation and judging through `transformers serve`, against our local engine.

The server runs on loopback, on a port that the system chooses, with checkpoints that our program wrote.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

# Seconds that the server may take to import what it needs.
PATIENCE = 600


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def server(scratch):
    """The address of a running server."""
    port = free_port()
    program = pathlib.Path(sys.executable).with_name("transformers")
    command = [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch / "home")}
    log = scratch / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=60)


def claims(ours, scratch):
    """(claim, how many differ); `ours` runs our program."""
    checkpoints, out = scratch / "checkpoints", scratch / "differences.json"
    ours("checkpoints", "--out", checkpoints)
    with server(scratch) as url:
        ours("served", "--url", url, "--checkpoints", checkpoints, "--out", out)
    for name, found in json.loads(out.read_text()).items():
        assert found["compared"] > 0, f"{name}: nothing was compared"
        yield f"transformers serve: {found['compared']} {name} are the local engine's", found["different"]
