//! The few messages of TensorFlow's `event.proto` and `summary.proto` that event files of scalars are made of.

use std::time::Duration;

/// The version that makes TensorBoard honour session starts: `Event { wall_time, file_version }`.
pub(super) fn version(now: Duration) -> Vec<u8> {
    let mut event = Message::event(now, 0);
    event.bytes(3, b"brain.Event:2");
    event.0
}

/// A session that starts at a step: `Event { wall_time, step, session_log { status: START } }`.
pub(super) fn session_start(now: Duration, step: u64) -> Vec<u8> {
    let mut session = Message::default();
    session.varint(1, 1);
    let mut event = Message::event(now, step);
    event.bytes(7, &session.0);
    event.0
}

/// Scalars at a step: `Event { wall_time, step, summary { value { tag, simple_value } ... } }`.
pub(super) fn scalars(now: Duration, step: u64, scalars: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Message::default();
    for (tag, scalar) in scalars {
        let mut value = Message::default();
        value.bytes(1, tag.as_bytes());
        value.float(2, *scalar as f32);
        summary.bytes(1, &value.0);
    }
    let mut event = Message::event(now, step);
    event.bytes(5, &summary.0);
    event.0
}

/// A message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// An `Event` with its first two fields; zero is left out, as protocol buffers do.
    fn event(now: Duration, step: u64) -> Self {
        let mut event = Self::default();
        event.key(1, FIXED64);
        event.0.extend(now.as_secs_f64().to_le_bytes());
        if step > 0 {
            event.varint(2, step);
        }
        event
    }

    fn varint(&mut self, field: u8, value: u64) {
        self.key(field, VARINT);
        self.base128(value);
    }

    fn float(&mut self, field: u8, value: f32) {
        self.key(field, FIXED32);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, value: &[u8]) {
        self.key(field, LENGTH_DELIMITED);
        self.base128(value.len() as u64);
        self.0.extend(value);
    }

    /// Fields here are below 16, whose keys are one byte.
    fn key(&mut self, field: u8, wire_type: u8) {
        self.0.push(field << 3 | wire_type);
    }

    fn base128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED32: u8 = 5;
