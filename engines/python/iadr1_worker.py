"""Runs the reward functions of one Python file for IAD-R1: one JSON message a line in, one a line out.

Started by the server in a process of its own that can be killed. Needs nothing but the standard library of Python 3.9 or newer.
Pure rewards (all that are not marked `impure`) are kept away from files, network and processes by an audit hook: against
accidents, not against somebody who means harm.
"""

import faulthandler
import inspect
import io
import json
import math
import os
import sys
import time
import traceback
import types

MAX_OUTPUT = 64 * 1024
# What verl gives to compute_score by name.
VERL = ("data_source", "solution_str", "ground_truth", "extra_info")
MAX_NOTE = 1000


class Output(io.TextIOBase):
    """What the code prints, kept up to a limit."""

    def __init__(self):
        self.parts, self.size, self.cut = [], 0, False

    def writable(self):
        return True

    def write(self, text):
        if not self.cut:
            self.parts.append(text[: MAX_OUTPUT - self.size])
            self.size += len(self.parts[-1])
            if self.size >= MAX_OUTPUT:
                self.cut = True
                self.parts.append("\n… (the rest of the output is left out)\n")
        return len(text)

    def take(self):
        text = "".join(self.parts)
        self.parts, self.size, self.cut = [], 0, False
        return text


# --- what pure code must not do ---------------------------------------------------------------------------------------

FORBIDDEN = {
    "os.remove": "remove files",
    "os.rename": "rename files",
    "os.rmdir": "remove folders",
    "os.mkdir": "make folders",
    "os.chmod": "change files",
    "os.chown": "change files",
    "os.link": "make links",
    "os.symlink": "make links",
    "os.truncate": "change files",
    "os.system": "start processes",
    "os.exec": "start processes",
    "os.fork": "start processes",
    "os.forkpty": "start processes",
    "os.posix_spawn": "start processes",
    "os.spawn": "start processes",
    "os.startfile": "start processes",
    "os.kill": "end processes",
    "subprocess.Popen": "start processes",
    "pty.spawn": "start processes",
    "socket.connect": "use the network",
    "socket.bind": "use the network",
    "socket.sendto": "use the network",
    "socket.getaddrinfo": "use the network",
    "socket.gethostbyname": "use the network",
    "urllib.Request": "use the network",
    "webbrowser.open": "open a browser",
}
CODE_ENDINGS = (".py", ".pyc", ".so", ".pyd", ".pth", ".zip", ".egg")


def install_guard(project):
    """Refuses files, network and processes; what Python needs to import modules stays."""
    code = tuple({os.path.realpath(p) + os.sep for p in (sys.prefix, sys.base_prefix, *sys.path) if p and p != project})
    system = ("/proc/", "/sys/", "/dev/", "/etc/localtime", "/etc/ssl/", "/usr/share/zoneinfo/")
    busy = []

    def refuse(what, detail):
        raise PermissionError(
            f"a pure reward may not {what} ({detail}); write `# iad-r1: reward impure` above it if it has to"
        )

    def guard(event, args):
        if busy:
            return
        if event == "open":
            path, mode, flags = args
            if not isinstance(path, (str, bytes)):
                return
            path = os.fsdecode(path)
            writes = any(c in mode for c in "wax+") if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR))
            busy.append(1)
            try:
                real = os.path.realpath(path)
            finally:
                busy.pop()
            if writes and real != os.devnull:
                refuse("write files", path)
            if not real.startswith(code) and not real.startswith(system) and not real.endswith(CODE_ENDINGS):
                refuse("read files", path)
        elif event in FORBIDDEN:
            refuse(FORBIDDEN[event], event)
        elif event.startswith("shutil.") or event.startswith("smtplib.") or event.startswith("ftplib."):
            refuse("use files or the network", event)

    sys.addaudithook(guard)


def limit_memory(megabytes):
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limit; the server's limit on time is left.


# --- trainers that need not be installed ------------------------------------------------------------------------------


