//! Bodies on their way through: requests whole and bounded, answers streamed.
//!
//! A request's body is at most 64 KiB, so it is read whole before a service is
//! troubled with it: the limit is exact also for bodies that do not announce
//! their length, a slow client costs a service nothing, and what was lost on
//! the way can be sent again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, EXPECT, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, timeout};

use crate::limits::places;
use crate::refusal::Refusal;

/// How much of a body that is too large is read and thrown away. A client that
/// is still writing when we close would lose our answer to a reset.
const DISCARDED: usize = 4 * 1024 * 1024;

/// Room for the bodies of all requests that are read or under way, in bytes.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    pub(crate) fn new(bytes: u32) -> Self {
        Self(Arc::new(Semaphore::new(places(bytes))))
    }

    /// Keeps room for `bytes` more beside what `kept` has already. Nobody waits
    /// for it: who waits while holding some could wait for each other.
    fn keep(&self, bytes: usize, kept: &mut Option<OwnedSemaphorePermit>) -> Result<(), Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::TooManyBodies)?;
        let more = self.0.clone().try_acquire_many_owned(bytes);
        let more = more.map_err(|_| Refusal::TooManyBodies)?;
        match kept {
            Some(kept) => kept.merge(more),
            None => *kept = Some(more),
        }
        Ok(())
    }
}

/// A request's body, and the room that it takes until this is dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads a request's body, or says why it cannot be.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    patience: Duration,
    room: &Room,
) -> Result<Kept, Refusal> {
    if body.is_end_stream() {
        return Ok(Kept {
            bytes: Bytes::new(),
            _room: None,
        });
    }
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok());
    let too_large = declared.is_some_and(|length| length > limit);
    if too_large && headers.contains_key(EXPECT) {
        // The client asked first and has sent nothing yet.
        return Err(Refusal::TooLarge { limit });
    }
    timeout(patience, read_bounded(body, limit, room))
        .await
        .map_err(|_| Refusal::SlowRequest)?
}

async fn read_bounded(mut body: Body, limit: usize, room: &Room) -> Result<Kept, Refusal> {
    let mut whole = BytesMut::new();
    let mut kept = None;
    let mut read: usize = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::UnreadableBody)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        read = read.saturating_add(data.len());
        if read <= limit {
            room.keep(data.len(), &mut kept)?;
            whole.extend_from_slice(data);
        } else if read > DISCARDED {
            break;
        }
    }
    if read > limit {
        Err(Refusal::TooLarge { limit })
    } else {
        Ok(Kept {
            bytes: whole.freeze(),
            _room: kept,
        })
    }
}

/// An answer's body as it arrives; holds the request's place until it ends.
pub(crate) struct AnswerBody {
    inner: Incoming,
    silence: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

/// The service fell silent in the middle of its answer.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("the service stopped sending")]
    Silent,
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl AnswerBody {
    pub(crate) fn new(inner: Incoming, silence: Duration, place: OwnedSemaphorePermit) -> Self {
        Self {
            inner,
            silence,
            waiting: None,
            _place: place,
        }
    }

    pub(crate) fn into_body(self) -> Body {
        Body::new(self.map_err(axum::Error::new))
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            match Pin::new(&mut self.inner).poll_frame(cx) {
                // Trailers belong to the hop that they came on.
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => continue,
                Poll::Ready(frame) => {
                    self.waiting = None;
                    return Poll::Ready(
                        frame.map(|frame| frame.map_err(|error| BodyError::Broken(error).into())),
                    );
                }
                Poll::Pending => break,
            }
        }
        let silence = self.silence;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(silence)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::Silent.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn posted(size: usize, room: &Room) -> Result<Kept, Refusal> {
        let body = Body::from(vec![b'.'; size]);
        let headers = HeaderMap::new();
        read(&headers, body, 100, Duration::from_secs(5), room).await
    }

    #[tokio::test]
    async fn bodies_take_room_until_their_requests_are_answered() {
        let room = Room::new(150);
        let first = posted(100, &room).await.unwrap();
        assert!(matches!(
            posted(51, &room).await,
            Err(Refusal::TooManyBodies)
        ));
        let second = posted(50, &room).await.unwrap();
        assert_eq!(second.bytes.len(), 50);
        assert!(posted(0, &room).await.is_ok());

        drop(first);

        assert!(posted(100, &room).await.is_ok());
        drop(second);
        assert_eq!(room.0.available_permits(), 150);
    }

    #[tokio::test]
    async fn a_body_that_is_refused_takes_no_room() {
        let room = Room::new(150);

        let refused = posted(101, &room).await;

        assert!(matches!(refused, Err(Refusal::TooLarge { limit: 100 })));
        assert_eq!(room.0.available_permits(), 150);
    }
}
