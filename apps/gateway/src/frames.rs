//! Where WebSocket frames begin and end
//! ([RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).

const OPCODE: u8 = 0x0F;
const CLOSE: u8 = 0x8;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;

/// Follows the frames of one direction of a WebSocket by their lengths.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: Vec<u8>,
    payload_left: u64,
    closed: bool,
}

impl Frames {
    /// Whether the last byte that passed was the last of a frame.
    pub(crate) fn between(&self) -> bool {
        self.head.is_empty() && self.payload_left == 0
    }

    /// Whether a close frame has passed; after it there may be no other.
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// Sees the next bytes.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let skipped = bytes
                    .len()
                    .min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head.push(first);
            bytes = rest;
            if let Some(payload) = self.payload() {
                self.closed |= self.head[0] & OPCODE == CLOSE;
                self.payload_left = payload;
                self.head.clear();
            }
        }
    }

    /// The length that follows the head, once the head is whole.
    fn payload(&self) -> Option<u64> {
        let second = *self.head.get(1)?;
        let (extended, short) = match second & LENGTH {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u64::from(short)),
        };
        let mask = if second & MASKED == 0 { 0 } else { 4 };
        if self.head.len() < 2 + extended + mask {
            return None;
        }
        let length = self.head[2..2 + extended]
            .iter()
            .fold(0, |length, &byte| (length << 8) | u64::from(byte));
        Some(if extended == 0 { short } else { length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, masked: bool, payload: usize) -> Vec<u8> {
        let mask = if masked { MASKED } else { 0 };
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(mask | u8::try_from(payload).unwrap()),
            126..65536 => {
                frame.push(mask | 126);
                frame.extend(u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend(std::iter::repeat_n(
            0x88,
            payload + if masked { 4 } else { 0 },
        ));
        frame
    }

    #[test]
    fn the_end_of_each_frame_is_found_in_any_pieces() {
        for masked in [false, true] {
            for payload in [0, 1, 125, 126, 127, 65535, 65536, 70000] {
                for step in [1, 3, 4096] {
                    let mut frames = Frames::default();
                    let bytes = frame(0x81, masked, payload);
                    let (last, before) = bytes.split_last().unwrap();
                    for part in before.chunks(step) {
                        frames.pass(part);
                        assert!(!frames.between(), "{payload} bytes, masked: {masked}");
                    }

                    frames.pass(&[*last]);

                    assert!(frames.between(), "{payload} bytes, masked: {masked}");
                    assert!(!frames.closed());
                }
            }
        }
    }

    #[test]
    fn a_close_frame_is_noticed() {
        let mut frames = Frames::default();
        frames.pass(&frame(0x81, true, 10));

        frames.pass(&frame(0x88, true, 2));

        assert!(frames.between() && frames.closed());
    }
}