def offer_stand_ins():
    """`from swift.plugin import ORM, orms` works without ms-swift: its reward classes need nothing of it."""

    class ORM:
        def __init__(self, args=None, **kwargs):
            self.args = args

        def __call__(self, **kwargs):
            raise NotImplementedError

    class AsyncORM(ORM):
        pass

    import importlib.util

    if importlib.util.find_spec("swift") is not None:
        return
    shared = {"ORM": ORM, "AsyncORM": AsyncORM, "orms": {}}
    for name in ("swift", "swift.plugin", "swift.plugin.orm", "swift.rewards", "swift.rewards.orm"):
        module = types.ModuleType(name)
        module.__path__ = []
        module.__dict__.update(shared)
        sys.modules[name] = module


# --- calls ------------------------------------------------------------------------------------------------------------


def ok(score, notes):
    return {"status": "ok", "score": score, "notes": notes} if notes else {"status": "ok", "score": score}


def failed(message, cause):
    return {"status": "error", "message": message, "cause": cause}


def note_value(value):
    if hasattr(value, "item") and callable(value.item):
        try:
            value = value.item()
        except Exception:
            pass
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)[:MAX_NOTE]


def outcome_of(value, bounds, notes):
    if hasattr(value, "item") and callable(value.item) and not isinstance(value, (int, float)):
        try:
            value = value.item()  # scalars of numpy and torch
        except Exception:
            pass
    if value is None:
        return {"status": "not-applicable", "reason": "returned None"}
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        shown = repr(value)[:60] if isinstance(value, (bool, str)) else f"a value of type {type(value).__name__}"
        return failed(f"expected a number or None, got {shown}", "value")
    if isinstance(value, int) and abs(value) > 1 << 1000:
        return failed("expected a number that fits a float", "value")
    if not math.isfinite(value):
        return failed(f"expected a finite number, got {value}", "value")
    if bounds is not None and not bounds["min"] <= value <= bounds["max"]:
        return failed(f"expected a score from {bounds['min']} to {bounds['max']}, got {value}", "range")
    return ok(float(value), notes)


