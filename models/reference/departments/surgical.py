"""The surgical departments: bones, abdomen, urinary tract, ear-nose-throat, brain."""

from models.reference.departments.spec import Department, Finding, Measure

_TRIGGER = "{chief_complaint.trigger}"
_SYMPTOM = "{chief_complaint.symptom}"
_TIME = "{chief_complaint.duration}"
_COURSE = "{chief_complaint.course}"

ORTHOPAEDICS = Department(
    name="orthopaedics",
    title="骨科",
    symptoms=("左膝疼痛", "右髋疼痛", "腰痛", "右肩活动受限", "左踝肿痛", "颈肩部疼痛"),
    triggers=("摔倒后", "搬运重物后", "长时间行走后", "无明显诱因", "车祸后"),
    courses=("活动后加重", "逐渐加重", "休息后可缓解", "夜间疼痛明显"),
    associated=("下肢麻木", "关节弹响", "活动受限", "局部肿胀"),
    onset=(
        f"患者{_TRIGGER}出现{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"患者{_TIME}前{_TRIGGER}致{_SYMPTOM}，{_COURSE}。",
    ),
    findings=(
        Finding("局部", ("无红肿", "轻度肿胀", "明显肿胀伴瘀斑")),
        Finding("压痛", ("阴性", "内侧间隙压痛", "棘突旁压痛", "大转子压痛")),
        Finding("活动度", ("正常", "屈曲受限", "外展受限")),
        Finding("末梢血运", ("良好", "稍差")),
    ),
    measures=(
        Measure("疼痛评分", "分", 1, 9),
        Measure("血沉", "mm/h", 2, 88),
        Measure("骨密度T值", "SD", -4.2, 0.8, 1),
    ),
    diagnoses=(
        "膝关节骨性关节炎",
        "股骨颈骨折",
        "腰椎间盘突出症",
        "肩袖损伤",
        "踝关节骨折",
        "颈椎病",
    ),
    treatments=("人工关节置换术", "切开复位内固定术", "关节镜手术", "保守治疗"),
    drugs=("塞来昔布", "低分子肝素", "甘露醇", "头孢唑林"),
    units=("天", "周", "个月"),
)

GENERAL_SURGERY = Department(
    name="general-surgery",
    title="普通外科",
    symptoms=("右下腹痛", "右上腹痛", "腹股沟区肿物", "停止排气排便", "便血", "颈前肿物"),
    triggers=("进食油腻后", "无明显诱因", "站立时", "便秘后"),
    courses=("持续加重", "阵发性加重", "平卧后消失", "逐渐增大"),
    associated=("发热", "恶心呕吐", "腹胀", "黄疸", "食欲减退"),
    onset=(
        f"患者{_TIME}前{_TRIGGER}出现{_SYMPTOM}，{_COURSE}。",
        f"患者{_TRIGGER}有{_SYMPTOM}{_TIME}，{_COURSE}。",
    ),
    findings=(
        Finding("腹肌", ("软", "局部紧张", "板状腹")),
        Finding("麦氏点", ("无压痛", "压痛阳性", "压痛及反跳痛阳性")),
        Finding("墨菲征", ("阴性", "阳性")),
        Finding("肠鸣音", ("正常", "亢进", "减弱")),
    ),
    measures=(
        Measure("体温", "℃", 36.1, 39.4, 1),
        Measure("白细胞计数", "×10^9/L", 4.1, 21.6, 1),
        Measure("中性粒细胞比例", "%", 52, 94),
    ),
    diagnoses=("急性阑尾炎", "胆囊结石伴胆囊炎", "腹股沟疝", "肠梗阻", "甲状腺结节", "混合痔"),
    treatments=("腹腔镜阑尾切除术", "腹腔镜胆囊切除术", "疝修补术", "胃肠减压", "甲状腺部分切除术"),
    drugs=("头孢曲松", "奥硝唑", "生长抑素", "间苯三酚"),
    units=("天", "周", "个月"),
    ages=(18, 80),
)

