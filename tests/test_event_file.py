"""TensorBoard's event files, read by TensorFlow."""

import tensorflow as tf
from tensorflow.core.util import event_pb2

from training.event_file import EVENTS, append_event, write_events


def read(path):
    # the dataset checks length and checksum of every record
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [event_pb2.Event.FromString(record) for record in records]


def test_tensorflow_reads_what_is_written(tmp_path):
    path = tmp_path / "run" / EVENTS
    lines = [
        {"epoch": 1, "phase": "tune", "loss": 2.5, "frozen": True},
        {"epoch": 200, "loss": 0.125, "val_accuracy": 1},
    ]
    write_events(path, lines[:1], wall_time=12.5)
    append_event(path, lines[1])
    version, first, second = read(path)
    assert version.file_version == "brain.Event:2" and version.wall_time == first.wall_time == 12.5
    assert second.wall_time > 1e9
    found = [
        (event.step, {value.tag: value.simple_value for value in event.summary.value}) for event in (first, second)
    ]
    assert found == [(1, {"loss": 2.5}), (200, {"loss": 0.125, "val_accuracy": 1.0})]


def test_writing_again_leaves_no_old_points(tmp_path):
    path = tmp_path / EVENTS
    for _ in range(2):
        write_events(path, [{"epoch": epoch, "loss": 1.0} for epoch in range(1, 4)])
    assert [event.step for event in read(path)] == [0, 1, 2, 3]
    assert "tfevents" in path.name
