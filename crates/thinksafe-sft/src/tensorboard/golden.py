"""Writes golden.tfevents: what TensorBoard's own writer makes of the events of tests.rs.

Usage: python golden.py     (needs tensorboard, as pinned in tests/interop/requirements.txt)
"""

import io
import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


def scalars(wall_time, step, values):
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    return Event(wall_time=wall_time, step=step, summary=Summary(value=values))


def main():
    began = 1_700_000_000.5
    training = {"loss": 1.75, "learning_rate": 0.1, "grad_norm": 2.5, "epoch": 0.5, "tokens_per_second": 1234.5}
    held_out = {"loss": 1.5, "cross_entropy": 1.25, "forward_kl": 0.25}
    events = [
        Event(wall_time=began, file_version="brain.Event:2"),
        Event(wall_time=began, step=3, session_log=SessionLog(status=SessionLog.START)),
        scalars(began, 300, {f"train/{name}": value for name, value in training.items()}),
        scalars(began + 1, 300, {f"eval/{name}": value for name, value in held_out.items()}),
    ]
    out = io.BytesIO()
    writer = RecordWriter(out)
    for event in events:
        writer.write(event.SerializeToString())
    (pathlib.Path(__file__).parent / "golden.tfevents").write_bytes(out.getvalue())


if __name__ == "__main__":
    main()
