"""The tag parser of IAD-R1 for Python: what server/src/rewards/tags.ts reads, as one function that needs nothing around it.

The quick fix of finding RW112 writes the text of `read_tags` into a reward file, so that the file goes on working wherever it is used; it
can be imported from here as well. Standard library only, Python 3.9 or newer.
"""


def read_tags(text):
    """The stripped body of each <think>, <location>, <type>, <description> and <answer>, by name.

    Tags may be in any letter case, bodies may have several lines, and an element that is not closed ends where the next one begins. A name
    that is opened twice has no entry, and neither has one that is missing: two answers are no answer.
    """
    import re

    tags = list(re.finditer(r"<(/?)(think|location|type|answer|description)>", text, re.IGNORECASE | re.ASCII))
    last_closing = {tag[2].lower(): tag.start() for tag in tags if tag[1]}
    opened, bodies, current, start = [], {}, None, 0
    for tag in tags:
        name = tag[2].lower()
        if tag[1]:
            if name == current:
                bodies[name], current = text[start : tag.start()].strip(), None
            continue
        opened.append(name)
        if current is not None:
            if last_closing.get(current, -1) > tag.start():
                continue  # A tag inside of another element belongs to its body.
            bodies[current] = text[start : tag.start()].strip()
        current, start = name, tag.end()
    if current is not None:
        bodies[current] = text[start:].strip()
    return {name: body for name, body in bodies.items() if opened.count(name) == 1}
