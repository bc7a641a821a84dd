//! What a handler leaves of a request's body. HTTP/1.1 sends the next request behind it on the same connection, so it has
//! to be read, or the connection has to be closed and the client told so: else a client that reuses the connection
//! finds it gone.

use crate::body::MAX_BODY;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest of a body may take: the answer waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where an unread body comes back to.
type Slot = Arc<Mutex<Option<Body>>>;

/// The rest of a request, once its answer is there.
pub struct Leftover {
    slot: Slot,
    /// The client sends nothing before it is asked to.
    waits: bool,
}

/// A body that tells when it is dropped too early.
struct Watched {
    inner: Body,
    slot: Slot,
}

/// Hands the request on, with an eye on its body.
pub fn watch(request: Request) -> (Request, Leftover) {
    let waits = request.headers().contains_key(header::EXPECT);
    let slot = Slot::default();
    let watched = slot.clone();
    let request = request.map(|inner| match inner.is_end_stream() {
        true => inner,
        false => Body::new(Watched { inner, slot: watched }),
    });
    (request, Leftover { slot, waits })
}

impl Leftover {
    /// Reads what is left, if that is little and comes soon; else says that the connection ends.
    pub async fn clear(self, response: &mut Response) {
        let left = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(left) = left else {
            return;
        };
        let closes = response.headers().contains_key(header::CONNECTION);
        if closes || !self.waits && read(left).await {
            return;
        }
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

async fn read(left: Body) -> bool {
    if left.size_hint().lower() > MAX_BODY as u64 {
        return false;
    }
    let mut left = Limited::new(left, MAX_BODY);
    let all = async {
        while let Some(frame) = left.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap_or(false)
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.inner.is_end_stream() {
            let inner = std::mem::take(&mut self.inner);
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(inner);
        }
    }
}
