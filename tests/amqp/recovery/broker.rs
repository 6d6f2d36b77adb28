//! The broker closes connections, is restarted, is killed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_core::{Subscriber, Subscription};
use gozon_tests::eventually;
use gozon_tests::http::Client;
use gozon_tests::own_servers::own_rabbitmq;
use tokio_util::sync::CancellationToken;

use super::{receive_all, relay};
use crate::bench::{BOUND, Bench, resumed, subscribed};

/// Connections of Gozon at this broker, by their names in the management API.
async fn connections(management: &Client) -> Result<Vec<String>> {
    let list = management
        .get("/api/connections")
        .await?
        .having(200)?
        .json()?;
    let named = list.as_array().context("a list")?.iter();
    Ok(named
        .filter(|connection| {
            let name = &connection["client_properties"]["connection_name"];
            name.as_str().is_some_and(|name| name.starts_with("gozon"))
        })
        .filter_map(|connection| connection["name"].as_str().map(str::to_owned))
        .collect())
}

fn management(url: &str) -> Result<Client> {
    let (_, rest) = url.split_once("://").context("a URL")?;
    let (user, address) = rest.split_once('@').context("a user")?;
    Ok(Client::at(address).with_header("authorization", &format!("Basic {}", base64(user))))
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text.as_bytes()
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            (0..4).map(move |at| match at <= chunk.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]),
                false => '=',
            })
        })
        .collect()
}

/// One server of its own for both, because starting it takes long.
#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_and_restarts_of_the_broker_lose_nothing_confirmed() -> Result<()> {
    let server = own_rabbitmq().await?;
    let bench = Bench::on(server.url()).await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;

    // An operator closes the connections on the management page.
    let management = management(server.management_url())?;
    let names = eventually(BOUND, "the management API lists both", async || {
        let names = connections(&management).await?;
        ensure!(names.len() == 2, "{names:?}");
        Ok(names)
    })
    .await?;
    for name in names {
        let path = format!(
            "/api/connections/{}",
            name.replace(' ', "%20").replace('>', "%3E")
        );
        management
            .send(hyper::Method::DELETE, &path, "")
            .await?
            .having(204)?;
    }
    resumed(&mut deliveries).await?;
    transport.connected(BOUND).await?;
    drop(deliveries);

    // The broker is restarted, then killed, while messages flow.
    let stop = CancellationToken::new();
    let relays: Vec<_> = (0..2)
        .map(|_| tokio::spawn(relay(transport.clone(), stop.clone())))
        .collect();
    let received = Arc::new(tokio::sync::Mutex::new(HashSet::new()));
    let at_least = |count: usize| {
        let (transport, orders, received) = (&transport, &orders, Arc::clone(&received));
        async move {
            eventually(Duration::from_secs(60), "messages flow", async || {
                let deliveries = transport.subscribe(orders).await?;
                let mut seen = received.lock().await;
                receive_all(deliveries, &mut seen, |seen| seen.len() >= count).await
            })
            .await?;
            anyhow::Ok(received.lock().await.len())
        }
    };
    let seen = at_least(500).await?;
    server.stop().await?;
    server.start().await?;
    let seen = at_least(seen + 500).await?;
    server.kill().await?;
    server.start().await?;
    at_least(seen + 500).await?;
    stop.cancel();
    let mut confirmed = HashSet::new();
    for relay in relays {
        confirmed.extend(relay.await?);
    }
    let deliveries = subscribed(&transport, &orders).await?;
    let mut seen = received.lock().await;
    receive_all(deliveries, &mut seen, |seen| confirmed.is_subset(seen)).await?;

    assert!(confirmed.is_subset(&seen), "confirmed messages were lost");
    transport.close().await;
    Ok(())
}
