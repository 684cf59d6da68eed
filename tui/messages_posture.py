"""What workers say to the posture screen."""

from textual.message import Message

from appliance.contract.posture import PostureHistory, PostureReport


class PostureHeard(Message):
    """A report of the checks; `fresh` when they ran just now."""

    def __init__(self, report: PostureReport, *, fresh: bool = False) -> None:
        self.report = report
        self.fresh = fresh
        super().__init__()


class CourseHeard(Message):
    """The last runs, newest first."""

    def __init__(self, history: PostureHistory) -> None:
        self.runs = history.runs
        super().__init__()
