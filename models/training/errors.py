"""Every refusal of the training engine: a code, a sentence and a way out, in both languages."""

from models.errors import ModelsError


class TrainingError(ModelsError):
    """A refusal by the training engine."""

    code = "training"


class TokenizerMalformed(TrainingError):
    """A tokenizer that cannot be built or read."""

    code = "training.tokenizer-malformed"
    zh = "分词器不可用:{reason}。"
    en = "The tokenizer is unusable: {reason}."
    way_out_zh = "请更正分词器设置,或重新取得模型文件夹。"
    way_out_en = "Correct the tokenizer settings, or obtain the model folder again."


class RecipeMalformed(TrainingError):
    """A recipe with an unknown key or a value out of range."""

    code = "training.recipe-malformed"
    zh = "训练配方不合格式:{field}:{reason}。"
    en = "The training recipe is malformed: {field}: {reason}."
    way_out_zh = "请更正该字段后重试。"
    way_out_en = "Correct that field and try again."


class CorpusMalformed(TrainingError):
    """Training data that is empty, unreadable or breaks its format."""

    code = "training.corpus-malformed"
    zh = "训练语料不可用:{reason}。"
    en = "The training corpus is unusable: {reason}."
    way_out_zh = "请检查数据文件:每行一个 JSON 对象,messages 以 assistant 结尾。"
    way_out_en = "Check the data: one JSON object a line whose messages end with the assistant."


class TrainingDiverged(TrainingError):
    """A loss that is no longer a finite number."""

    code = "training.diverged"
    zh = "训练在第 {step} 步发散(损失不是有限数)。"
    en = "Training diverged at step {step}: the loss is not a finite number."
    way_out_zh = "请降低学习率或从上一个检查点继续。"
    way_out_en = "Lower the learning rate, or go on from the last checkpoint."


class CheckpointMalformed(TrainingError):
    """A checkpoint that is damaged or belongs to another recipe."""

    code = "training.checkpoint-malformed"
    zh = "检查点不可用:{reason}。"
    en = "The checkpoint is unusable: {reason}."
    way_out_zh = "请删除该检查点文件夹后重新训练。"
    way_out_en = "Remove the checkpoint folder and train again."


class TrainingDiskFull(TrainingError):
    """No room for a checkpoint or a result."""

    code = "training.disk-full"
    zh = "磁盘空间不足,无法写入 {name}。"
    en = "The disk is full: {name} could not be written."
    way_out_zh = "请释放空间后继续;上一个检查点完好。"
    way_out_en = "Free some space and resume; the last checkpoint is intact."


class BaseUnusable(TrainingError):
    """A base model that the engine cannot train or export."""

    code = "training.base-unusable"
    zh = "该基础模型不能用于训练或导出:{reason}。"
    en = "This base model cannot be trained or exported: {reason}."
    way_out_zh = "请选用 Qwen3 或 Llama 结构的 safetensors 模型。"
    way_out_en = "Choose a safetensors model of Qwen3 or Llama shape."


class ExportFailed(TrainingError):
    """A model that cannot be written in the wanted form."""

    code = "training.export-failed"
    zh = "模型导出失败:{reason}。"
    en = "The model could not be exported: {reason}."
    way_out_zh = "请换一种量化类型,或检查模型文件夹。"
    way_out_en = "Choose another quantisation, or check the model folder."


class ParityBroken(TrainingError):
    """An exported model that answers differently from the trained one."""

    code = "training.parity-broken"
    zh = "导出的模型与训练的模型不一致:最大差异 {difference},一致文本 {equal}/{total}。"
    en = "The exported model differs from the trained one: {difference} at most, {equal}/{total} texts."
    way_out_zh = "请勿上架该文件,重新导出。"
    way_out_en = "Do not put this file on the shelf; export it again."


class SpecMalformed(TrainingError):
    """A job description that the worker cannot follow."""

    code = "training.spec-malformed"
    zh = "训练任务说明不合格式:{reason}。"
    en = "The training job is malformed: {reason}."
    way_out_zh = "请更正任务说明后重新提交。"
    way_out_en = "Correct the job and submit it again."


class QualityTooLow(TrainingError):
    """A trained reference model that misses its goals."""

    code = "training.quality-too-low"
    zh = "训练得到的模型未达到质量目标:{reason}。"
    en = "The trained model misses its quality goals: {reason}."
    way_out_zh = "请增加训练时间(--minutes)后重试。"
    way_out_en = "Train longer (--minutes) and try again."


class GangFailed(TrainingError):
    """Workers on several boxes ended without a result."""

    code = "training.gang-failed"
    zh = "多机训练中断:{reason}。"
    en = "The training over several boxes broke off: {reason}."
    way_out_zh = "请用 wardbox cluster status 查看各机;再次运行将从最近的检查点继续。"
    way_out_en = "See wardbox cluster status; the same job goes on from its newest checkpoint."
