"""Refusals of the cluster: joining, leaving, and what stands between two boxes."""

from appliance.errors import ApplianceError


class ClusterError(ApplianceError):
    """A refusal of the cluster room."""

    code = "cluster"
    zh = "集群操作被拒绝。"
    en = "The cluster refused."
    way_out_zh = "请运行 wardbox cluster status。"
    way_out_en = "Run wardbox cluster status."


class NotMember(ClusterError):
    """This box is in no cluster."""

    code = "cluster.not-member"
    zh = "本机不在任何集群中。"
    en = "This box is in no cluster."
    way_out_zh = "用 wardbox cluster init 建立,或 wardbox cluster join 加入。"
    way_out_en = "Found one with wardbox cluster init, or enter one with wardbox cluster join."


class AlreadyMember(ClusterError):
    """This box is in a cluster already."""

    code = "cluster.already-member"
    zh = "本机已在集群中(地址 {address})。"
    en = "This box is in a cluster already (as {address})."
    way_out_zh = "请先运行 wardbox cluster leave。"
    way_out_en = "Run wardbox cluster leave first."


class NotHead(ClusterError):
    """Only the first box can do this."""

    code = "cluster.not-head"
    zh = "只有集群的首机({head})能做这件事。"
    en = "Only the cluster's first box ({head}) can do this."
    way_out_zh = "请在首机上运行同一命令。"
    way_out_en = "Run the same command there."


class HeadHasMembers(ClusterError):
    """The first box cannot leave before the others."""

    code = "cluster.has-members"
    zh = "集群里还有其他成员:{names}。"
    en = "Other boxes are still in the cluster: {names}."
    way_out_zh = "请先让它们离开;已失联的用 wardbox cluster forget 地址 除名。"
    way_out_en = (
        "Let them leave first; strike those that are gone with wardbox cluster forget ADDRESS."
    )


class AddressRefused(ClusterError):
    """An address that is not one of the hospital's own network."""

    code = "cluster.address-refused"
    zh = "地址 {address} 不能用于集群:{reason_zh}。"
    en = "The address {address} cannot be used: {reason_en}."
    way_out_zh = "请使用互联网口的内网 IP 地址;0.0.0.0、公网地址和主机名都不接受。"
    way_out_en = (
        "Use the private IP address of the interconnect; no wildcard, public address or host name."
    )


class TokenMalformed(ClusterError):
    """A text that is no join token."""

    code = "cluster.token-malformed"
    zh = "这不是加入令牌。"
    en = "That is no join token."
    way_out_zh = "请从首机 wardbox cluster token 的输出完整复制。"
    way_out_en = "Copy it whole from wardbox cluster token on the first box."


class TokenRefused(ClusterError):
    """A token that is unknown, used or too old. The sentence is the same whichever it is."""

    code = "cluster.token-refused"
    zh = "加入令牌无效、已使用或已过期。"
    en = "The join token is unknown, used or too old."
    way_out_zh = "请在首机运行 wardbox cluster token 取得新令牌;每个令牌只能用一次。"
    way_out_en = "Get a new one with wardbox cluster token on the first box; each works once."


class HeadUntrusted(ClusterError):
    """The answer does not come from the cluster that made the token."""

    code = "cluster.head-untrusted"
    zh = "应答方不是发出令牌的集群。"
    en = "The answer does not come from the cluster that made the token."
    way_out_zh = "请核对首机地址;本机没有任何改动。"
    way_out_en = "Check the first box's address; nothing was changed here."


class HeadUnreachable(ClusterError):
    """The first box does not answer."""

    code = "cluster.head-unreachable"
    zh = "连接不上首机 {address}:{reason}。"
    en = "The first box {address} cannot be reached: {reason}."
    way_out_zh = "请检查网线、地址和防火墙。"
    way_out_en = "Check cable, address and firewall."


class RayMissing(ClusterError):
    """The environment that holds Ray has not been made."""

    code = "cluster.ray-missing"
    zh = "尚未建立集群运行环境({path})。"
    en = "The cluster's environment has not been made ({path})."
    way_out_zh = "请运行 wardbox prepare-cluster(可离线)后重试。"
    way_out_en = "Run wardbox prepare-cluster (works offline) and try again."


class RaySilent(ClusterError):
    """The node of this box does not answer."""

    code = "cluster.ray-silent"
    zh = "本机的集群节点没有应答。"
    en = "This box's node does not answer."
    way_out_zh = "节点会自动重启;请稍后用 wardbox cluster status 查看。"
    way_out_en = "It is started again by itself; see wardbox cluster status a little later."


class BoxesTooFew(ClusterError):
    """Work for more boxes than the cluster has."""

    code = "cluster.boxes-too-few"
    zh = "需要 {asked} 台机器,集群只有 {there} 台。"
    en = "{asked} boxes are asked for; the cluster has {there}."
    way_out_zh = "请减少台数,或先让更多机器加入(wardbox cluster join)。"
    way_out_en = "Ask for fewer, or let more boxes join first with wardbox cluster join."


class ReplicasGone(ClusterError):
    """No box that serves a model answers."""

    code = "cluster.replicas-gone"
    zh = "模型 {model} 目前没有可用的副本。"
    en = "No replica of model {model} answers at present."
    way_out_zh = "请稍后重试,或用 wardbox cluster status 查看各机状态。"
    way_out_en = "Try again a little later, or see the boxes with wardbox cluster status."


class AnnouncementRefused(ClusterError):
    """Another box said something about itself that is not believed."""

    code = "cluster.announcement-refused"
    zh = "不采信 {sender} 的公告:{reason_zh}。"
    en = "What {sender} says about itself is not believed: {reason_en}."
    way_out_zh = "请用 wardbox cluster status 核对成员,并检查该机的时间与证书。"
    way_out_en = "Check the members with wardbox cluster status, and that box's certificate."


class AnnouncementStale(ClusterError):
    """What another box says was meant for this one before it started anew."""

    code = "cluster.announcement-stale"
    zh = "公告是说给重启之前的本机的。"
    en = "The announcement was meant for this box before it started anew."
    way_out_zh = "对方会自动重发。"
    way_out_en = "The other box sends it again by itself."


class PeerRefused(ClusterError):
    """A peer asks for what it may not have, or cannot have here now."""

    code = "cluster.peer-refused"
    zh = "本机现在不向 {peer} 提供模型 {model}。"
    en = "This box does not answer for model {model} to {peer} now."
    way_out_zh = "在模型所在的机器上运行 wardbox cluster share 模型。"
    way_out_en = "Share it with wardbox cluster share MODEL on the box that has it."
