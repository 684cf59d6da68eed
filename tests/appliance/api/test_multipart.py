"""Forms as clients write them: names without quotes, labels in other alphabets, odd but lawful lines."""

import json

import aiohttp
import pytest

from appliance.api.errors import FormMalformed
from appliance.api.multipart import Form, parameters
from tests.appliance.api.attacks import GOOD, ask, is_problem, module

FORM_DATA = b"Content-Disposition: form-data; "
PURPOSE = (FORM_DATA + b'name="purpose"', b"batch")
FILE = (FORM_DATA + b'name="file"; filename="a.jsonl"', b"content")
TYPE = "multipart/form-data; boundary=xx"


def form_of(*parts: tuple[bytes, bytes], before: bytes = b"", padding: bytes = b"") -> bytes:
    each = (b"--xx%b\r\n%b\r\n\r\n%b\r\n" % (padding, head, value) for head, value in parts)
    return before + b"".join(each) + b"--xx--\r\n"


def read(body: bytes, content_type: str = TYPE, size: int = 0) -> tuple[Form, bytes]:
    content = bytearray()
    form = Form(content_type, content.extend)
    size = size or len(body)
    for start in range(0, len(body), size):
        form.feed(body[start : start + size])
    form.close()
    return form, bytes(content)


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize(
    ("file_head", "label"),
    [
        (b"Content-Type: text/plain\r\n" + FORM_DATA + b"name=file; filename=a.jsonl", "a.jsonl"),
        (
            FORM_DATA + b'name=file; filename="=?utf-8?B?55eF5Y6G?="; '
            b"filename*=utf-8''%E7%97%85%E5%8E%86.jsonl",
            "病历.jsonl",
        ),
        (b'content-disposition:form-data;name="file";filename="' + "病历".encode() + b'"', "病历"),
        (FORM_DATA.strip() + b'\r\n name="file";\r\n\tfilename="a b.jsonl"', "a b.jsonl"),
        (FORM_DATA + b'filename="x; name=purpose"; name="file"', "x; name=purpose"),
        (b'Content-Type: text/plain; name="other"\r\n' + FILE[0], "a.jsonl"),
    ],
)
def test_a_file_is_found_however_its_head_is_written(file_head, label, size):
    """The second is what .NET's MultipartFormDataContent writes."""
    body = form_of((FORM_DATA + b"name=purpose", b"batch"), (file_head, b"content"))
    form, content = read(body, 'Multipart/Form-Data; charset=utf-8; boundary="xx"', size)
    assert (form.fields, form.filename, content) == ({"purpose": "batch"}, label, b"content")


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize(
    "written", [{"before": b"\r\n"}, {"before": b"a preamble\r\n"}, {"padding": b" \t "}]
)
def test_what_stands_around_the_boundary_is_passed_over(written, size):
    form, content = read(form_of(PURPOSE, FILE, **written), size=size)
    assert (form.fields, content) == ({"purpose": "batch"}, b"content")


@pytest.mark.parametrize(
    "body",
    [
        form_of(PURPOSE, FILE, before=b"p" * 9000),
        form_of(PURPOSE, FILE, padding=b" " * 300),
        form_of(PURPOSE, FILE, padding=b"y"),
        form_of(PURPOSE, PURPOSE, FILE),
        form_of(PURPOSE, FILE, FILE),
        form_of(*[PURPOSE] * 10_000, FILE),
        form_of((b'Content-Type: text/plain; name="file"; filename="a"', b"content")),
        form_of((b'Content-Disposition: attachment; name="file"; filename="a"', b"content")),
        form_of((FORM_DATA + b'name=""', b"content"), FILE),
        form_of((b"", b'\r\n\r\nname="file"\r\n\r\n'), FILE),
    ],
    ids=range(10),
)
def test_what_has_two_readings_is_no_form(body):
    with pytest.raises(FormMalformed):
        read(body)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data-x; boundary=xx", "multipart/mixed; boundary=xx",
        "multipart/form-data; xboundary=xx", "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
    ],
)  # fmt: skip
def test_another_type_is_no_form(content_type):
    with pytest.raises(FormMalformed):
        read(form_of(PURPOSE, FILE), content_type)


def test_the_first_of_two_parameters_counts():
    assert parameters('a; b="x;c=\\"d"; C=y ;c=z; e') == {"b": 'x;c=\\"d', "c": "y"}
    assert parameters("a") == {}


@module
async def test_a_form_that_cannot_be_read_is_told_as_a_form(shared_box):
    form = aiohttp.FormData({"purpose": "batch"})
    url, headers = f"{shared_box.url}/v1/files", shared_box.bearer
    for body in (form(), json.dumps(GOOD).encode()):
        async with shared_box.http.post(url, data=body, headers=headers) as answer:
            told = await answer.json()
            is_problem(answer, told, 400)
            assert told["code"] == "request.form-malformed"
            assert "JSON" not in told["detail"]


@module
@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=a", "x\x80y"])
@pytest.mark.parametrize("path", ["/v1/batches", "/api/v1/keys", "/api/v1/jobs"])
async def test_what_does_not_call_itself_json_is_told_so(shared_box, path, kind):
    answer, body = await ask(shared_box, "POST", path, b'{"name": "a"}', Content_Type=kind)
    is_problem(answer, body, 415)
    assert body["code"] == "request.type-refused"
    assert body["detail"].isprintable()
