"""The refusals of secure_compute: one exception per kind, each a sentence with a way out."""

from secure_compute.reasons import REASONS_ZH


class SecureComputeError(Exception):
    """A refusal by secure_compute: a code, a sentence and a way out, in Chinese and English.

    Attributes:
        code: Dotted name of the kind, stable across releases.
        facts: What fills the gaps of the sentence; never a secret. Where a sentence has a `reason`, that
            is an English phrase of `REASONS_ZH`, whose own gaps the other facts fill.
    """

    code = "secure"
    zh = ""
    en = ""
    way_out_zh = ""
    way_out_en = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """What went wrong, Chinese first."""
        return f"{self.sentence_zh} {self.sentence_en}"

    @property
    def sentence_zh(self) -> str:
        """The Chinese sentence alone."""
        return self._fill(self.zh, chinese=True)

    @property
    def sentence_en(self) -> str:
        """The English sentence alone."""
        return self._fill(self.en, chinese=False)

    @property
    def way_out(self) -> str:
        """What to do about it, Chinese first."""
        return f"{self.way_out_zh.format(**self.facts)} {self.way_out_en.format(**self.facts)}"

    def _fill(self, text: str, *, chinese: bool) -> str:
        facts = dict(self.facts)
        reason = facts.get("reason")
        if isinstance(reason, str) and reason in REASONS_ZH:
            facts["reason"] = (REASONS_ZH[reason] if chinese else reason).format(**self.facts)
        return text.format(**facts)


class NotCanonical(SecureComputeError):
    """A value or text outside the canonical JSON subset."""

    code = "secure.not-canonical"
    zh = "内容不能写成规范 JSON:{reason_zh}。"
    en = "This is not canonical JSON: {reason}."
    way_out_zh = "只用文本、整数(绝对值小于 2^53)、布尔、空值、列表和文本键的字典;小数请写成文本。"
    way_out_en = (
        "Use text, integers below 2^53, booleans, null, lists and dictionaries with text keys; "
        "write a decimal number as text."
    )


class DigestMalformed(SecureComputeError):
    """A digest text that is not `algorithm:hex`."""

    code = "secure.digest-malformed"
    zh = "摘要“{text}”不合格式。"
    en = "The digest '{text}' is malformed."
    way_out_zh = "摘要写作 算法:小写十六进制,例如 sha256: 后跟 64 位。"
    way_out_en = "A digest reads algorithm:hex in lower case, for example sha256: and 64 digits."


class DigestMismatch(SecureComputeError):
    """Bytes that do not have the digest that was promised for them."""

    code = "secure.digest-mismatch"
    zh = "{what} 的摘要不符:应为 {expected},实为 {actual}。"
    en = "The digest of {what} does not match: expected {expected}, found {actual}."
    way_out_zh = "请从可信来源重新取得该文件。"
    way_out_en = "Fetch the file again from a source you trust."


class TreeRangeInvalid(SecureComputeError):
    """A question about a part of the tree that does not exist."""

    code = "secure.tree-range"
    zh = "树中没有这个位置:{reason}。"
    en = "The tree has no such place: {reason}."
    way_out_zh = "请核对序号与树的大小。"
    way_out_en = "Check the index and the tree size."


class ProofInvalid(SecureComputeError):
    """A Merkle proof that does not hold."""

    code = "secure.proof-invalid"
    zh = "默克尔证明不成立:{reason}。"
    en = "The Merkle proof does not hold: {reason}."
    way_out_zh = "日志可能被改动过。请保留现有文件并交给审计人员。"
    way_out_en = "The log may have been altered. Keep the files as they are and call the auditor."


class NoteMalformed(SecureComputeError):
    """A signed note, checkpoint or verifier key that breaks its format."""

    code = "secure.note-malformed"
    zh = "签名文书不合格式:{reason}。"
    en = "The signed note is malformed: {reason}."
    way_out_zh = "请重新导出文件。"
    way_out_en = "Export the file again."


class SignatureInvalid(SecureComputeError):
    """A signature that does not verify, or none by a trusted key."""

    code = "secure.signature-invalid"
    zh = "签名无效:{reason}。"
    en = "The signature is invalid: {reason}."
    way_out_zh = "不要使用这份内容;请核对公钥,并从可信来源重新取得。"
    way_out_en = (
        "Do not use this content; check the public key and fetch it again from a trusted source."
    )


class AlgorithmUnknown(SecureComputeError):
    """An algorithm id that this release does not know."""

    code = "secure.algorithm-unknown"
    zh = "不认识算法“{algorithm}”。"
    en = "The algorithm '{algorithm}' is unknown to this release."
    way_out_zh = "请升级软件,或改用受支持的算法。"
    way_out_en = "Update the software, or use a supported algorithm."


class KeyMalformed(SecureComputeError):
    """Key material of the wrong length or encoding."""

    code = "secure.key-malformed"
    zh = "密钥不合格式:{reason}。"
    en = "The key is malformed: {reason}."
    way_out_zh = "请核对密钥的来源和长度。"
    way_out_en = "Check where the key came from and how long it is."


class SealMalformed(SecureComputeError):
    """Sealed bytes that break their format."""

    code = "secure.seal-malformed"
    zh = "加密内容不合格式:{reason}。"
    en = "The sealed content is malformed: {reason}."
    way_out_zh = "文件可能被截断或覆盖,请从备份恢复。"
    way_out_en = "The file may be cut off or overwritten; restore it from a backup."


class SealBroken(SecureComputeError):
    """Sealed bytes that do not open: changed, cut, reordered, or sealed under another key."""

    code = "secure.seal-broken"
    zh = "加密内容打不开:密钥不符,或内容被改动、截断。"
    en = "The sealed content does not open: the key is another one, or the content was altered or cut."
    way_out_zh = "请核对密钥版本;若密钥无误,请从备份恢复。"
    way_out_en = "Check the key's version; if the key is right, restore from a backup."


