"""The medical departments: heart, lungs, gut, nerves, hormones, kidneys."""

from models.reference.departments.spec import Department, Finding, Measure

_TRIGGER = "{chief_complaint.trigger}"
_SYMPTOM = "{chief_complaint.symptom}"
_TIME = "{chief_complaint.duration}"
_COURSE = "{chief_complaint.course}"

CARDIOLOGY = Department(
    name="cardiology",
    title="心血管内科",
    symptoms=("胸闷", "胸痛", "心悸", "活动后气促", "双下肢水肿", "阵发性胸闷"),
    triggers=("劳累后", "情绪激动后", "无明显诱因", "饱餐后", "夜间平卧时"),
    courses=("休息后可缓解", "进行性加重", "反复发作", "近期发作频繁"),
    associated=("出汗", "头晕", "乏力", "肩背部放射痛", "恶心"),
    onset=(
        f"患者{_TIME}，{_TRIGGER}出现{_SYMPTOM}，{_COURSE}。",
        f"起病{_TIME}，{_TRIGGER}感{_SYMPTOM}，{_COURSE}。",
    ),
    findings=(
        Finding("心律", ("齐", "不齐", "绝对不齐")),
        Finding("心脏杂音", ("未闻及", "心尖部收缩期杂音", "主动脉瓣区舒张期杂音")),
        Finding("双肺", ("呼吸音清", "双下肺湿啰音")),
        Finding("双下肢", ("无水肿", "轻度凹陷性水肿", "中度凹陷性水肿")),
    ),
    measures=(
        Measure("肌钙蛋白", "ng/mL", 0.01, 3.2, 2),
        Measure("左室射血分数", "%", 32, 68),
        Measure("低密度脂蛋白", "mmol/L", 1.4, 4.9, 2),
    ),
    diagnoses=(
        "冠状动脉粥样硬化性心脏病",
        "不稳定型心绞痛",
        "心房颤动",
        "慢性心力衰竭",
        "急性心肌梗死",
    ),
    treatments=("冠状动脉造影", "药物治疗", "动态心电图监测", "起搏器评估"),
    drugs=("阿司匹林", "氯吡格雷", "阿托伐他汀", "美托洛尔", "呋塞米"),
)

RESPIRATORY = Department(
    name="respiratory",
    title="呼吸内科",
    symptoms=("咳嗽咳痰", "气喘", "发热咳嗽", "痰中带血", "活动后呼吸困难"),
    triggers=("受凉后", "无明显诱因", "接触粉尘后", "季节变化时"),
    courses=("逐渐加重", "反复发作", "夜间明显", "用药后稍缓解"),
    associated=("发热", "胸痛", "盗汗", "乏力", "食欲减退"),
    onset=(
        f"患者{_TRIGGER}出现{_SYMPTOM}，已{_TIME}，{_COURSE}。",
        f"{_TRIGGER}起病，表现为{_SYMPTOM}，持续{_TIME}，{_COURSE}。",
    ),
    findings=(
        Finding("胸廓", ("对称无畸形", "桶状胸")),
        Finding("呼吸音", ("清", "粗", "减低")),
        Finding("啰音", ("未闻及", "右下肺湿啰音", "双肺哮鸣音")),
        Finding("口唇", ("无发绀", "轻度发绀")),
    ),
    measures=(
        Measure("体温", "℃", 36.2, 39.6, 1),
        Measure("血氧饱和度", "%", 84, 99),
        Measure("白细胞计数", "×10^9/L", 3.6, 18.9, 1),
        Measure("C反应蛋白", "mg/L", 1, 160),
    ),
    diagnoses=(
        "社区获得性肺炎",
        "慢性阻塞性肺疾病急性加重",
        "支气管哮喘",
        "支气管扩张",
        "肺部结节",
    ),
    treatments=("抗感染治疗", "胸部CT检查", "雾化吸入治疗", "支气管镜检查"),
    drugs=("莫西沙星", "布地奈德", "氨溴索", "哌拉西林他唑巴坦"),
)

GASTROENTEROLOGY = Department(
    name="gastroenterology",
    title="消化内科",
    symptoms=("上腹痛", "反酸烧心", "黑便", "腹泻", "腹胀", "吞咽不适"),
    triggers=("进食油腻后", "饮酒后", "空腹时", "无明显诱因"),
    courses=("间断发作", "逐渐加重", "进食后缓解", "夜间明显"),
    associated=("恶心", "呕吐", "食欲减退", "体重下降", "嗳气"),
    onset=(
        f"患者{_TIME}来{_TRIGGER}反复{_SYMPTOM}，{_COURSE}。",
        f"患者{_TRIGGER}出现{_SYMPTOM}{_TIME}，{_COURSE}。",
    ),
    findings=(
        Finding("腹部", ("平软", "稍膨隆")),
        Finding("压痛", ("无", "上腹部轻压痛", "右上腹压痛", "脐周压痛")),
        Finding("肠鸣音", ("正常", "活跃", "减弱")),
        Finding("肝脾", ("肋下未触及", "脾肋下可触及")),
    ),
    measures=(
        Measure("血红蛋白", "g/L", 62, 156),
        Measure("谷丙转氨酶", "U/L", 8, 190),
        Measure("总胆红素", "μmol/L", 6.0, 48.0, 1),
    ),
    diagnoses=(
        "胃溃疡",
        "十二指肠溃疡",
        "慢性萎缩性胃炎",
        "反流性食管炎",
        "溃疡性结肠炎",
        "上消化道出血",
    ),
    treatments=("胃镜检查", "结肠镜检查", "抑酸治疗", "禁食补液"),
    drugs=("奥美拉唑", "铝碳酸镁", "美沙拉嗪", "枸橼酸铋钾"),
)

