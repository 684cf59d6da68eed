"""The English note language of a cataract admission: the same facts in English sentences."""

from models.reference.language import Field, NoteLanguage, Unit

_SECTIONS = (
    ("general", "General"),
    ("chief", "Chief complaint"),
    ("present", "History of present illness"),
    ("past", "Past history"),
    ("allergy", "Allergies"),
    ("personal", "Personal history"),
    ("exam", "Eye examination"),
    ("tests", "Investigations"),
    ("diagnosis", "Diagnosis"),
    ("plan", "Plan"),
)


def _eye_units(side: str, eye: str) -> tuple[Unit, ...]:
    def unit(name: str, section: str, *wordings: str, key: str = "") -> Unit:
        sided = tuple(each.replace("@", eye).replace("#", f"{side}.") for each in wordings)
        needs = (f"{side}.{key}",) if key and key[0] != "-" else ()
        without = (f"{side}.{key[1:]}",) if key[:1] == "-" else ()
        return Unit(f"{side}.{name}", section, sided, needs=needs, without=without)

    return (
        unit(
            "acuity",
            "exam",
            "@ visual acuity {#visual_acuity}, corrected {#corrected_acuity}, pressure {#intraocular_pressure}.",
            "@ acuity is {#visual_acuity}, corrected {#corrected_acuity}, pressure is {#intraocular_pressure}.",
            key="corrected_acuity",
        ),
        unit(
            "acuity.plain",
            "exam",
            "@ visual acuity {#visual_acuity}, pressure {#intraocular_pressure}.",
            "@ acuity is {#visual_acuity}, pressure is {#intraocular_pressure}.",
            key="-corrected_acuity",
        ),
        unit(
            "front",
            "exam",
            "@ cornea {#cornea}, anterior chamber {#anterior_chamber}, pupil {#pupil}.",
            "@ shows cornea {#cornea}, anterior chamber {#anterior_chamber}, pupil {#pupil}.",
        ),
        unit(
            "lens",
            "exam",
            "@ lens {#lens}, grading {#grading}.",
            "@ lens {#lens}, graded as {#grading}.",
            key="grading",
        ),
        unit("lens.plain", "exam", "@ lens {#lens}.", "@ has lens {#lens}.", key="-grading"),
        unit("fundus", "exam", "@ fundus {#fundus}.", "@ fundus seen {#fundus}."),
        unit(
            "biometry",
            "tests",
            "@ axial length {#axial_length}, K1 {#k1}, K2 {#k2}, lens power {#iol_power}.",
            "@ biometry axial length {#axial_length}, K1 {#k1}, K2 {#k2}, lens power {#iol_power}.",
        ),
    )


def _status(name: str, key: str, section: str, word: str) -> tuple[Unit, ...]:
    """The sentences that deny something, or say that it is not known."""
    return (
        Unit(f"{name}.none", section, (f"No {word}.", f"Denies {word}."), ((key, "none"),)),
        Unit(
            f"{name}.unknown",
            section,
            (f"{word[0].upper()}{word[1:]} not provided.",),
            ((key, "not provided"),),
        ),
    )


