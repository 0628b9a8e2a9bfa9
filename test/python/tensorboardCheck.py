"""
Event files in both directions, driven by test/python/tensorboard.python.ts.

  read FOLDER         prints [[tag, step, wall time, value]] of every scalar that Python's TensorBoard finds there
  write FOLDER        writes the same list from standard input with torch's SummaryWriter
"""

import json
import sys

if sys.argv[1] == "read":
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # 0: keep every point.
    accumulator = EventAccumulator(sys.argv[2], size_guidance={"scalars": 0})
    accumulator.Reload()
    json.dump(
        [
            [tag, event.step, event.wall_time, event.value]
            for tag in accumulator.Tags()["scalars"]
            for event in accumulator.Scalars(tag)
        ],
        sys.stdout,
    )
else:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(sys.argv[2]) as writer:
        for tag, step, wall_time, value in json.load(sys.stdin):
            writer.add_scalar(tag, value, step, wall_time)
