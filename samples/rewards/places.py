"""Where a phrase points on a 3x3 grid, in the published way: keywords anywhere in the text, and the centre without one."""


def cell(phrase):
    text = phrase.lower()
    place = 5
    if "left" in text:
        place -= 1
    elif "right" in text:
        place += 1
    if "top" in text or "upper" in text:
        place -= 3
    elif "bottom" in text or "lower" in text:
        place += 3
    return place


def location_reward(predicted, actual):
    return 1 if cell(predicted) == cell(actual) else 0
