//! An embedded shop on free ports, and a client of its API.
// In a test a surprise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use gozon_service::settings::{Invocation, Service, SettingsError, parse_from};
use gozon_shop::{Config, Shop};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;

/// No step of a test may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shop that stands.
pub(crate) struct Running {
    pub(crate) api: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Starts on the data in `folder`, as `gozon` does with its environment.
    pub(crate) async fn start(folder: &Path) -> Self {
        let shop = bind(folder).await.unwrap();
        let api = shop.api_addr();
        let shutdown = CancellationToken::new();
        let (stands, standing) = oneshot::channel();
        let running = shop.run(shutdown.clone(), move |banner| {
            let _ = stands.send(banner.to_owned());
        });
        let task = tokio::spawn(running);
        let banner = timeout(PATIENCE, standing).await.unwrap().unwrap();
        assert!(banner.contains(&format!("http://{api}/docs")), "{banner}");
        Self {
            api,
            shutdown,
            task,
        }
    }

    /// Stops as Ctrl-C does, and waits until it has ended well.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("the shop stops in time")
            .unwrap()
            .unwrap();
    }

    pub(crate) fn as_user(&self, user: &'static str) -> User {
        User {
            api: self.api,
            name: user,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }
}

/// A shop with free ports that does not serve yet.
pub(crate) async fn bind(folder: &Path) -> Result<Shop, SettingsError> {
    const SERVICE: Service = Service {
        name: "gozon",
        label: "gozon",
        about: "a shop in a test",
        version: "0",
        bind: "127.0.0.1:0",
    };
    let env = [
        ("GOZON_PAGE_BIND", "127.0.0.1:0"),
        ("GOZON_ORDERS_BIND", "127.0.0.1:0"),
        ("GOZON_PAYMENTS_BIND", "127.0.0.1:0"),
        ("GOZON_DATA_DIR", folder.to_str().unwrap()),
    ];
    match parse_from::<Config>(&SERVICE, [""; 0], env) {
        Ok(Invocation::Serve(config)) => Shop::bind(config).await,
        other => panic!("{other:?}"),
    }
}

/// Someone with an `X-User-Id`.
pub(crate) struct User {
    api: SocketAddr,
    name: &'static str,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl User {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, body, &[]).await
    }

    pub(crate) async fn post_once(&self, path: &str, key: &str, body: &str) -> Answer {
        let header = [("idempotency-key", key)];
        self.send(Method::POST, path, body, &header).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.api))
            .header("x-user-id", self.name);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let response = timeout(PATIENCE, self.client.request(request));
        let (parts, body) = response.await.unwrap().unwrap().into_parts();
        let body = timeout(PATIENCE, body.collect()).await.unwrap().unwrap();
        let body = body.to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    /// The frames of a WebSocket, up to the first that says `status`.
    pub(crate) async fn watch(&self, path: &str, status: &str) -> Vec<Value> {
        let mut request = format!("ws://{}{path}", self.api)
            .into_client_request()
            .unwrap();
        let name = self.name.parse().unwrap();
        request.headers_mut().insert("x-user-id", name);
        let watching = async {
            let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
            let mut frames: Vec<Value> = Vec::new();
            while frames.last().is_none_or(|frame| frame["status"] != status) {
                let message = socket.next().await.unwrap().unwrap();
                if let Ok(text) = message.to_text()
                    && message.is_text()
                {
                    frames.push(serde_json::from_str(text).unwrap());
                }
            }
            frames
        };
        timeout(PATIENCE, watching)
            .await
            .expect("the status arrives in time")
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts that this is the problem with this status and code.
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.json);
        let media_type = self.header("content-type");
        assert_eq!(media_type, Some("application/problem+json"));
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["code"], code);
        assert_eq!(self.json["type"], format!("/problems/{code}"));
        assert_eq!(self.json["trace_id"].as_str().map(str::len), Some(32));
    }
}
