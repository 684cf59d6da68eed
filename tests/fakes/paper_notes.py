"""The specialist of the box of paper: its schema, a note that is always the same, and its moods."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from appliance.contract.specialist import Draft, DraftEvent, Flag, Note, Repair, Section, Sentence
from tests.fakes.paper import API, NASTY, Route, event, open_stream, problem, refuse

NOTE = f"{API}/specialists/admission-note"


def schema() -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "number"}
    eye = {"enum": ["右眼", "左眼", "双眼"]}
    acuity = {"type": ["string", "number"]}
    words = {"type": "array", "items": text}

    def record(**properties: Any) -> dict[str, Any]:
        return {"type": "object", "properties": properties}

    finding = record(
        visual_acuity=acuity,
        corrected_acuity=acuity,
        intraocular_pressure=number,
        lens=text,
        locs=record(cortical=number, nuclear=number, posterior=number),
        fundus=text,
        cornea=text,
    )
    return record(
        patient=record(
            name=text,
            sex={"enum": ["男", "女"]},
            age={"type": "integer"},
            admission_no=text,
            bed=text,
        ),
        department=text,
        admission_date=text,
        chief_complaint=record(
            eye=eye,
            symptom=text,
            course=text,
            affects=words,
            duration=record(value=number, unit={"enum": ["天", "周", "个月", "年"]}),
        ),
        right_eye=finding,
        left_eye=finding,
        history=record(
            chronic={"type": "array", "items": record(disease=text, years=number, drugs=words)},
            surgery=words,
        ),
        allergies=record(
            status={"enum": ["无", "有"]},
            items={"type": "array", "items": record(drug=text, reaction=text)},
        ),
        vitals=record(systolic={"type": "integer"}, diastolic={"type": "integer"}, glucose=number),
        diagnoses={"type": "array", "items": record(eye=eye, name=text)},
        plan=record(
            eye=eye, procedure=text, date=text, anaesthesia=text, drugs=words, measures=words
        ),
    )


def draft_of(facts: dict[str, Any], *, nasty: bool = False) -> Draft:
    name = facts.get("patient", {}).get("name", "?")
    eye = facts.get("chief_complaint", {}).get("eye", "左眼")
    rows = (
        (
            "一般项目",
            f"姓名{name},性别女,年龄71岁。",
            ("patient.name", "patient.sex", "patient.age"),
        ),
        (
            "主诉",
            f"{eye}视物模糊3年。",
            ("chief_complaint.eye", "chief_complaint.symptom", "chief_complaint.duration"),
        ),
        (
            "现病史",
            f"患者{eye}视物模糊3年,逐渐加重,影响阅读、看电视。",
            ("chief_complaint.eye", "chief_complaint.course", "chief_complaint.affects"),
        ),
        (
            "既往史",
            "高血压病病史12年,用药:氨氯地平。",
            ("history.chronic.1.disease", "history.chronic.1.years"),
        ),
        ("过敏史", "对青霉素过敏,反应皮疹。", ("allergies.1.drug", "allergies.1.reaction")),
        (
            "专科检查",
            "左眼视力0.12,矫正视力0.2,眼压16mmHg。",
            (
                "left_eye.visual_acuity",
                "left_eye.corrected_acuity",
                "left_eye.intraocular_pressure",
            ),
        ),
        ("专科检查", "左眼晶状体混浊,分级C3N3P2。", ("left_eye.lens", "left_eye.grading")),
        ("辅助检查", "血压136/80mmHg,血糖5.4mmol/L。", ("vitals.blood_pressure", "vitals.glucose")),
        ("初步诊断", "1.左眼年龄相关性白内障。2.高血压病。", ("diagnoses.1", "diagnoses.2")),
        (
            "诊疗计划",
            "拟于2026-01-07在表面麻醉下行左眼白内障超声乳化摘除联合人工晶状体植入术。",
            ("plan.eye", "plan.procedure", "plan.date"),
        ),
    )
    sections: list[Section] = []
    for title, text, sources in rows:
        said = Sentence(text=NASTY + text if nasty else text, sources=sources)
        if sections and sections[-1].title == title:
            sections[-1] = Section(title=title, sentences=(*sections[-1].sentences, said))
        else:
            sections.append(Section(title=title, sentences=(said,)))
    return Draft(
        note=Note(sections=tuple(sections), text="\n".join(text for _, text, _ in rows)),
        repairs=(Repair(field="left_eye.intraocular_pressure", before="18mmHg", after="16mmHg"),),
        flags=(
            Flag(
                field="plan.drugs",
                sentence="术前用药未写入病历。 The drugs before surgery are not in the note.",
            ),
        ),
        receipt="rcp_mfrggzdfmztwq2lk",
        model="wardbox-reference",
        seconds=2.4,
    )


@dataclass
class PaperNotes:
    """Drafts as its moods have it."""

    hostile: bool = False
    break_draft: bool = False
    hang_draft: bool = False
    loading: int = 0
    contradictory: bool = False
    pause_s: float = 0.0

    def note_routes(self) -> list[Route]:
        return [("GET", f"{NOTE}/schema", self._schema), ("POST", NOTE, self._draft)]

    async def _schema(self, _: web.Request) -> web.Response:
        return web.json_response(schema())

    async def _draft(self, request: web.Request) -> web.StreamResponse:
        facts = (await request.json())["facts"]
        if self.loading > 0:
            self.loading -= 1
            return refuse(
                problem(
                    503,
                    "serving.loading",
                    "模型加载中。",
                    "Loading.",
                    progress=0.5,
                    retry_after_s=0.2,
                )
            )
        if self.contradictory:
            return refuse(
                problem(
                    422,
                    "model.facts-contradictory",
                    "病历要素互相矛盾:手术眼别(右眼)与主诉眼别(左眼)不一致。",
                    "The eye to operate is not the eye of the complaint.",
                    way_out="请核对这些字段后重新提交。 Check these fields and submit again.",
                    fields=("plan.eye", "chief_complaint.eye"),
                )
            )
        answer = await open_stream(request)
        draft = draft_of(facts, nasty=self.hostile)
        for at in range(0, len(draft.note.text), 8):
            text = (NASTY if self.hostile and at == 0 else "") + draft.note.text[at : at + 8]
            await event(answer, DraftEvent(event="delta", text=text))
            await asyncio.sleep(self.pause_s)
            if at > 40 and self.hang_draft:
                await asyncio.sleep(30)
            if at > 40 and self.break_draft:
                request.transport.close()
                return answer
        await event(answer, DraftEvent(event="checked", repairs=draft.repairs, flags=draft.flags))
        await event(answer, DraftEvent(event="done", draft=draft))
        return answer
