"""What workers say to the audit screen: verification, proofs, receipts, exports, and who watches."""

from textual.message import Message

from appliance.contract.audit import AuditVerified, ExportList, ExportState, Proof, Receipt
from tui.auditvisit import BodySeen
from tui.newfile import FileRefused
from tui.watching import WatchNow


class LogVerified(Message):
    """The whole log was recomputed in `seconds`."""

    def __init__(self, verified: AuditVerified, seconds: float) -> None:
        self.verified = verified
        self.seconds = seconds
        super().__init__()


class ReceiptHeard(Message):
    """Where a receipt leads; None when the person left."""

    def __init__(self, receipt: Receipt | None) -> None:
        self.receipt = receipt
        super().__init__()


class ProofHeard(Message):
    """The inclusion proof of one entry."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        super().__init__()


class BodyHeard(Message):
    """The texts behind an entry, and who read them; None when the person left."""

    def __init__(self, seen: BodySeen | None) -> None:
        self.seen = seen
        super().__init__()


class ExportsHeard(Message):
    """The exports that lie on the box."""

    def __init__(self, found: ExportList) -> None:
        self.found = found
        super().__init__()


class ExportMoved(Message):
    """How far an export is."""

    def __init__(self, state: ExportState) -> None:
        self.state = state
        super().__init__()


class ExportStopped(Message):
    """The export was cancelled."""


class LogExported(Message):
    """How an export ended and the file here that holds it; None when the person left."""

    def __init__(self, outcome: tuple[ExportState, str] | FileRefused | None) -> None:
        self.outcome = outcome
        super().__init__()


class WatchHeard(Message):
    """Witnesses and forwarding."""

    def __init__(self, seen: WatchNow) -> None:
        self.seen = seen
        super().__init__()
