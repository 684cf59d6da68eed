"""One question over HTTP to a server on loopback."""

import http.client
import json
from contextlib import closing

MODEL = "wardbox-reference"
"""The model that the load generator asks for."""


def ask(port: int, method: str, path: str, auth: str = "", body: object = None) -> tuple[int, dict]:
    """Status and JSON of an answer; empty where the answer is no JSON object.

    Raises:
        OSError: Nobody listens, or nothing came within 30 s.
    """
    headers = {"Content-Type": "application/json", **({"Authorization": auth} if auth else {})}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        try:
            raw = None if body is None else json.dumps(body)
            connection.request(method, path, raw, headers)
            response = connection.getresponse()
            said = response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
    try:
        told = json.loads(said)
    except ValueError:
        told = None
    return response.status, told if isinstance(told, dict) else {}


def answers(port: int, key: str) -> bool:
    """True when a chat request comes back whole."""
    messages = [{"role": "user", "content": "白内障"}]
    body = {"model": MODEL, "messages": messages, "max_tokens": 8}
    status, _ = ask(port, "POST", "/v1/chat/completions", f"Bearer {key}", body)
    return status == 200