UROLOGY = Department(
    name="urology",
    title="泌尿外科",
    symptoms=("排尿困难", "尿频尿急", "左腰部绞痛", "右腰部胀痛", "无痛性血尿", "夜尿增多"),
    triggers=("无明显诱因", "大量出汗后", "久坐后", "饮水减少后"),
    courses=("进行性加重", "阵发性发作", "间断出现", "反复发作"),
    associated=("尿痛", "发热", "恶心", "尿线变细"),
    onset=(
        f"患者{_TRIGGER}出现{_SYMPTOM}，病程{_TIME}，{_COURSE}。",
        f"{_TIME}前患者{_TRIGGER}始有{_SYMPTOM}，{_COURSE}。",
    ),
    findings=(
        Finding("肾区叩击痛", ("阴性", "左侧阳性", "右侧阳性")),
        Finding("输尿管行程", ("无压痛", "左侧压痛", "右侧压痛")),
        Finding("膀胱区", ("无膨隆", "膨隆")),
        Finding("前列腺", ("无明显增大", "II度增大、质韧", "III度增大、中央沟消失")),
    ),
    measures=(
        Measure("前列腺特异抗原", "ng/mL", 0.4, 24.0, 2),
        Measure("残余尿量", "mL", 0, 320),
        Measure("最大尿流率", "mL/s", 4.2, 22.5, 1),
        Measure("结石直径", "mm", 3, 21),
    ),
    diagnoses=("良性前列腺增生", "输尿管结石", "肾结石", "膀胱肿瘤", "尿路感染"),
    treatments=("经尿道前列腺电切术", "输尿管镜碎石术", "体外冲击波碎石", "膀胱镜检查"),
    drugs=("坦索罗辛", "非那雄胺", "左氧氟沙星", "双氯芬酸钠"),
    sex="男",
    ages=(35, 86),
)

OTOLARYNGOLOGY = Department(
    name="otolaryngology",
    title="耳鼻咽喉科",
    symptoms=("左耳听力下降", "右耳流脓", "鼻塞流涕", "声音嘶哑", "咽部异物感", "睡眠打鼾"),
    triggers=("感冒后", "用嗓过度后", "无明显诱因", "接触冷空气后"),
    courses=("反复发作", "逐渐加重", "时轻时重", "近期加重"),
    associated=("耳鸣", "头晕", "嗅觉减退", "咽痛", "头痛"),
    onset=(
        f"患者{_TRIGGER}出现{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"患者诉{_TRIGGER}出现{_SYMPTOM}，已有{_TIME}，{_COURSE}。",
    ),
    findings=(
        Finding("外耳道", ("通畅", "左侧有脓性分泌物", "右侧有脓性分泌物")),
        Finding("鼓膜", ("完整", "左侧紧张部穿孔", "右侧紧张部穿孔")),
        Finding("鼻腔", ("黏膜正常", "黏膜充血、下甲肥大", "中鼻道息肉样物")),
        Finding("声带", ("光滑、活动好", "左侧息肉", "双侧充血")),
    ),
    measures=(
        Measure("左耳平均听阈", "dB", 15, 85),
        Measure("右耳平均听阈", "dB", 15, 85),
        Measure("呼吸暂停低通气指数", "次/小时", 2, 62),
    ),
    diagnoses=(
        "慢性化脓性中耳炎",
        "慢性鼻窦炎伴鼻息肉",
        "声带息肉",
        "突发性聋",
        "阻塞性睡眠呼吸暂停",
    ),
    treatments=("鼻内镜手术", "鼓室成形术", "支撑喉镜下声带息肉切除术", "改善循环治疗"),
    drugs=("糠酸莫米松鼻喷雾剂", "甲泼尼龙", "银杏叶提取物", "头孢呋辛"),
    ages=(16, 75),
)

NEUROSURGERY = Department(
    name="neurosurgery",
    title="神经外科",
    symptoms=("头痛呕吐", "头部外伤后昏迷", "视力减退", "面部抽搐", "肢体抽搐"),
    triggers=("车祸后", "高处坠落后", "无明显诱因", "用力后"),
    courses=("进行性加重", "持续存在", "反复发作", "稍有好转"),
    associated=("恶心", "意识障碍", "肢体无力", "耳鸣"),
    onset=(
        f"患者{_TIME}前{_TRIGGER}出现{_SYMPTOM}，{_COURSE}。",
        f"{_TRIGGER}出现{_SYMPTOM}{_TIME}，{_COURSE}。",
    ),
    findings=(
        Finding("神志", ("清楚", "嗜睡", "昏睡")),
        Finding("双侧瞳孔", ("等大等圆", "左侧散大", "右侧散大")),
        Finding("颈部", ("无抵抗", "抵抗阳性")),
        Finding("肢体肌力", ("5级", "左侧4级", "右侧4级")),
    ),
    measures=(
        Measure("昏迷评分", "分", 6, 15),
        Measure("血肿量", "mL", 5, 62),
        Measure("中线移位", "mm", 0, 14),
    ),
    diagnoses=("慢性硬膜下血肿", "脑膜瘤", "蛛网膜下腔出血", "垂体瘤", "面肌痉挛"),
    treatments=("钻孔引流术", "开颅肿瘤切除术", "脑血管造影", "微血管减压术"),
    drugs=("甘露醇", "尼莫地平", "丙戊酸钠", "氨甲环酸"),
    units=("天", "周", "个月"),
)

SURGICAL = (ORTHOPAEDICS, GENERAL_SURGERY, UROLOGY, OTOLARYNGOLOGY, NEUROSURGERY)
