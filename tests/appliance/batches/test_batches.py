"""Files and batches against a real database and job room, with a gateway that tests steer."""

from dataclasses import replace

import pytest

from appliance.batches.errors import (
    BatchKeyNeeded,
    BatchOver,
    BatchRefused,
    BatchUnknown,
    FileInUse,
    FileKindRefused,
    FileUnknown,
)
from appliance.batches.service import BatchWish
from appliance.batches.shape import BatchStatus, FilePage
from tests.appliance.batches.steered import CHAT, OTHER, OWNER, PERSON, asked, line, made, opened


async def test_every_line_is_answered_once_for_the_key_that_made_the_batch(room):
    room.gateway.told = {"n2": 400}
    batch = await made(room, b"".join(line(n) for n in range(5)))
    assert batch.status is BatchStatus.VALIDATING
    batch = await room.rest(batch.id)
    assert (batch.status, batch.total) == (BatchStatus.COMPLETED, 5)
    assert (batch.completed, batch.failed, batch.prompt_tokens) == (4, 1, 15)
    assert room.gateway.asked == [("key:a", f"n{n}") for n in range(5)]
    answers = room.lines(batch.output_file)
    assert set(answers) == {"c0", "c1", "c3", "c4"}
    assert answers["c0"]["response"]["body"] == {"said": "n0"}
    assert room.lines(batch.error_file)["c2"]["response"]["status_code"] == 400
    assert room.actions() == ["batch:run:create", "batch:run:finish"]
    assert room.files.get(OWNER.actor, batch.output_file).expires is not None


async def test_a_batch_goes_on_after_a_stop_without_doubling_a_line(tmp_path):
    async with opened(tmp_path) as room:
        room.gateway.hold.clear()
        batch = await made(room, b"".join(line(n) for n in range(4)))
        room.gateway.hold.set()
        await asked(room, 2)
        room.gateway.hold.clear()
    # Half a line, as a crash leaves it.
    [output] = (tmp_path / "jobs").glob("*/output.sealed")
    whole = output.read_bytes()
    output.write_bytes(whole + whole[:50])
    async with opened(tmp_path) as room:
        done = await room.rest(batch.id)
        assert done.status is BatchStatus.COMPLETED
        answers = room.lines(done.output_file)
        assert sorted(answers) == ["c0", "c1", "c2", "c3"]
        raw = b"".join(room.files.content(OWNER.actor, done.output_file))
        assert raw.count(b"\n") == 4


async def test_a_stop_while_it_comes_to_rest_changes_nothing(tmp_path):
    async with opened(tmp_path) as room:
        batch = await made(room, line(1))
        done = await room.rest(batch.id)
    async with opened(tmp_path) as room:
        store = room.desk.store
        store.put(replace(done, status=BatchStatus.FINALIZING))
        job = room.jobs.get(done.job_id)
        result = await room.desk.work.run(job, tmp_path / "jobs" / job.id, _nothing)
        assert result["status"] == "completed"
        assert set(room.lines(done.output_file)) == {"c1"}


async def _nothing(_):
    pass


@pytest.mark.parametrize(
    ("content", "code", "number"),
    [
        (line(1) + b"garbage\n", "batch.line-malformed", 2),
        (line(1) + line(1), "batch.custom-id-twice", 2),
        (line(1, url="/v1/embeddings"), "batch.line-malformed", 1),
        (line(1, url="/etc/passwd"), "batch.line-malformed", 1),
        (line(1, method="DELETE"), "batch.line-malformed", 1),
        (line(1, api_base="http://x"), "batch.line-malformed", 1),
        (line(1, body={"messages": [], "stream": True}), "request.field-refused", 1),
        (line(1, body={"messages": [{"role": "user", "content": "a"}], "stream": True}),
         "request.field-refused", 1),
        (line(1, body={"messages": [{"role": "user", "content": "a"}], "grammar": "x"}),
         "request.field-refused", 1),
        (b"{" + b"[" * 9000 + b"\n", "batch.line-malformed", 1),
        (b'{"custom_id":"\xff"}\n', None, None),
    ],
)  # fmt: skip
async def test_a_batch_with_a_bad_line_asks_nothing(room, content, code, number):
    if code is None:
        with pytest.raises(FileKindRefused):
            room.send(content)
        return
    batch = await room.rest((await made(room, content)).id)
    assert batch.status is BatchStatus.FAILED
    assert (batch.faults[0].code, batch.faults[0].line) == (code, number)
    assert room.gateway.asked == []


