"""How near a predicted defect type is to the true one, in the published way: eight categories in two groups."""

import re
from difflib import SequenceMatcher

SURFACE = "Surface Anomalies"
STRUCTURAL = "Structural Anomalies"

# Order decides ties.
VOCABULARY = [
    ("Contamination", SURFACE, "surface contamination, stain, dirt, impurity, color anomaly"),
    (
        "Presence of foreign objects",
        SURFACE,
        "foreign object, foreign body, debris, contaminant object, extraneous material, foreign element, "
        "foreign matter, unwanted object",
    ),
    ("Scratch", SURFACE, "surface scratch, scratch mark, linear scratch, score mark, linear anomaly"),
    ("Missing parts", SURFACE, "missing part, surface notch, notch, gap, chip, surface discontinuity"),
    (
        "Deformation",
        STRUCTURAL,
        "shape distortion, warping, bending, twisting, shape deviation, geometric distortion, irregularity, bent component",
    ),
    ("Hole", STRUCTURAL, "opening, perforation, puncture, cavity, void, aperture, penetration defect, through-hole"),
    (
        "Damage",
        STRUCTURAL,
        "structural damage, breakage, fracture, rupture, deterioration, material damage, surface damage",
    ),
    ("Abrasion", STRUCTURAL, "wear, grinding damage, surface erosion, wear mark, surface wear"),
]
GROUP_TERMS = {
    "surface anomalies": SURFACE,
    "surface anomaly": SURFACE,
    "structural anomalies": STRUCTURAL,
    "structural anomaly": STRUCTURAL,
}
FUZZY = 0.7


def normalize(text):
    if not text:
        return ""
    return re.sub(r"[^\w\s-]", "", re.sub(r"\s+", " ", text.lower().strip()))


CATEGORY_OF = {}
GROUP_OF = {}
for _category, _group, _keywords in VOCABULARY:
    GROUP_OF[_category] = _group
    for _key in [_category, *_keywords.split(", ")]:
        CATEGORY_OF.setdefault(normalize(_key), _category)


def similarity(a, b):
    return SequenceMatcher(None, a, b).ratio()


def best_category(text):
    """Category and confidence of a normalised text."""
    if text in CATEGORY_OF:
        return CATEGORY_OF[text], 1.0
    best, confidence = None, 0.0
    for key, category in CATEGORY_OF.items():
        if key in text or text in key:
            share = min(len(text), len(key)) / max(len(text), len(key))
            if share > confidence:
                best, confidence = category, share
    if best is not None:
        return best, confidence
    for key, category in CATEGORY_OF.items():
        ratio = similarity(text, key)
        if ratio >= FUZZY and ratio > confidence:
            best, confidence = category, ratio
    return best, confidence


def type_reward(predicted, actual):
    if predicted == "" or actual == "":
        return 0.0
    p, a = normalize(predicted), normalize(actual)
    p_category, p_confidence = best_category(p)
    a_category, a_confidence = best_category(a)
    p_term, a_term = GROUP_TERMS.get(p), GROUP_TERMS.get(a)
    p_group = p_term or GROUP_OF.get(p_category)
    a_group = a_term or GROUP_OF.get(a_category)
    if p_group and a_group and p_group != a_group:
        return 0.0
    if p_term and not a_term and a_group == p_term:
        return 0.3
    if a_term and not p_term and p_group == a_term:
        return 0.3
    if p == a:
        return 1.0
    if p in a or a in p:
        return 0.85
    if p_category is None or a_category is None:
        ratio = similarity(p, a)
        return 0.4 * ratio if ratio >= FUZZY else 0.0
    if p_category == a_category:
        return 0.6 + (0.85 - 0.6) * min(p_confidence, a_confidence)
    return 0.3
