"""Calls one reward of a Python file for one rollout, for a debugger: `python iadr1_debug.py FILE`.

The same calls as in `iadr1_worker.py`, but without its guard and limits, because a debugger must reach everything; a person
started it. Prints what the reward said.
"""

import json
import sys

from iadr1_worker import Program


def main():
    if len(sys.argv) != 2:
        sys.exit("Expected the file of a debug session.")
    with open(sys.argv[1], encoding="utf-8") as file:
        session = json.load(file)
    start = dict(session["start"], instrument=False, isImpure=True)
    rows = session["rows"]
    message = {"name": session["name"], "rows": rows, "batchSize": len(rows), "pinned": -1}
    result = Program(start).run(message, lambda: None)
    print(f"{session['name']} says {json.dumps(result['outcomes'][0])}")


if __name__ == "__main__":
    main()
