"""The conversation between a TRL training process and the run that owns it: one JSON object a line over a local socket.

Only the first of several processes talks; what it hears, all of them do. Everything that is written into the run folder but weights
is written by the other side, so that a run of either engine has one writer and one form. Needs no package; Python 3.9 or newer.
"""

import json
import os
import socket
import threading

__all__ = ["Link", "rank", "world_size"]


def rank():
    """The number of this process among those of the launch; 0 when there is one."""
    return int(os.environ.get("RANK", "0"))


def world_size():
    return int(os.environ.get("WORLD_SIZE", "1"))


class Link:
    """Asks the owner of the run. When the owner is gone, so is the reason to go on: the process ends at once."""

    def __init__(self, port, token):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("r", encoding="utf-8", newline="\n")
        self._answers = []
        self._heard = threading.Condition()
        self._is_over = False
        self.tell({"kind": "hello", "token": token})
        # Reads all the time: an owner that was killed is noticed in the middle of a step.
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message):
        """Says something that wants no answer. Numbers that JSON has no form for are null."""
        self._socket.sendall((json.dumps(finite(message), allow_nan=False) + "\n").encode())

    def tell_last(self, message):
        """Says that everything is done. The owner may go before this process has ended, which is no reason to end otherwise."""
        self._is_over = True
        self.tell(message)

    def ask(self, message):
        self.tell(message)
        return self.hear()

    def hear(self):
        with self._heard:
            while not self._answers:
                self._heard.wait()
            return self._answers.pop(0)

    def _listen(self):
        try:
            for line in self._reader:
                with self._heard:
                    self._answers.append(json.loads(line))
                    self._heard.notify()
        except (OSError, ValueError):
            pass
        if not self._is_over:
            os._exit(70)


def finite(value):
    if isinstance(value, float):
        return value if value == value and value not in (float("inf"), float("-inf")) else None
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return value
