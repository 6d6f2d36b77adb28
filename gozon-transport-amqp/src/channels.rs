//! The publishing channels: as many as batches may be on their way.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::link::Live;
use crate::metrics;

/// lapin never reuses the number of a channel that the broker closed: opening
/// it again fails with the old error, for as long as the connection lives. The
/// next number usually works.
const ATTEMPTS: u32 = 3;

/// Idle channels in confirm mode.
#[derive(Default)]
pub(crate) struct Channels(Mutex<Vec<(u64, Channel)>>);

impl Channels {
    /// A channel on which nothing is unanswered. That there is none is never
    /// about a message.
    pub(crate) async fn take(&self, live: &Live, limit: Duration) -> Result<Channel, Fault> {
        while let Some((generation, channel)) = self.pop() {
            if generation == live.generation && channel.status().connected() {
                return Ok(channel);
            }
        }
        let mut last = Fault::gone("no channel");
        for _ in 0..ATTEMPTS {
            let opened = timeout(limit, open(live)).await;
            match opened {
                Ok(Ok(channel)) => return Ok(channel),
                Ok(Err(fault)) => last = fault.before_any_message(),
                Err(_) => {
                    last = Fault::gone(format!("no channel within {limit:?}"));
                    break;
                }
            }
            if !live.connection().status().connected() {
                return Err(last);
            }
        }
        // Blocked, the connection cannot open a channel and is not to blame.
        if live.blocked().is_none() {
            live.suspect();
        }
        Err(last)
    }

    /// Takes back a channel whose every message was answered.
    pub(crate) fn give_back(&self, live: &Live, channel: Channel) {
        let idle = (live.generation, channel);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(idle);
    }

    /// Lets go of all channels.
    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn pop(&self) -> Option<(u64, Channel)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

async fn open(live: &Live) -> Result<Channel, Fault> {
    let channel = live.connection().create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}

/// Throws a channel away: after an error, lapin keeps returns and confirms of
/// the past in it.
pub(crate) async fn discard(channel: Channel, limit: Duration) {
    ::metrics::counter!(metrics::CHANNELS_DISCARDED).increment(1);
    if channel.status().connected() {
        let _ = timeout(limit, channel.close(200, "OK".into())).await;
    }
}