_CHIEF = "{chief_complaint.symptom} of the {chief_complaint.eye}"
_UNITS = (
    Unit(
        "identity",
        "general",
        (
            "Name {patient.name}, sex {patient.sex}, age {patient.age}, admission number {patient.admission_no}, bed {patient.bed}.",
            "Patient {patient.name}, {patient.sex}, {patient.age}, admission number {patient.admission_no}, bed {patient.bed}.",
        ),
    ),
    Unit("id", "general", ("Identity number {patient.id_number}.",)),
    Unit("phone", "general", ("Telephone {patient.phone}.",)),
    Unit("address", "general", ("Address {patient.address}.",)),
    Unit(
        "informant",
        "general",
        ("History given by {informant.name}, relation {informant.relation}.",),
    ),
    Unit(
        "admission",
        "general",
        (
            "Admission date {admission_date}, department {department}.",
            "Admitted on {admission_date}, department {department}.",
        ),
    ),
    Unit(
        "chief",
        "chief",
        (
            f"Complaint {_CHIEF}, duration {{chief_complaint.duration}}.",
            f"Complains of {_CHIEF}, for {{chief_complaint.duration}}.",
        ),
    ),
    Unit(
        "onset",
        "present",
        (
            f"The patient has {_CHIEF}, duration {{chief_complaint.duration}}, course {{chief_complaint.course}}.",
            f"The patient reports {_CHIEF}, for {{chief_complaint.duration}}, {{chief_complaint.course}}.",
        ),
    ),
    Unit(
        "associated.none",
        "present",
        ("No associated symptoms.", "There are no associated symptoms."),
        (("chief_complaint.associated", "none"),),
    ),
    Unit(
        "associated",
        "present",
        (
            "Associated with {chief_complaint.associated.items}.",
            "Associated symptoms are {chief_complaint.associated.items}.",
        ),
    ),
    Unit(
        "affects",
        "present",
        ("It affects {chief_complaint.affects}.", "This impairs {chief_complaint.affects}."),
    ),
    *_status("chronic", "history.chronic", "past", "chronic disease"),
    *(
        Unit(
            f"chronic.{n}",
            "past",
            (
                f"History of {{history.chronic.{n}.disease}}, for {{history.chronic.{n}.years}}, drugs {{history.chronic.{n}.drugs}}.",
                f"Has {{history.chronic.{n}.disease}}, for {{history.chronic.{n}.years}}, taking {{history.chronic.{n}.drugs}}.",
            ),
        )
        for n in (1, 2, 3)
    ),
    *_status("surgery", "history.surgery", "past", "previous surgery"),
    Unit("surgery", "past", ("Previous surgery was {history.surgery.items}.",)),
    *_status("trauma", "history.trauma", "past", "previous trauma"),
    Unit("trauma", "past", ("Previous trauma was {history.trauma.items}.",)),
    Unit("pregnancy", "past", ("Pregnant for {history.pregnancy_weeks}.",)),
    *_status("allergy", "allergies.status", "allergy", "drug allergy"),
    Unit(
        "allergy.unnamed",
        "allergy",
        ("Has a drug allergy, drug not provided.",),
        (("allergies.status", "yes"),),
    ),
    *(
        Unit(
            f"allergy.{n}",
            "allergy",
            (
                f"Allergic to {{allergies.{n}.drug}}, reaction {{allergies.{n}.reaction}}.",
                f"Allergy to {{allergies.{n}.drug}}, with {{allergies.{n}.reaction}}.",
            ),
        )
        for n in (1, 2, 3)
    ),
    Unit(
        "personal.unknown", "personal", ("Habits not provided.",), (("personal", "not provided"),)
    ),
    Unit(
        "personal",
        "personal",
        (
            "Habits are {personal.smoking}, {personal.drinking}.",
            "Patient is {personal.smoking}, {personal.drinking}.",
        ),
    ),
    *_eye_units("right_eye", "Right eye"),
    *_eye_units("left_eye", "Left eye"),
    Unit(
        "pressure",
        "tests",
        ("Blood pressure {vitals.blood_pressure}.", "Blood pressure is {vitals.blood_pressure}."),
    ),
    Unit("glucose", "tests", ("Glucose {vitals.glucose}.", "Glucose is {vitals.glucose}.")),
    Unit("pulse", "tests", ("Pulse {vitals.pulse}.", "Pulse is {vitals.pulse}.")),
    Unit(
        "diagnosis.unknown",
        "diagnosis",
        ("Diagnosis not provided.",),
        (("diagnoses", "not provided"),),
    ),
    *(Unit(f"diagnosis.{n}", "diagnosis", (f"({n}) {{diagnoses.{n}}}.",)) for n in (1, 2, 3, 4)),
    Unit("plan.unknown", "plan", ("Plan not provided.",), (("plan", "not provided"),)),
    Unit(
        "surgery.plan",
        "plan",
        (
            "Planned procedure {plan.procedure} of the {plan.eye}.",
            "We plan {plan.procedure} of the {plan.eye}.",
        ),
    ),
    Unit(
        "surgery.when",
        "plan",
        (
            "Anaesthesia {plan.anaesthesia}, date of surgery {plan.date}.",
            "Under {plan.anaesthesia}, date of surgery {plan.date}.",
        ),
    ),
    Unit("lens.model", "plan", ("Lens type {plan.lens_model}.",)),
    Unit(
        "plan.drugs",
        "plan",
        ("Preoperative drugs {plan.drugs}.", "Preoperative drugs are {plan.drugs}."),
    ),
    Unit(
        "plan.measures",
        "plan",
        ("Measures are {plan.measures}.", "Further measures {plan.measures}."),
    ),
    Unit("discharge", "plan", ("Expected discharge {discharge_date}.",)),
)

_KINDS = {
    "chief_complaint.eye": "eye",
    "plan.eye": "eye",
    "chief_complaint.duration": "span",
    **{f"history.chronic.{n}.years": "span" for n in (1, 2, 3)},
}


def _label(key: str) -> str:
    """The label of a key in an English prompt: the key's own words."""
    return (
        key.replace("patient.", "")
        .replace("chief_complaint.", "")
        .replace("_", " ")
        .replace(".", " ")
    )


ENGLISH = NoteLanguage(
    name="cataract-en",
    tongue="en",
    department="Ophthalmology",
    sections=_SECTIONS,
    fields=tuple(
        Field(key, _label(key), _KINDS.get(key, "text"))
        for key in dict.fromkeys(key for unit in _UNITS for key in unit.keys)
    ),
    units=_UNITS,
)
