//! Notices requests whose length is stated twice.
//!
//! A head with both `Content-Length` and `Transfer-Encoding` is how request
//! smuggling begins. hyper handles it safely (chunked wins, the connection
//! closes) but drops the evidence, and we owe such a client a 400. So the
//! stream's reader looks at each head before hyper does. This is about the
//! answer only; safety does not rest on it.

use std::sync::{Mutex, PoisonError};

/// The longest head, in bytes; longer ones are answered with 431. Each connection
/// may make us keep as much, twice: hyper reads it, and so do we.
pub(crate) const LONGEST_HEAD: usize = 16 * 1024;

/// What one connection is doing.
#[derive(Debug, Default)]
pub(crate) struct Framing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The head as far as it was read; `None` after its end.
    head: Option<Vec<u8>>,
    started: bool,
    ambiguous: bool,
    upgraded: bool,
}

impl Framing {
    /// Whether the head that was just read states its length twice.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.lock().ambiguous
    }

    /// What follows is no HTTP.
    pub(crate) fn upgraded(&self) {
        let mut state = self.lock();
        state.upgraded = true;
        state.head = None;
    }

    /// Whether what follows is no HTTP.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.lock().upgraded
    }

    /// An answer is being written, so what is read next is a new head.
    pub(crate) fn answering(&self) {
        let mut state = self.lock();
        if !state.upgraded && state.head.is_none() {
            state.head = Some(Vec::new());
            state.ambiguous = false;
        }
    }

    pub(crate) fn received(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if !state.started {
            state.started = true;
            state.head = Some(Vec::new());
        }
        let Some(head) = &mut state.head else {
            return;
        };
        // The end may lie across two reads.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(bytes);
        let end = head[from..]
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map(|at| from + at);
        if let Some(end) = end {
            let ambiguous = states_its_length_twice(&head[..end]);
            state.ambiguous = ambiguous;
            state.head = None;
        } else if head.len() > LONGEST_HEAD {
            state.head = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn states_its_length_twice(head: &[u8]) -> bool {
    let has = |name: &[u8]| {
        head.split(|byte| *byte == b'\n').any(|line| {
            line.len() > name.len()
                && line[name.len()] == b':'
                && line[..name.len()].eq_ignore_ascii_case(name)
        })
    };
    has(b"content-length") && has(b"transfer-encoding")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWICE: &[u8] =
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";
    const ONCE: &[u8] = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\ntransfer-encoding: x\r\n\r\n";

    #[test]
    fn a_length_stated_twice_is_noticed_however_it_arrives() {
        for size in [1, 7, TWICE.len()] {
            let framing = Framing::default();
            for chunk in TWICE.chunks(size) {
                framing.received(chunk);
            }
            assert!(framing.is_ambiguous(), "{size}");
        }
    }

    #[test]
    fn a_body_is_no_head_and_the_next_head_is_judged_anew() {
        let framing = Framing::default();
        framing.received(ONCE);
        assert!(!framing.is_ambiguous());

        framing.answering();
        framing.received(TWICE);
        assert!(framing.is_ambiguous());

        framing.answering();
        framing.received(ONCE);
        assert!(!framing.is_ambiguous());
    }
}