class WrongSecret(SecureComputeError):
    """A passphrase, recovery key or machine key that opens no slot."""

    code = "secure.wrong-secret"
    zh = "口令或密钥不对,打不开根密钥。"
    en = "The passphrase or key is wrong: the root key stays closed."
    way_out_zh = "请再输入一次;忘记口令时可用安装时给出的恢复密钥。"
    way_out_en = "Enter it again; the recovery key shown at installation opens the box as well."


class RecoveryKeyMistyped(SecureComputeError):
    """A recovery key text that cannot be one."""

    code = "secure.recovery-key-mistyped"
    zh = "恢复密钥输入有误:{reason_zh}。"
    en = "The recovery key is mistyped: {reason}."
    way_out_zh = "请对照纸质记录核对该处;大小写、空格不影响,0 与 O、1 与 I、L 视为相同。"
    way_out_en = (
        "Compare it with the paper; case and spaces do not matter, 0/O and 1/I/L are alike."
    )


class SealedRootMalformed(SecureComputeError):
    """A sealed-root document that breaks its format."""

    code = "secure.sealed-root-malformed"
    zh = "根密钥文件不合格式:{reason}。"
    en = "The sealed root key document is malformed: {reason}."
    way_out_zh = "请从备份恢复该文件;没有它,数据无法打开。"
    way_out_en = "Restore this file from a backup; without it the data cannot be opened."


class LastSlot(SecureComputeError):
    """An attempt to remove the only way to open the root key."""

    code = "secure.last-slot"
    zh = "不能删除最后一个开启方式。"
    en = "The last way to open the root key cannot be removed."
    way_out_zh = "请先添加新的口令或恢复密钥。"
    way_out_en = "Add a new passphrase or recovery key first."


class SlotUnreachable(SecureComputeError):
    """A slot that a new root key cannot be sealed to without its secret."""

    code = "secure.slot-unreachable"
    zh = "无法把新的根密钥封装给开启方式“{kind}”:它由旧版本写成,或已被改动。"
    en = "The new root key cannot be sealed to the slot '{kind}': an older version wrote it, or it was altered."
    way_out_zh = "请重新设置该开启方式(更换口令或恢复密钥),再轮换根密钥。"
    way_out_en = (
        "Set that slot again (change the passphrase or the recovery key), then rotate the root key."
    )


class ModuleRefused(SecureComputeError):
    """A cryptographic module that does not compute what the standards say."""

    code = "secure.module-refused"
    zh = "密码模块“{module}”未通过自检:{what}。"
    en = "The cryptographic module '{module}' failed its self-test: {what}."
    way_out_zh = "请核对模块、驱动与固件版本;设备继续使用原有实现。"
    way_out_en = "Check the module, its driver and firmware; the box goes on with what it had."


class ModuleMissing(SecureComputeError):
    """No library on this machine computes SM2."""

    code = "secure.module-missing"
    zh = "这台机器没有可用的 OpenSSL 3(libcrypto),无法计算 SM2。"
    en = "This machine has no usable OpenSSL 3 (libcrypto): SM2 cannot be computed."
    way_out_zh = "请安装软件包 libssl3,或接入经认证的密码模块。"
    way_out_en = "Install the package libssl3, or plug in a certified module."


class PasswordRefused(SecureComputeError):
    """A password that cannot be stored."""

    code = "secure.password-refused"
    zh = "不能使用这个口令:{reason_zh}。"
    en = "This password cannot be used: {reason}."
    way_out_zh = "请换一个 8 到 256 个字符的口令。"
    way_out_en = "Choose a password of 8 to 256 characters."


class CertificateRefused(SecureComputeError):
    """A certificate that cannot be read or issued."""

    code = "secure.certificate-refused"
    zh = "证书无法读取或签发:{reason}。"
    en = "The certificate cannot be read or issued: {reason}."
    way_out_zh = "请核对主机名、IP 地址和证书文件。"
    way_out_en = "Check the host names, addresses and certificate files."


class ExchangeRefused(SecureComputeError):
    """A message of encrypted scoring that breaks its format, order or binding."""

    code = "secure.exchange-refused"
    zh = "密文计算的消息被拒绝:{reason}。"
    en = "The encrypted-scoring message is refused: {reason}."
    way_out_zh = "请核对对方的公钥与会话,必要时重新开始一次会话。"
    way_out_en = "Check the other side's key and session; start a new session if need be."


class InputRefused(SecureComputeError):
    """Values that encrypted scoring cannot carry."""

    code = "secure.input-refused"
    zh = "输入不能加密计算:{reason}。"
    en = "The input cannot be scored under encryption: {reason}."
    way_out_zh = "请核对列名、行数,并把数值标准化到允许的范围内。"
    way_out_en = "Check column names and row count, and standardise values into the allowed range."


class ModelUnfit(SecureComputeError):
    """A model that encrypted scoring cannot evaluate."""

    code = "secure.model-unfit"
    zh = "该模型不能用于密文计算:{reason}。"
    en = "This model does not fit encrypted scoring: {reason}."
    way_out_zh = "请使用系数有限、输出范围适中的线性或逻辑回归模型。"
    way_out_en = "Use a linear or logistic model with finite weights and a moderate output range."


class ScoresImplausible(SecureComputeError):
    """Decrypted scores whose sentinels or range do not hold."""

    code = "secure.scores-implausible"
    zh = "解密结果不可信:{reason}。"
    en = "The decrypted scores are implausible: {reason}."
    way_out_zh = "结果已丢弃。请重新开始一次会话再试。"
    way_out_en = "The result was discarded. Start a new session and try again."
