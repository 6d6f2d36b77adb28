//! Bodies on their way through: requests whole and bounded, answers streamed.
//!
//! A request's body is at most 64 KiB, so it is read whole before a service is
//! troubled with it: the limit is exact also for bodies that do not announce
//! their length, a slow client costs a service nothing, and what was lost on
//! the way can be sent again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, EXPECT, HeaderMap};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, timeout};

use crate::refusal::Refusal;

/// How much of a body that is too large is read and thrown away. A client that
/// is still writing when we close would lose our answer to a reset.
const DISCARDED: usize = 4 * 1024 * 1024;

/// Reads a request's body, or says why it cannot be.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
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
    timeout(patience, read_bounded(body, limit))
        .await
        .map_err(|_| Refusal::SlowRequest)?
}

async fn read_bounded(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    let mut read: usize = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::UnreadableBody)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        read = read.saturating_add(data.len());
        if read <= limit {
            whole.extend_from_slice(data);
        } else if read > DISCARDED {
            break;
        }
    }
    if read > limit {
        Err(Refusal::TooLarge { limit })
    } else {
        Ok(whole.freeze())
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
