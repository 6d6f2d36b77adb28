//! Several messages on their way at once, on one channel.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gozon_core::MessageId;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::board::{Answer, Board};
use crate::fault::Fault;
use crate::link::Live;

/// How a flight ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// Every message was answered; the channel is as good as new.
    Complete,
    /// The channel broke.
    Broken(Fault),
    /// No one waits any more, and all was written: the channel can be closed.
    Abandoned,
}

/// Sends these messages and waits until all are answered or the channel breaks.
///
/// After `given_up` it does not return before all is written: lapin would send
/// what is queued after the channel's close, and the broker answers that by
/// ending the whole connection.
pub(crate) async fn fly(
    live: &Live,
    channel: &Channel,
    exchange: &ShortString,
    board: &Board,
    members: &[usize],
    given_up: &CancellationToken,
) -> Landing {
    board.take_off(members);
    let unwritten = AtomicUsize::new(members.len());
    let all_written = Notify::new();
    let mandatory = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let send = |index: usize| {
        let (unwritten, all_written) = (&unwritten, &all_written);
        async move {
            let Some(wire) = board.wire(index) else {
                return (index, Err(Fault::gone("it was never written")));
            };
            let written = channel
                .basic_publish(
                    exchange.clone(),
                    wire.routing_key.clone(),
                    mandatory,
                    &wire.data,
                    wire.properties.clone(),
                )
                .await;
            if unwritten.fetch_sub(1, Ordering::AcqRel) == 1 {
                all_written.notify_one();
            }
            let confirmed = match written {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            (index, confirmed.map_err(Fault::from))
        }
    };
    let mut flying: FuturesUnordered<_> = members.iter().copied().map(send).collect();

    let mut fault = None;
    let mut abandoned = false;
    loop {
        tokio::select! {
            biased;
            next = flying.next() => match next {
                Some((index, answer)) => {
                    if let Some(new) = note(board, index, answer) {
                        fault = Some(worse(fault, new));
                    }
                }
                None => break,
            },
            () = given_up.cancelled(), if !abandoned => {
                abandoned = true;
                let stuck = unwritten.load(Ordering::Acquire) > 0;
                // Blocked, it will be written one day. Otherwise something is
                // wrong with the connection.
                if stuck && live.blocked().is_none() {
                    live.suspect();
                }
                if !stuck {
                    board.land(false);
                    return Landing::Abandoned;
                }
            }
            () = all_written.notified(), if abandoned => {
                if unwritten.load(Ordering::Acquire) == 0 {
                    board.land(false);
                    return Landing::Abandoned;
                }
            }
        }
    }
    board.land(fault.is_none());
    fault.map_or(Landing::Complete, Landing::Broken)
}

/// Writes an answer on the board; gives back what went wrong instead.
fn note(board: &Board, index: usize, answer: Result<Confirmation, Fault>) -> Option<Fault> {
    let (answer, returned) = match answer {
        Ok(Confirmation::Ack(returned)) => (Answer::Ack, returned),
        Ok(Confirmation::Nack(returned)) => (Answer::Nack, returned),
        // The channel is not in confirm mode: nothing is known.
        Ok(Confirmation::NotRequested) => {
            return Some(Fault::gone("the channel lost its confirm mode"));
        }
        Err(fault) => return Some(fault),
    };
    if let Some(returned) = returned {
        match message_id(&returned) {
            Some(id) => board.returned(id, returned.reply_text.to_string()),
            // It is not ours to say whose it is, so no one's answer counts.
            None => return Some(Fault::gone("a message without its id was returned")),
        }
    }
    board.answered(index, answer);
    None
}

fn message_id(returned: &BasicReturnMessage) -> Option<MessageId> {
    let id = returned.delivery.properties.message_id().as_ref()?;
    id.as_str().parse().ok()
}

/// The first words about a broken channel say most, except that a refusal is
/// the most exact of all.
fn worse(old: Option<Fault>, new: Fault) -> Fault {
    match (old, new) {
        (None, new) => new,
        (Some(old @ Fault::Refused(_)), _) => old,
        (Some(_), new @ Fault::Refused(_)) => new,
        (Some(old @ Fault::Missing(_)), _) => old,
        (Some(_), new @ Fault::Missing(_)) => new,
        (Some(old), _) => old,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::AmqpConfig;
    use crate::topology::Topology;

    #[test]
    fn a_channel_that_is_not_in_confirm_mode_confirms_nothing() {
        let topology = Topology::new(&AmqpConfig::new("amqp://localhost")).unwrap();
        let board = Board::new(&[], Arc::new(topology));

        let fault = note(&board, 0, Ok(Confirmation::NotRequested));

        assert!(matches!(fault, Some(Fault::Gone(_))), "{fault:?}");
    }

    #[test]
    fn a_refusal_says_more_than_what_came_of_it() {
        let (gone, refused) = (Fault::gone("gone"), Fault::Refused("406".to_owned()));

        assert_eq!(worse(Some(gone.clone()), refused.clone()), refused);
        assert_eq!(worse(Some(refused.clone()), gone), refused);
    }
}
