"""What a caller of the box can be told: a problem it sent, or that it cannot be reached."""

from appliance.contract.problem import Problem


class ProblemError(Exception):
    """The box refused: its code, sentence, way out and HTTP status."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.code = problem.code
        self.detail = problem.detail
        self.way_out = problem.way_out
        self.status = problem.status
        super().__init__(problem.detail)


class BoxUnreachable(Exception):
    """No answer came: the sentence says where it was looked for, the way out what to try."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.code = "client.unreachable"
        self.detail = (
            f"连接不上一体机({where}:{reason})。 The box cannot be reached at {where}: {reason}."
        )
        self.way_out = (
            "请确认服务已启动:wardbox status;启动:wardbox supervise --detach。 "
            "Check the service with `wardbox status`; start it with `wardbox supervise --detach`."
        )
        super().__init__(self.detail)


def unexpected(status: int, reason: str, body: str) -> Problem:
    """Make a problem of an answer that is none: a proxy's page, or a box of another version."""
    return Problem(
        type="urn:wardbox:problem:client.answer-unexpected",
        title=reason,
        status=status,
        code="client.answer-unexpected",
        detail=(
            f"收到意外的应答(HTTP {status})。 "
            f"An unexpected answer came (HTTP {status}): {body[:200]!r}"
        ),
        way_out=(
            "请确认地址指向本机,且客户端与服务端版本一致。 "
            "Check that the address is the box's and that client and box have the same version."
        ),
        request_id="",
    )
