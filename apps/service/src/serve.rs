//! Serving HTTP/1.1 within limits, and stopping in bounded time.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use crate::connection::Connection;
use crate::entrance::Entrance;
use crate::framing::{Framing, LONGEST_HEAD};
use crate::problem::{Code, Problem};
use crate::settings::{HttpSettings, SettingsError};

/// Takes the address, so that what is printed next is true.
///
/// # Errors
/// Names `GOZON_BIND`.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, SettingsError> {
    TcpListener::bind(address).await.map_err(|error| {
        let reason = format!(
            "cannot listen on {address}: {error}; stop what listens there or choose another port"
        );
        SettingsError::new("GOZON_BIND", reason)
    })
}

/// Serves `app` until `shutdown`, then lets what is open finish.
///
/// `axum::serve` has no timer, so a client that never finishes its head keeps
/// its connection for ever; here the head has a deadline, and so has a client
/// that takes nothing of its answer. Connections are capped, WebSockets count until they end. After `shutdown` (and
/// `shutdown_delay`) nothing is accepted, idle connections close, requests
/// finish. Whoever holds a WebSocket watches [`Entrance::closed`] and closes it.
/// What is still open after half of `drain_timeout` is cut off.
///
/// # Errors
/// Never today; a listener that cannot accept is retried.
pub async fn serve(
    service: &'static str,
    listener: TcpListener,
    app: Router,
    settings: &HttpSettings,
    entrance: &Entrance,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let open = TaskTracker::new();
    // Two steps: `finish` asks connections to end after their request, `cut`
    // ends them.
    let (finish, cut) = (CancellationToken::new(), CancellationToken::new());
    let cut_at_the_end = cut.clone().drop_guard();
    let accept_until = delayed(shutdown, settings.shutdown_delay);
    tokio::pin!(accept_until);

    loop {
        // In this order: a listener to which nobody comes must not keep a place
        // that another one needs. So one connection of each may wait in here.
        let next = async {
            let accepted = listener.accept().await?;
            let place = entrance.place().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((accepted, place))
        };
        let next = tokio::select! {
            biased;
            () = &mut accept_until => break,
            next = next => next,
        };
        let ((stream, peer), permit) = match next {
            Ok(next) => next,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                // Out of file descriptors, say: trying again at once would spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let framing = Arc::new(Framing::default());
        let connection = {
            let framing = Arc::clone(&framing);
            let limit = settings.write_timeout;
            Connection::new(
                no_delay(stream),
                service,
                permit,
                open.token(),
                framing,
                limit,
            )
        };
        let answering = answer(
            connection,
            peer,
            framing,
            app.clone(),
            settings,
            finish.clone(),
        );
        open.spawn(cut.clone().run_until_cancelled_owned(answering));
    }

    drop(listener);
    entrance.close();
    finish.cancel();
    open.close();
    if tokio::time::timeout(settings.connections_drain(), open.wait())
        .await
        .is_err()
    {
        let left = open.len();
        warn!(
            service,
            connections = left,
            "cut off connections that did not end in time"
        );
    }
    drop(cut_at_the_end);
    info!(service, "stopped serving");
    Ok(())
}

async fn delayed(shutdown: CancellationToken, delay: Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(delay).await;
}

fn no_delay(stream: TcpStream) -> TcpStream {
    // Small answers would wait for acknowledgements otherwise. A socket that
    // refuses the option is about to fail anyway.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "TCP_NODELAY was refused");
    }
    stream
}

/// Not an `async fn`: the future must not borrow the settings.
fn answer(
    stream: Connection,
    peer: SocketAddr,
    framing: Arc<Framing>,
    app: Router,
    settings: &HttpSettings,
    finish: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let service = service_fn(move |mut request: Request<Incoming>| {
        // A gateway says it to those behind it.
        request.extensions_mut().insert(ConnectInfo(peer));
        let (app, framing) = (app.clone(), Arc::clone(&framing));
        async move { Ok::<_, Infallible>(respond(app, &framing, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        // Also the longest head: 431 beyond it.
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    async move {
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = finish.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection ended early");
        }
    }
}

async fn respond(app: Router, framing: &Framing, request: Request<Incoming>) -> Response<Body> {
    if framing.is_ambiguous() {
        let detail = "the request states its length twice";
        let mut response = Problem::new(Code::MalformedRequest, detail).into_response();
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        return response;
    }
    let response = match app.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        framing.upgraded();
    }
    response
}
