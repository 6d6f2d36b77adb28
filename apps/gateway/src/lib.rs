//! The shop's gateway: one address for REST and WebSocket, and the place where
//! identity is decided.
//!
//! It speaks hyper on both sides and joins two connections only after a service
//! has said `101`. What a client says about itself is removed before the
//! gateway says it; how, and in which order, stands in `headers.rs` and
//! `proxy.rs`. Everything has a limit, see [`Limits`].
//!
//! A process that runs it binds first and learns the addresses:
//!
//! ```no_run
//! # async fn example(shutdown: tokio_util::sync::CancellationToken) -> anyhow::Result<()> {
//! use gozon_gateway::{Config, Gateway};
//!
//! let gateway = Gateway::bind(Config::default()).await?;
//! println!("http://{}", gateway.api_addr());
//! gateway.run(shutdown).await
//! # }
//! ```

mod admission;
mod app;
mod body;
mod config;
mod contract;
mod documents;
mod frames;
mod gateway;
mod headers;
mod identity;
mod limits;
pub mod metrics;
mod openapi;
mod page;
mod proxy;
mod refusal;
mod shared;
mod splice;
mod upstream;
mod websocket;

pub use app::{AppState, app};
pub use config::{Config, SERVICE};
pub use gateway::{Gateway, run};
pub use limits::Limits;
pub use upstream::{Resolver, SystemResolver, UpstreamUrl, UpstreamUrlError};