def line_in(error, file):
    """The 1-based line of the reward file that raised, or where it called what raised."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == file:
            line = number
    return line


def raised(error, file):
    name = type(error).__name__
    if isinstance(error, SystemExit):
        text = f"it called exit({error.code!r}) instead of returning scores"
    elif isinstance(error, SyntaxError):
        text = f"{name}: {error.msg}"  # Python writes file and line behind it
    else:
        try:
            said = str(error)
        except Exception:
            said = "<exception str() failed>"  # as Python prints it
        text = f"{name}: {said}" if said else name
    line = line_in(error, file)
    return text if line is None else f"{text} (line {line})"


def as_list(value):
    """A list of what a batch function returned; None when it is no list."""
    if hasattr(value, "tolist") and not isinstance(value, (list, tuple)):
        value = value.tolist()
    return list(value) if isinstance(value, (list, tuple)) else None


class Program:
    def __init__(self, start):
        self.file = start["file"]
        self.source = start["source"]
        self.functions = {one["name"]: one for one in start["functions"]}
        self.instances = {}
        self.recorder = None
        folder = os.path.dirname(self.file)
        if start["instrument"]:
            # Lies beside this file; the reward's own folder takes that place.
            from iadr1_instrument import instrument
        sys.path[0] = folder
        sys.dont_write_bytecode = True
        offer_stand_ins()
        name = os.path.splitext(os.path.basename(self.file))[0].replace(".", "_")
        self.module = types.ModuleType(name)
        self.module.__file__ = self.file
        sys.modules[name] = self.module
        if start["instrument"]:
            code, self.sites, self.recorder, names = instrument(start["source"], self.file)
            self.module.__dict__.update(names)
        else:
            # A byte order mark belongs to a file, not to its text.
            code = compile(start["source"].removeprefix("\ufeff"), self.file, "exec", dont_inherit=True)
            self.sites = None
        # Imported now, while files may still be read from everywhere Python has its own.
        if not start["isImpure"]:
            install_guard(folder)
        exec(code, self.module.__dict__)

    def implementation(self, declared):
        name = declared["exportName"]
        if name not in self.instances:
            value = getattr(self.module, name)
            self.instances[name] = value() if isinstance(value, type) else value
        return self.instances[name]

    def call(self, function, kwargs):
        value = function(**kwargs)
        if inspect.isawaitable(value):

            import asyncio

            async def wait():
                return await value

            return asyncio.run(wait())
        return value

    def run(self, message, on_batch):
        declared = self.functions[message["name"]]
        rows = message["rows"]
        result = {"outcomes": [], "rawLength": None, "callMs": [], "records": None, "trace": None, "lastSite": None}
        if self.recorder is not None:
            self.recorder.reset(message["pinned"])
        if declared["shape"] == "verl":
            size = max(1, message["batchSize"])
            for i, row in enumerate(rows):
                if i > 0 and i % size == 0:
                    on_batch()
                self.at(i, i)
                started = time.perf_counter()
                result["outcomes"].append(self.verl(declared, row))
                result["callMs"].append((time.perf_counter() - started) * 1000)
        else:
            for start, end in batches(rows, declared["scope"], message["batchSize"]):
                if start > 0:
                    on_batch()
                self.at(-1, start)
                started = time.perf_counter()
                outcomes, length = self.batch(declared, rows[start:end])
                result["callMs"].append((time.perf_counter() - started) * 1000)
                result["outcomes"] += outcomes
                if length is not None:
                    result["rawLength"] = (result["rawLength"] or 0) + length
        if self.recorder is not None:
            self.at(-1, -1)
            result.update(self.recorder.result())
        return result

    def at(self, row, batch_start):
        if self.recorder is not None:
            self.recorder.at(row, batch_start)

    def verl(self, declared, row):
        columns = row["columns"]
        truth = columns.get("ground_truth", row["solution"])
        if isinstance(columns.get("reward_model"), dict):
            truth = columns["reward_model"].get("ground_truth", truth)
        given = {
            "data_source": columns.get("data_source", "iad-r1"),
            "solution_str": row["completion"],
            "ground_truth": truth,
            "extra_info": columns.get("extra_info", columns),
        }
        # EasyR1 gives records, one or a list of them, or in its first version texts; a list of one is as good as any.
        record = {"response": row["completion"], "ground_truth": truth, "response_length": row.get("length") or 0}
        given.update(reward_input=record, reward_inputs=[record], predict=row["completion"])
        given.update(predicts=[row["completion"]], ground_truths=[truth])
        function = self.implementation(declared)
        try:
            accepted = inspect.signature(function).parameters
            takes_all = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
            value = self.call(function, {k: v for k, v in given.items() if k in accepted or (takes_all and k in VERL)})
        except BaseException as error:
            return failed(raised(error, self.file), "raised")
        if "reward_inputs" in accepted or "predicts" in accepted:
            value = value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value
        notes = {}
        if isinstance(value, dict):
            name = "score" if "score" in value or "overall" not in value else "overall"
            notes = {str(k): note_value(v) for k, v in value.items() if k != name}
            value = value.get(name)
        return outcome_of(value, declared["range"], notes)

    def batch(self, declared, rows):
        notes = [{} for _ in rows]

        def log_extra(column, values):
            for note, value in zip(notes, values):
                note[str(column)] = note_value(value)

        def log_metric(name, value):
            for note in notes:
                note[f"metric/{name}"] = note_value(value)

        function = self.implementation(declared)
        try:
            given = arguments(declared, rows, self.wants_messages(rows))
            if declared["shape"] == "trl":
                given.update(log_extra=log_extra, log_metric=log_metric)
            signature = inspect.signature(function).parameters
            if not any(p.kind is p.VAR_KEYWORD for p in signature.values()):
                # TRL would fail here; that is for a finding to say (RW103), not for every score.
                given = {k: v for k, v in given.items() if k in signature}
            returned = self.call(function, given)
            values = as_list(returned)
        except BaseException as error:
            return [failed(raised(error, self.file), "raised")] * len(rows), None
        if values is None:
            shown = type(returned).__name__
            return [failed(f"expected a list of {len(rows)} values, got a value of type {shown}", "count")] * len(rows), 0
        if len(values) != len(rows):
            text = f"expected one value for each of {len(rows)} completions, got {len(values)}"
            return [failed(text, "count")] * len(rows), len(values)
        return [outcome_of(value, declared["range"], note) for value, note in zip(values, notes)], len(values)

    def wants_messages(self, rows):
        """Whether completions are lists of messages: as the prompts are; without prompts, as the code reads them."""
        prompts = [row["prompt"] for row in rows if row["prompt"] is not None]
        if prompts:
            return isinstance(prompts[0], list)
        return '"content"' in self.source or "'content'" in self.source


def arguments(declared, rows, messages):
    """What TRL and ms-swift give: lists with one entry for each completion, columns by name."""
    names = {}
    for row in rows:
        for name in row["columns"]:
            names[name] = True
    given = {name: [row["columns"].get(name) for row in rows] for name in names}
    given["solution"] = [row["solution"] for row in rows]
    texts = [row["completion"] for row in rows]
    if declared["shape"] == "swift-orm":
        given["completions"] = texts
        return given
    given["completions"] = [[{"role": "assistant", "content": text}] for text in texts] if messages else texts
    empty = [{"role": "user", "content": ""}] if messages else ""
    given["prompts"] = [empty if row["prompt"] is None else row["prompt"] for row in rows]
    # Tokens are not recorded; their number is.
    given["completion_ids"] = [None if row.get("length") is None else [0] * row["length"] for row in rows]
    step = rows[0].get("step") or 0
    given["trainer_state"] = types.SimpleNamespace(global_step=step, epoch=0.0, max_steps=0, is_world_process_zero=True)
    return given


def batches(rows, scope, size):
    """First and last row of each call; groups stay whole."""
    start = 0
    while start < len(rows):
        end = min(len(rows), start + size)
        if scope == "group":
            end = start + 1
            while end < len(rows) and rows[end]["group"] == rows[start]["group"]:
                end += 1
        yield start, end
        start = end


# --- messages ---------------------------------------------------------------------------------------------------------


def main():
    source = os.fdopen(os.dup(0), "r", encoding="utf-8", newline="\n")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    words = os.fdopen(os.dup(2), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    output = Output()
    sys.stdout = sys.stderr = output
    sys.stdin = io.StringIO()

    def send(message):
        replies.write(json.dumps(message, allow_nan=False) + "\n")
        replies.flush()

    # The server, which knows how busy the machine is, asks where the code is and then ends the process.
    asks = hasattr(faulthandler, "register")
    if asks:
        import signal

        faulthandler.register(signal.SIGUSR1, file=words, all_threads=False)

    def watch(wall_ms):
        """Past the limit Python's own watchdog writes where every thread is and ends the process, whatever holds it."""
        faulthandler.dump_traceback_later(wall_ms / 1000 * (5 if asks else 1), exit=True, file=words)

    start = json.loads(source.readline())
    limit_memory(start["memoryMb"])
    watch(start["loadMs"])
    try:
        program = Program(start)
    except BaseException as error:
        faulthandler.cancel_dump_traceback_later()
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        send({"kind": "failed", "code": "reward/load", "message": raised(error, start["file"]), "siteId": None,
              "line": line_in(error, start["file"]), "row": None, "missingModule": missing})
        return
    faulthandler.cancel_dump_traceback_later()
    send({"kind": "ready", "sites": program.sites})
    for line in source:
        message = json.loads(line)

        def on_batch():
            watch(message["wallMs"])
            send({"kind": "batch", "id": message["id"]})

        output.take()
        watch(message["wallMs"])
        try:
            result = program.run(message, on_batch)
        except BaseException as error:
            faulthandler.cancel_dump_traceback_later()
            send({"kind": "failed", "code": "reward/load", "message": raised(error, start["file"]), "siteId": None,
                  "line": line_in(error, start["file"]), "row": None})
            return
        faulthandler.cancel_dump_traceback_later()
        result["output"] = output.take()
        send({"kind": "result", "id": message["id"], "result": result})


if __name__ == "__main__":
    main()