NEUROLOGY = Department(
    name="neurology",
    title="神经内科",
    symptoms=("头晕", "头痛", "左侧肢体无力", "右侧肢体麻木", "言语不清", "肢体抖动"),
    triggers=("晨起时", "活动中", "无明显诱因", "情绪激动时"),
    courses=("症状持续", "逐渐加重", "阵发性发作", "较前稍好转"),
    associated=("恶心", "行走不稳", "视物旋转", "饮水呛咳", "睡眠差"),
    onset=(
        f"患者于{_TRIGGER}突发{_SYMPTOM}，至今{_TIME}，{_COURSE}。",
        f"患者{_TRIGGER}起病，{_SYMPTOM}{_TIME}，{_COURSE}。",
    ),
    findings=(
        Finding("神志", ("清楚", "嗜睡")),
        Finding("肌力", ("四肢5级", "左侧肢体4级", "右侧肢体3级")),
        Finding("病理征", ("未引出", "左侧巴氏征阳性", "右侧巴氏征阳性")),
        Finding("语言", ("流利", "构音不清", "运动性失语")),
    ),
    measures=(
        Measure("神经功能评分", "分", 0, 18),
        Measure("同型半胱氨酸", "μmol/L", 6.0, 32.0, 1),
        Measure("糖化血红蛋白", "%", 4.8, 9.6, 1),
    ),
    diagnoses=("急性脑梗死", "短暂性脑缺血发作", "帕金森病", "偏头痛", "良性位置性眩晕", "癫痫"),
    treatments=("头颅磁共振检查", "抗血小板治疗", "康复训练", "脑电图检查"),
    drugs=("阿司匹林", "氯吡格雷", "丁苯酞", "多巴丝肼", "丙戊酸钠"),
)

ENDOCRINOLOGY = Department(
    name="endocrinology",
    title="内分泌科",
    symptoms=("多饮多尿", "血糖升高", "体重下降", "颈部增粗", "心慌手抖", "双足麻木"),
    triggers=("无明显诱因", "饮食控制不佳后", "自行停药后", "体检时"),
    courses=("逐渐加重", "控制不佳", "时轻时重", "无明显变化"),
    associated=("乏力", "口干", "视物模糊", "多汗", "易怒"),
    onset=(
        f"患者{_TRIGGER}发现{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"患者{_SYMPTOM}病程{_TIME}，{_TRIGGER}起病，{_COURSE}。",
    ),
    findings=(
        Finding("甲状腺", ("未触及肿大", "I度肿大", "II度肿大")),
        Finding("足背动脉", ("搏动正常", "搏动减弱")),
        Finding("皮肤", ("正常", "干燥", "潮湿")),
        Finding("手颤", ("阴性", "阳性")),
    ),
    measures=(
        Measure("空腹血糖", "mmol/L", 4.2, 19.8, 1),
        Measure("糖化血红蛋白", "%", 5.1, 13.2, 1),
        Measure("促甲状腺激素", "mIU/L", 0.01, 9.8, 2),
        Measure("体重指数", "kg/m2", 17.2, 33.5, 1),
    ),
    diagnoses=(
        "2型糖尿病",
        "甲状腺功能亢进症",
        "糖尿病周围神经病变",
        "甲状腺结节",
        "甲状腺功能减退症",
    ),
    treatments=("胰岛素强化治疗", "口服降糖治疗", "甲状腺超声检查", "动态血糖监测"),
    drugs=("二甲双胍", "甘精胰岛素", "达格列净", "甲巯咪唑", "左甲状腺素钠"),
)

NEPHROLOGY = Department(
    name="nephrology",
    title="肾内科",
    symptoms=("颜面水肿", "双下肢水肿", "泡沫尿", "肉眼血尿", "尿量减少"),
    triggers=("感冒后", "劳累后", "无明显诱因", "体检时"),
    courses=("逐渐加重", "反复发作", "时轻时重", "晨起明显"),
    associated=("乏力", "腰酸", "食欲减退", "夜尿增多", "皮肤瘙痒"),
    onset=(
        f"患者{_TRIGGER}出现{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"{_TIME}来患者{_TRIGGER}有{_SYMPTOM}，{_COURSE}。",
    ),
    findings=(
        Finding("眼睑", ("无水肿", "轻度水肿")),
        Finding("肾区叩击痛", ("阴性", "左侧阳性", "右侧阳性")),
        Finding("双下肢", ("无水肿", "凹陷性水肿")),
        Finding("贫血貌", ("无", "轻度", "中度")),
    ),
    measures=(
        Measure("血肌酐", "μmol/L", 58, 720),
        Measure("尿素氮", "mmol/L", 3.1, 28.4, 1),
        Measure("尿蛋白定量", "g/24h", 0.1, 8.6, 2),
        Measure("血钾", "mmol/L", 3.1, 6.2, 1),
    ),
    diagnoses=("慢性肾脏病3期", "慢性肾脏病5期", "肾病综合征", "IgA肾病", "糖尿病肾病"),
    treatments=("肾穿刺活检", "血液透析", "控制血压治疗", "低盐优质蛋白饮食"),
    drugs=("泼尼松", "缬沙坦", "呋塞米", "复方酮酸"),
)

MEDICAL = (CARDIOLOGY, RESPIRATORY, GASTROENTEROLOGY, NEUROLOGY, ENDOCRINOLOGY, NEPHROLOGY)
