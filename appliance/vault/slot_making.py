"""Making the secret of a new slot: by kind, with what has to be shown or written once."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from appliance.vault.slot_errors import SlotUnfit
from appliance.vault.slots import judged
from appliance.vault.unattended import Unattended
from secure_compute.key_file import KeyFile
from secure_compute.recovery import recovery_text
from secure_compute.sealed_root import Opener
from secure_compute.secret import Secret
from secure_compute.shares import split
from secure_compute.slot_kinds import KEY_FILE, NETWORK, PASSPHRASE, RECOVERY, SHARES, TPM
from secure_compute.tang import provision, read_advertisement

_LONGEST_NAME: Final = 40
_LONGEST_URL: Final = 200


@dataclass(frozen=True, slots=True)
class SlotWish:
    """A slot to be added.

    Args:
        kind: passphrase, recovery, tpm, shares, keyfile or network.
        label: what people call it.
        passphrase: the new one, for a passphrase or a key file.
        needed: how many shares open (k).
        holders: who gets them, one name for each (n).
        pcrs: the measurements that a TPM slot is sealed to.
        url: address of the key server.
        thumbprint: of the key that signs its advertisement, as tang-show-keys prints it.
    """

    kind: str
    label: str = ""
    passphrase: str = field(default="", repr=False)
    needed: int = 2
    holders: tuple[str, ...] = ()
    pcrs: tuple[int, ...] = (7,)
    url: str = ""
    thumbprint: str = ""


@dataclass(frozen=True, slots=True)
class AddedSlot:
    """A slot that was added; the secrets are shown once and kept nowhere.

    Args:
        slot_id: names it.
        kind: its kind.
        recovery_key: for paper, or empty.
        shares: one text for each holder, in the order of their names.
        key_file: the content of the key file, or empty.
    """

    slot_id: str
    kind: str
    recovery_key: str = field(default="", repr=False)
    shares: tuple[str, ...] = field(default=(), repr=False)
    key_file: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """An opener for a new slot, and what has to be told about it."""

    opener: Opener
    added: AddedSlot


class SlotMaker:
    """Makes openers.

    Args:
        unattended: knows the TPM and how key servers are asked.
    """

    def __init__(self, unattended: Unattended) -> None:
        self._unattended = unattended
        self._ways = {
            PASSPHRASE: self._passphrase,
            RECOVERY: self._recovery,
            TPM: self._tpm,
            SHARES: self._shares,
            KEY_FILE: self._key_file,
            NETWORK: self._network,
        }

    def make(self, wish: SlotWish) -> Made:
        """An opener as wished.

        Raises:
            SlotUnfit: the wish makes no sense.
            WeakPassphrase, SharesUnfit, TpmUnavailable, NetworkSlotRefused: it cannot be fulfilled.
        """
        if wish.kind not in self._ways:
            raise SlotUnfit(reason_zh="没有这种开启方式", reason_en="there is no such kind")
        return self._ways[wish.kind](wish)

    def _passphrase(self, wish: SlotWish) -> Made:
        return Made(Opener.passphrase(judged(wish.passphrase)), AddedSlot("", PASSPHRASE))

    def _recovery(self, _: SlotWish) -> Made:
        key = Secret.random()
        return Made(Opener.recovery(key), AddedSlot("", RECOVERY, recovery_key=recovery_text(key)))

    def _tpm(self, wish: SlotWish) -> Made:
        key = Secret.random()
        fields = self._unattended.tpm.seal(key, wish.pcrs).to_fields()
        return Made(Opener.found(TPM, key, fields), AddedSlot("", TPM))

    def _shares(self, wish: SlotWish) -> Made:
        names = tuple(name.strip() for name in wish.holders)
        if len(set(names)) != len(names) or not all(
            0 < len(name) <= _LONGEST_NAME and name.isprintable() for name in names
        ):
            raise SlotUnfit(
                reason_zh="每位持有人须有不同的姓名",
                reason_en="each holder needs a name of their own",
            )
        key = Secret.random()
        shares = split(key, wish.needed, len(names))
        fields = {
            "count": str(len(names)),
            "holders": "\n".join(names),
            "needed": str(wish.needed),
            "set": shares[0].set_id,
        }
        texts = tuple(share.text() for share in shares)
        return Made(Opener.found(SHARES, key, fields), AddedSlot("", SHARES, shares=texts))

    def _key_file(self, wish: SlotWish) -> Made:
        file = KeyFile.make()
        opener = Opener.key_file(judged(wish.passphrase), file)
        return Made(opener, AddedSlot("", KEY_FILE, key_file=file.text()))

    def _network(self, wish: SlotWish) -> Made:
        url = wish.url.rstrip("/")
        if len(url) > _LONGEST_URL or not _is_address(url):
            raise SlotUnfit(
                reason_zh="地址须为 http:// 或 https:// 加主机名,可带端口与路径,不含用户名与参数",
                reason_en="its address is http:// or https:// and a host, with a port and a path if "
                "need be, and neither a user nor a query",
            )
        if not wish.thumbprint:
            # Trusting whatever answers first would trust whoever stands between.
            raise SlotUnfit(
                reason_zh="须给出服务器签名密钥的指纹(tang-show-keys)",
                reason_en="the thumbprint of the server's signing key is needed (tang-show-keys)",
            )
        advertisement = self._unattended.fetch("GET", f"{url}/adv", None)
        exchange, signer = read_advertisement(advertisement, wish.thumbprint)
        binding, key = provision(exchange)
        fields = {**binding.to_fields(), "url": url, "thumbprint": signer}
        return Made(Opener.found(NETWORK, key, fields), AddedSlot("", NETWORK))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        whole = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and plain and whole and url.isprintable()
