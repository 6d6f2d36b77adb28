use super::Keys;
use crate::api::Failure;

/// Something that a person asked for and that must not be done twice.
///
/// It keeps one key until the shop has answered: whoever presses the button
/// again after a lost answer repeats the request instead of making a second one.
#[derive(Debug)]
pub(crate) struct Intent<B> {
    open: Option<(B, String)>,
    sending: bool,
    /// Why the last attempt failed.
    pub(crate) failure: Option<Failure>,
}

impl<B> Default for Intent<B> {
    fn default() -> Self {
        Self {
            open: None,
            sending: false,
            failure: None,
        }
    }
}

impl<B: PartialEq> Intent<B> {
    /// Whether an answer is awaited.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending
    }

    /// The key to send `body` with; the earlier one if the same is still open.
    pub(super) fn send(&mut self, body: B, keys: &mut Keys) -> String {
        self.sending = true;
        self.failure = None;
        match &self.open {
            Some((open, key)) if *open == body => key.clone(),
            _ => {
                let key = keys();
                self.open = Some((body, key.clone()));
                key
            }
        }
    }

    /// The shop has answered, or has not; what was asked for, if it was done.
    pub(super) fn end<T>(&mut self, result: Result<T, Failure>) -> Option<(T, B)> {
        self.sending = false;
        match result {
            Ok(done) => self.open.take().map(|(body, _)| (done, body)),
            Err(failure) => {
                if !failure.is_open() {
                    self.open = None;
                }
                self.failure = Some(failure);
                None
            }
        }
    }
}
