"""A double of vLLM's server: its log lines, its routes, and faults on demand from a file."""

import asyncio
import json
import os
import sys
from pathlib import Path

DONE = [0]


def behaviour() -> dict:
    try:
        return json.loads(Path("behaviour.json").read_text())
    except (OSError, ValueError):
        return {}


def say(line: str) -> None:
    print(line, flush=True)


async def load() -> None:
    say("(APIServer pid=1) INFO 11-22 00:00:00 [model.py:733] Resolved architecture: X")
    say("(Worker pid=2) INFO 11-22 00:00:00 [runner.py:68] Starting to load model /x...")
    bar = "Loading safetensors checkpoint shards:  50% Completed | 2/4 [00:00<00:00, 1it/s]"
    sys.stdout.write("\r" + bar + "\r")
    sys.stdout.flush()
    while behaviour().get("wait"):  # noqa: ASYNC110  (a file sets no event)
        await asyncio.sleep(0.02)
    if "die" in behaviour():
        say(f"(EngineCore pid=2) ERROR 11-22 00:00:00 [core.py:1] {behaviour()['die']}")
        sys.exit(1)


def metrics() -> bytes:
    if behaviour().get("slow"):
        DONE[0] += 1
    name = "vllm:generation_tokens_total"
    return f'# TYPE {name} counter\n{name}{{engine="0"}} {DONE[0]}.0\n'.encode()


def completion() -> bytes:
    DONE[0] += 1
    tokens = 0 if behaviour().get("no_token") else 1
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": 2}
    return json.dumps({"choices": [{"index": 0, "text": "a"}], "usage": usage}).encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    body = await reader.readexactly(int(length or 0))
    path = head.split()[1]
    how = behaviour()
    if body:
        # What vLLM never writes by default; a debugging switch or a fault may.
        say(f"DEBUG prompt: {body!r}")
    right = f"authorization: bearer {os.environ['VLLM_API_KEY']}".lower().encode()
    if path == b"/metrics":
        status, content = 200, metrics()
    elif path == b"/health":
        status, content = 200, b""
    elif right not in head.lower():
        status, content = 401, b"{}"
    else:
        status, content = 200, completion()
        if how.get("hang"):
            await asyncio.sleep(600)
    if how.get("garbage") and path != b"/metrics":
        writer.write(b"\x00\xff\xfe not http at all\r\n\r\n")
    else:
        told = len(content) + (50 if how.get("half") and body else 0)
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {told}\r\n\r\n".encode() + content)
    await writer.drain()
    writer.close()


async def main() -> None:
    await load()
    uds = sys.argv[sys.argv.index("--uds") + 1]
    server = await asyncio.start_unix_server(answer, uds)
    say("INFO:     Application startup complete.")
    await server.serve_forever()


asyncio.run(main())
