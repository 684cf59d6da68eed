"""Refusals of the jobs room, and the faults a worker's end is told by."""

from appliance.errors import ApplianceError


class JobUnknown(ApplianceError):
    """An id that no job has."""

    code = "job.unknown"
    zh = "没有任务 {job_id}。"
    en = "There is no job {job_id}."
    way_out_zh = "请用 `wardbox jobs list` 查看任务。"
    way_out_en = "See the jobs with `wardbox jobs list`."


class JobKindUnknown(ApplianceError):
    """A kind of job this box does not run."""

    code = "job.kind-unknown"
    zh = "没有名为 {kind} 的任务类型。"
    en = "There is no kind of job named {kind}."
    way_out_zh = "可用的类型:{kinds}。"
    way_out_en = "The kinds are {kinds}."


class JobSpecInvalid(ApplianceError):
    """A spec that its kind does not accept."""

    code = "job.spec-invalid"
    zh = "任务参数不可用:{field}:{reason_zh}。"
    en = "The job's spec cannot be used: {field}: {reason_en}."
    way_out_zh = "请更正该参数后重新提交。"
    way_out_en = "Correct it and submit again."


class JobMove(ApplianceError):
    """A move that the job's state does not allow."""

    code = "job.wrong-state"
    zh = "任务 {job_id} 处于 {state} 状态,不能执行 {move}。"
    en = "The job {job_id} is {state}; it cannot be moved to {move}."
    way_out_zh = "请用 `wardbox jobs show {job_id}` 查看它的状态。"
    way_out_en = "See its state with `wardbox jobs show {job_id}`."


class JobsFull(ApplianceError):
    """A queue that takes no more."""

    code = "job.queue-full"
    zh = "任务队列已满({limit} 个)。"
    en = "The job queue is full ({limit} jobs)."
    way_out_zh = "请等待任务完成或取消不需要的任务。"
    way_out_en = "Wait for jobs to finish, or cancel some."


class WorkerSilent(ApplianceError):
    """A worker that said nothing for too long and was ended."""

    code = "job.worker-silent"
    zh = "工作进程超过 {seconds} 秒没有任何消息,已被结束。"
    en = "The worker said nothing for {seconds} seconds and was ended."
    way_out_zh = "请重试;如反复出现,请查看任务目录中的 stderr.log。"
    way_out_en = "Try again; if it keeps happening, see stderr.log in the job's directory."


class WorkerFlood(ApplianceError):
    """A worker that said far more than a job has to say and was ended."""

    code = "job.worker-flood"
    zh = "工作进程输出过量({what}),已被结束。"
    en = "The worker flooded its output ({what}) and was ended."
    way_out_zh = "这是工作进程的缺陷,请报告;任务数据未受影响。"
    way_out_en = "This is a defect of the worker, please report it; the job's data is unharmed."


class WorkerDied(ApplianceError):
    """A worker that ended without a result."""

    code = "job.worker-died"
    zh = "工作进程没有给出结果就结束了({how})。"
    en = "The worker ended without a result ({how})."
    way_out_zh = "请检查内存与磁盘后用 `wardbox jobs resume` 重试;详情见任务目录中的 stderr.log。"
    way_out_en = (
        "Check memory and disk, then `wardbox jobs resume`; stderr.log in its directory tells more."
    )


class WorkerUnstartable(ApplianceError):
    """A worker program that could not be started."""

    code = "job.worker-unstartable"
    zh = "无法启动工作进程:{reason}。"
    en = "The worker could not be started: {reason}."
    way_out_zh = "请重新运行 ./install.sh 修复安装。"
    way_out_en = "Run ./install.sh again to repair the installation."


class JobAbandoned(ApplianceError):
    """A job that cannot go on after the box stopped."""

    code = "job.abandoned"
    zh = "设备停机打断了任务,而此类任务不能续做。"
    en = "The box stopped during the job, and this kind cannot be resumed."
    way_out_zh = "请重新提交。"
    way_out_en = "Submit it again."