async def test_a_cancelled_batch_keeps_what_was_answered(room):
    room.gateway.hold.clear()
    batch = await made(room, b"".join(line(n) for n in range(9)))
    await asked(room, 1)
    cancelling = await room.batches.cancel(OWNER.actor, batch.id, OWNER.actor)
    assert cancelling.status is BatchStatus.CANCELLING
    room.gateway.hold.set()
    done = await room.rest(batch.id)
    assert (done.status, done.completed) == (BatchStatus.CANCELLED, 1)
    assert set(room.lines(done.output_file)) == {"c0"}
    with pytest.raises(BatchOver):
        await room.batches.cancel(OWNER.actor, batch.id, OWNER.actor)


async def test_a_batch_whose_time_is_over_tells_what_was_not_asked(room):
    room.gateway.hold.clear()
    batch = await made(room, b"".join(line(n) for n in range(3)), window="1h")
    await asked(room, 1)
    room.ahead = 3601
    room.gateway.hold.set()
    done = await room.rest(batch.id)
    assert (done.status, done.completed, done.failed) == (BatchStatus.EXPIRED, 1, 2)
    assert room.lines(done.error_file)["c1"]["error"]["code"] == "batch_expired"


async def test_a_revoked_key_ends_its_batch(room):
    room.gateway.hold.clear()
    batch = await made(room, line(1) + line(2))
    await asked(room, 1)
    del room.keys.live["a"]
    room.gateway.hold.set()
    done = await room.rest(batch.id)
    assert (done.status, done.completed) == (BatchStatus.FAILED, 1)
    assert done.faults[0].code == "access.refused"
    assert len(room.gateway.asked) == 1


async def test_a_full_engine_or_quota_is_waited_for(room):
    room.gateway.busy = 3
    done = await room.rest((await made(room, line(1))).id)
    assert (done.completed, done.failed) == (1, 0)


async def test_lines_are_asked_side_by_side_when_the_box_is_wide(tmp_path):
    async with opened(tmp_path, width=4) as room:
        room.gateway.hold.clear()
        batch = await made(room, b"".join(line(n) for n in range(9)))
        await asked(room, 4)
        room.gateway.hold.set()
        done = await room.rest(batch.id)
        assert done.completed == 9
        assert len(room.lines(done.output_file)) == 9


async def test_nobody_sees_what_is_another_ones(room):
    batch = await room.rest((await made(room, line(1))).id)
    for wanted in (batch.input_file, batch.output_file):
        with pytest.raises(FileUnknown):
            room.files.get(OTHER.actor, wanted)
        with pytest.raises(FileUnknown):
            room.files.content(OTHER.actor, wanted)
        with pytest.raises(FileUnknown):
            room.files.delete(OTHER.actor, wanted)
    with pytest.raises(BatchUnknown):
        await room.batches.get(OTHER.actor, batch.id)
    with pytest.raises(BatchUnknown):
        await room.batches.cancel(OTHER.actor, batch.id, OTHER.actor)
    with pytest.raises(FileUnknown):
        await room.batches.create(BatchWish(batch.input_file, CHAT), OTHER)
    assert room.files.listed(OTHER.actor) == []
    assert await room.batches.newest(OTHER.actor) == []
    with pytest.raises(FileUnknown):
        room.files.listed(OTHER.actor, FilePage(9, after=batch.input_file))


async def test_what_cannot_be_a_batch_is_refused(room):
    file = room.send(line(1))
    text = room.send(b"hello", purpose="user_data")
    for wish in (
        BatchWish(file.id, "/v1/files"),
        BatchWish(file.id, CHAT, "0h"),
        BatchWish(file.id, CHAT, "8d"),
        BatchWish(file.id, CHAT, "1 day"),
        BatchWish(text.id, CHAT),
    ):
        with pytest.raises(BatchRefused):
            await room.batches.create(wish, OWNER)
    with pytest.raises(BatchKeyNeeded):
        await room.batches.create(BatchWish(file.id, CHAT), PERSON)


async def test_a_file_that_a_batch_reads_stays(room):
    room.gateway.hold.clear()
    batch = await made(room, line(1))
    with pytest.raises(FileInUse):
        room.files.delete(OWNER.actor, batch.input_file)
    room.gateway.hold.set()
    await room.rest(batch.id)
    room.files.delete(OWNER.actor, batch.input_file)
