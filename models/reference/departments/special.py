"""Further departments: women, children, skin, tumours."""

from models.reference.departments.spec import Department, Finding, Measure

_TRIGGER = "{chief_complaint.trigger}"
_SYMPTOM = "{chief_complaint.symptom}"
_TIME = "{chief_complaint.duration}"
_COURSE = "{chief_complaint.course}"

GYNAECOLOGY = Department(
    name="gynaecology",
    title="妇产科",
    symptoms=("停经", "下腹坠痛", "不规则阴道流血", "经量增多", "白带增多"),
    triggers=("无明显诱因", "劳累后", "体检时", "月经期"),
    courses=("间断出现", "逐渐加重", "量时多时少", "近期明显"),
    associated=("头晕", "恶心", "腰酸", "乏力"),
    onset=(
        f"患者{_TRIGGER}出现{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"患者因{_SYMPTOM}{_TIME}就诊，{_TRIGGER}起病，{_COURSE}。",
    ),
    findings=(
        Finding("外阴", ("发育正常", "皮肤轻度红肿")),
        Finding("宫颈", ("光滑", "轻度糜烂样改变", "举痛阳性")),
        Finding("子宫", ("正常大小", "增大如孕2月", "增大如孕3月")),
        Finding("附件", ("未触及异常", "左侧增厚压痛", "右侧扪及包块")),
    ),
    measures=(
        Measure("血红蛋白", "g/L", 64, 138),
        Measure("绒毛膜促性腺激素", "IU/L", 2, 9800),
        Measure("子宫内膜厚度", "mm", 4, 19),
        Measure("糖类抗原125", "U/mL", 8, 220),
    ),
    diagnoses=("子宫肌瘤", "异位妊娠", "卵巢囊肿", "子宫内膜异位症", "盆腔炎性疾病", "缺铁性贫血"),
    treatments=("腹腔镜手术", "宫腔镜检查", "子宫肌瘤剔除术", "抗感染治疗"),
    drugs=("头孢西丁", "甲硝唑", "缩宫素", "琥珀酸亚铁"),
    ages=(20, 54),
    sex="女",
)

PAEDIATRICS = Department(
    name="paediatrics",
    title="儿科",
    symptoms=("发热", "咳嗽", "腹泻", "呕吐", "皮疹", "抽搐"),
    triggers=("受凉后", "无明显诱因", "进食不洁食物后", "接触患儿后"),
    courses=("反复发热", "逐渐加重", "夜间明显", "较前减轻"),
    associated=("精神差", "食欲减退", "流涕", "尿量减少", "哭闹不安"),
    onset=(
        f"患儿{_TRIGGER}出现{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"患儿{_TIME}前{_TRIGGER}始{_SYMPTOM}，{_COURSE}。",
    ),
    findings=(
        Finding("精神反应", ("可", "稍差", "差")),
        Finding("咽部", ("无充血", "充血", "扁桃体II度肿大")),
        Finding("双肺", ("呼吸音清", "可闻及痰鸣音", "可闻及细湿啰音")),
        Finding("皮肤", ("无皮疹", "躯干散在红色斑丘疹", "手足疱疹")),
    ),
    measures=(
        Measure("体温", "℃", 36.5, 40.2, 1),
        Measure("体重", "kg", 6.5, 46.0, 1),
        Measure("白细胞计数", "×10^9/L", 3.9, 19.7, 1),
        Measure("C反应蛋白", "mg/L", 1, 96),
    ),
    diagnoses=("支气管肺炎", "急性上呼吸道感染", "急性胃肠炎", "手足口病", "热性惊厥", "川崎病"),
    treatments=("抗感染治疗", "雾化治疗", "补液治疗", "退热对症治疗"),
    drugs=("阿奇霉素", "布洛芬混悬液", "蒙脱石散", "口服补液盐"),
    ages=(1, 13),
    units=("天", "周"),
)

DERMATOLOGY = Department(
    name="dermatology",
    title="皮肤科",
    symptoms=("全身红斑鳞屑", "躯干水疱", "四肢瘙痒性皮疹", "面部红斑", "左腰部簇集疱疹"),
    triggers=("日晒后", "服药后", "无明显诱因", "饮酒后", "接触染发剂后"),
    courses=("反复发作", "逐渐增多", "冬重夏轻", "瘙痒明显"),
    associated=("瘙痒", "疼痛", "低热", "关节痛"),
    onset=(
        f"患者{_TRIGGER}起{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"患者{_TIME}前{_TRIGGER}出现{_SYMPTOM}，{_COURSE}。",
    ),
    findings=(
        Finding("皮损分布", ("躯干四肢", "头面部", "双下肢伸侧", "左侧肋间")),
        Finding("皮损形态", ("红色斑块覆银白色鳞屑", "红斑基础上簇集水疱", "风团", "丘疹伴抓痕")),
        Finding("黏膜", ("未受累", "口腔糜烂")),
        Finding("尼氏征", ("阴性", "阳性")),
    ),
    measures=(
        Measure("皮损面积", "%", 1, 72),
        Measure("嗜酸性粒细胞比例", "%", 0.4, 18.5, 1),
        Measure("总IgE", "IU/mL", 12, 1600),
    ),
    diagnoses=("寻常型银屑病", "带状疱疹", "特应性皮炎", "大疱性类天疱疮", "药疹", "慢性荨麻疹"),
    treatments=("窄谱中波紫外线照射", "抗病毒治疗", "外用药物治疗", "皮肤活检"),
    drugs=("伐昔洛韦", "卡泊三醇软膏", "依巴斯汀", "甲泼尼龙", "加巴喷丁"),
)

ONCOLOGY = Department(
    name="oncology",
    title="肿瘤科",
    symptoms=("确诊肺癌", "乳腺肿物", "进食哽噎", "体重下降", "颈部淋巴结肿大", "化疗后乏力"),
    triggers=("体检时", "无明显诱因", "自行触摸时", "复查时"),
    courses=("进行性加重", "病情稳定", "逐渐增大", "近期加重"),
    associated=("食欲减退", "疼痛", "咳嗽", "恶心", "睡眠差"),
    onset=(
        f"患者{_TRIGGER}发现{_SYMPTOM}{_TIME}，{_COURSE}。",
        f"{_TIME}前患者{_TRIGGER}发现{_SYMPTOM}，{_COURSE}。",
    ),
    findings=(
        Finding("体力状况评分", ("0分", "1分", "2分", "3分")),
        Finding("浅表淋巴结", ("未触及肿大", "左锁骨上可触及肿大", "右腋窝可触及肿大")),
        Finding("双肺", ("呼吸音清", "右下肺呼吸音减低")),
        Finding("肝脏", ("肋下未触及", "肋下2cm可触及")),
    ),
    measures=(
        Measure("癌胚抗原", "ng/mL", 1.0, 86.0, 1),
        Measure("白细胞计数", "×10^9/L", 1.8, 12.4, 1),
        Measure("血小板计数", "×10^9/L", 48, 380),
        Measure("肿瘤最大径", "cm", 0.8, 9.6, 1),
    ),
    diagnoses=(
        "右肺上叶腺癌",
        "左乳浸润性导管癌",
        "食管鳞癌",
        "结肠癌术后",
        "骨转移瘤",
        "化疗后骨髓抑制",
    ),
    treatments=("第2周期化疗", "靶向治疗", "姑息放疗", "升白细胞治疗", "多学科会诊"),
    drugs=("培美曲塞", "卡铂", "奥希替尼", "昂丹司琼", "唑来膦酸"),
)

SPECIAL = (GYNAECOLOGY, PAEDIATRICS, DERMATOLOGY, ONCOLOGY)
