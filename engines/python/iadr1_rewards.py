"""Rewards of IAD-R1 inside TRL, ms-swift or anything else that calls `f(prompts=…, completions=…, **columns)`.

    from iadr1_rewards import typescript_reward
    trainer = GRPOTrainer(reward_funcs=[typescript_reward("rewards/place.reward.ts#location")], ...)

The reward runs in one Node process that is asked about a batch at a time; built-in rewards (`iad-r1/accuracy`) and Python files
work too, with the same limits and the same three outcomes as in IAD-R1 itself. Needs no package; Python 3.9 or newer.
"""

import atexit
import json
import os
import shutil
import subprocess
import threading
import warnings

__all__ = ["RewardError", "TypeScriptReward", "typescript_reward"]


class RewardError(RuntimeError):
    """The reward could not be run, or failed where failures are not allowed."""


def find_command():
    """The command line of IAD-R1: IADR1_COMMAND, this installation's, or `iad-r1` on the path."""
    named = os.environ.get("IADR1_COMMAND")
    if named:
        return [named]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    bundle = os.path.join(root, "dist", "cli.mjs")
    node = shutil.which("node")
    if node and os.path.exists(bundle):
        return [node, bundle]
    found = shutil.which("iad-r1")
    if found:
        return [found]
    raise RewardError("iad-r1 was not found. Put it on the path, or say where it is in IADR1_COMMAND.")


class TypeScriptReward:
    """One reward as TRL calls it: a list with a number or None for each completion.

    reward           path of a reward file with #name, or a built-in name such as iad-r1/accuracy
    on_error         what a failing reward gives: "skip" (None, with a warning), "raise", or "zero"
    num_generations  completions of one prompt; needed only by rewards that score groups, where rows do not tell by their columns
    timeout          seconds that one batch may take
    """

    def __init__(self, reward, on_error="skip", num_generations=None, timeout=30.0, command=None):
        if on_error not in ("skip", "raise", "zero"):
            raise ValueError(f'on_error must be "skip", "raise" or "zero", got {on_error!r}')
        self.reward = reward
        self.on_error = on_error
        self.num_generations = num_generations
        self.timeout = timeout
        self.command = command
        # TRL names its curves by this.
        self.__name__ = reward.split("#")[-1] if "#" in reward else os.path.basename(reward).split(".")[0]
        if reward.startswith("iad-r1"):
            self.__name__ = reward
        self._lock = threading.Lock()
        self._process = None
        self._name = None
        self._count = 0

    def __call__(self, prompts=None, completions=None, log_extra=None, **kwargs):
        rows = self._rows(prompts, completions, kwargs)
        outcomes = self._ask(rows)
        failed = [outcome["message"] for outcome in outcomes if outcome["status"] == "error"]
        if failed and self.on_error == "raise":
            raise RewardError(f"{self.__name__} failed on {len(failed)} of {len(rows)} completions: {failed[0]}")
        if failed:
            warnings.warn(f"{self.__name__} failed on {len(failed)} of {len(rows)} completions: {failed[0]}", stacklevel=2)
        if log_extra is not None:
            for key in sorted({key for outcome in outcomes for key in outcome.get("notes", {})}):
                log_extra(f"{self.__name__}/{key}", [outcome.get("notes", {}).get(key) for outcome in outcomes])
        zero = 0.0 if self.on_error == "zero" else None
        return [o["score"] if o["status"] == "ok" else zero if o["status"] == "error" else None for o in outcomes]

    def close(self):
        """Ends the process; the next call starts a new one."""
        with self._lock:
            self._end()

    def __getstate__(self):
        # Trainers copy their reward functions to other processes; each starts its own.
        state = self.__dict__.copy()
        state.update(_lock=None, _process=None, _name=None)
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _rows(self, prompts, completions, columns):
        number = len(completions)
        state = columns.pop("trainer_state", None)
        ids = columns.pop("completion_ids", None)
        columns.pop("log_metric", None)
        step = getattr(state, "global_step", None)
        rows = []
        for i in range(number):
            row = {name: plain(values[i]) for name, values in columns.items() if is_column(values, number)}
            row = {name: value for name, value in row.items() if value is not NOTHING}
            if self.num_generations is not None:
                row["group"] = str(i // self.num_generations)
            elif "group" not in row:
                prompt = None if prompts is None else plain(prompts[i])
                row["group"] = json.dumps([prompt if prompt is not NOTHING else None, row], sort_keys=True)
            row["completion"] = completions[i]
            prompt = NOTHING if prompts is None else plain(prompts[i])
            if prompt is not NOTHING:
                row["prompt"] = prompt
            if step is not None:
                row["step"] = int(step)
            if ids is not None:
                row["length"] = len(ids[i])
            rows.append(row)
        return rows

    def _ask(self, rows):
        with self._lock:
            process = self._start()
            self._count += 1
            request = {"id": self._count, "rows": rows}
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError as error:
                line = ""
                cause = error
            else:
                cause = None
            if not line:
                self._end()
                raise RewardError(f"The process of {self.reward} ended; see its words above.") from cause
            answer = json.loads(line)
            if "error" in answer:
                raise RewardError(answer["error"])
            return answer["outcomes"][self._name]

    def _start(self):
        if self._process is not None and self._process.poll() is None:
            return self._process
        command = list(self.command or find_command())
        self._process = subprocess.Popen(
            [*command, "reward", "serve-stdio", "--rewards", self.reward, "--timeout", str(self.timeout), "--json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        atexit.register(self.close)
        line = self._process.stdout.readline()
        ready = json.loads(line).get("ready") if line else None
        if not ready or len(ready) != 1:
            self._end()
            names = ", ".join(one["name"] for one in ready or [])
            what = f"means several rewards ({names}); name one with #" if names else "cannot be used; see the words above"
            raise RewardError(f"{self.reward} {what}.")
        self._name = ready[0]["name"]
        return self._process

    def _end(self):
        process, self._process = self._process, None
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
        process.stdout.close()


def typescript_reward(reward, **options):
    """A reward of IAD-R1 as a function for `reward_funcs`; see TypeScriptReward."""
    return TypeScriptReward(reward, **options)


class _Nothing:
    pass


NOTHING = _Nothing()


def is_column(values, number):
    return isinstance(values, (list, tuple)) and len(values) == number


def plain(value):
    """The value as JSON can hold it; NOTHING for pictures and other objects."""
    try:
        json.dumps(value, allow_nan=False)
        return value
    except (TypeError, ValueError):
        return NOTHING
