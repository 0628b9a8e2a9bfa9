"""Runs Python functions plain and instrumented for the tests beside it: one JSON document in, one out.

{"mode": "cases", "cases": [{"source", "calls": [argument lists as Python text]}]}   each construct, with what was recorded
{"mode": "generated", "seed", "functions"}                                           functions at random, compared here
"""

import asyncio
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../engines/python"))
sys.path.insert(0, os.path.dirname(__file__))
import iadr1_instrument  # noqa: E402


def observe(namespace, function, arguments):
    log = []
    namespace["log"] = lambda *values: log.append(" ".join(show(value) for value in values)) if len(log) < 200 else None

    async def later(value):
        await asyncio.sleep(0)
        return value

    namespace["later"] = later
    try:
        value = namespace[function](*eval(arguments, {}))
        if asyncio.iscoroutine(value):
            value = asyncio.run(value)
        end = "returned " + show(value)
    except Exception as error:
        end = "raised %s: %s" % (type(error).__name__, without_addresses(str(error)))
        place = error.__traceback__.tb_next
        lines = []
        while place is not None:
            if place.tb_frame.f_code.co_filename == "case.py":
                lines.append(place.tb_lineno)
            place = place.tb_next
        end += " at %s" % lines
    return log + [end]


def show(value):
    return without_addresses(repr(value))[:500]


def without_addresses(text):
    """They differ from run to run."""
    while " at 0x" in text:
        start = text.index(" at 0x")
        end = start + 6
        while end < len(text) and text[end] in "0123456789abcdefABCDEF":
            end += 1
        text = text[:start] + text[end:]
    return text


def plain_namespace(source):
    namespace = {"__name__": "case"}
    exec(compile(source, "case.py", "exec", dont_inherit=True), namespace)
    return namespace


def live_namespace(source):
    code, sites, recorder, names = iadr1_instrument.instrument(source, "case.py")
    namespace = {"__name__": "case", **names}
    exec(code, namespace)
    return namespace, sites, recorder


def run_case(case):
    source, calls = case["source"], case["calls"]
    plain = plain_namespace(source)
    live, sites, recorder = live_namespace(source)
    recorder.reset(case.get("pinned", -1))
    recorder.at(case.get("row", -1), case.get("batchStart", -1))
    return {
        "plain": [observe(plain, "run", call) for call in calls],
        "live": [observe(live, "run", call) for call in calls],
        "sites": sites,
        **recorder.result(),
    }


def run_generated(seed, count):
    import liveGenerator

    per_module = 50
    answer = {"functions": 0, "returned": 0, "raised": 0, "sites": 0, "reached": 0, "different": []}
    for start in range(0, count, per_module):
        choices = liveGenerator.Choices(seed + start)
        texts = [liveGenerator.valid_function("f%d" % i, choices) for i in range(per_module)]
        source = liveGenerator.PRELUDE + "\n".join(texts)
        plain = plain_namespace(source)
        live, sites, recorder = live_namespace(source)
        for i, text in enumerate(texts):
            for arguments in liveGenerator.INPUTS:
                expected = observe(plain, "f%d" % i, arguments)
                got = observe(live, "f%d" % i, arguments)
                answer["raised" if expected[-1].startswith("raised") else "returned"] += 1
                if got != expected and len(answer["different"]) < 5:
                    answer["different"].append({"function": text, "plain": expected, "live": got})
            answer["functions"] += 1
        answer["sites"] += len(sites)
        answer["reached"] += sum(1 for record in recorder.result()["records"] if record["reached"] > 0)
    return answer


given = json.load(sys.stdin)
if given["mode"] == "cases":
    result = [run_case(case) for case in given["cases"]]
else:
    result = run_generated(given["seed"], given["functions"])
json.dump(result, sys.stdout)
