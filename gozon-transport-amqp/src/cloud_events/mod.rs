//! An envelope as an AMQP 0-9-1 message and back, in the
//! [binary mode](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md#31-binary-content-mode)
//! of CloudEvents: attributes in headers, the data as the body.

mod json;
mod read;
mod write;

pub(crate) use read::{Arrived, read};
pub(crate) use write::{Wire, write};

/// The prefix of the headers that we write. Underscore, because a colon is not
/// allowed everywhere that a broker passes headers on to.
const PREFIX: &str = "cloudEvents_";
/// The prefixes that we understand: ours, the one of the AMQP binding, and the
/// one of the HTTP binding, which many producers use on AMQP 0-9-1.
const PREFIXES: [&str; 3] = [PREFIX, "cloudEvents:", "ce-"];
/// The only version of CloudEvents that exists with these rules.
const SPEC_VERSION: &str = "1.0";
/// The slot of the key is a header's name, `gozon-slot-0` to `gozon-slot-63`,
/// with the value true: exchanges cannot hash, and the partitions of an ordered
/// subscription share the slots out. A name, because one binding can ask for
/// any of several headers, but not for one of several values; and what a
/// message costs grows with the bindings.
pub(crate) const SLOT_HEADER: &str = "gozon-slot-";
