use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_tests::processes::Program;

const HTTP: [(&str, &str); 7] = [
    ("GOZON_BODY_LIMIT", "65536"),
    ("GOZON_HEADER_TIMEOUT", "10s"),
    ("GOZON_REQUEST_TIMEOUT", "30s"),
    ("GOZON_WRITE_TIMEOUT", "20s"),
    ("GOZON_MAX_CONNECTIONS", "10000"),
    ("GOZON_SHUTDOWN_DELAY", "0s"),
    ("GOZON_DRAIN_TIMEOUT", "8s"),
];
const LOGS: [(&str, &str); 2] = [("GOZON_LOG", "info"), ("GOZON_LOG_FORMAT", "text")];
const DATABASE: [(&str, &str); 6] = [
    ("DATABASE_URL", ""),
    ("DATABASE_URL_FILE", ""),
    ("GOZON_DB_SCHEMA", ""),
    ("GOZON_DB_POOL", "10"),
    ("GOZON_DB_ACQUIRE_TIMEOUT", "5s"),
    ("GOZON_DB_START_TIMEOUT", "30s"),
];
const BROKER: [(&str, &str); 4] = [
    ("AMQP_URL", ""),
    ("AMQP_URL_FILE", ""),
    ("GOZON_AMQP_CA_FILE", ""),
    ("GOZON_AMQP_PREFIX", ""),
];
const SHOP: [(&str, &str); 1] = [("GOZON_CURRENCY", "RUB")];
const RECONCILER: [(&str, &str); 1] = [("GOZON_RECONCILE_AFTER", "60s")];
const GATEWAY: [(&str, &str); 15] = [
    ("GOZON_PAGE_BIND", "127.0.0.1:8080"),
    ("GOZON_ALLOWED_ORIGINS", ""),
    ("GOZON_CONNECT_TIMEOUT", "1s"),
    ("GOZON_RESPONSE_TIMEOUT", "15s"),
    ("GOZON_SILENCE_TIMEOUT", "15s"),
    ("GOZON_POOL_IDLE_TIMEOUT", "4s"),
    ("GOZON_BODY_TIMEOUT", "10s"),
    ("GOZON_BODIES_LIMIT", "33554432"),
    ("GOZON_MAX_IN_FLIGHT", "256"),
    ("GOZON_MAX_QUEUED", "1024"),
    ("GOZON_QUEUE_TIMEOUT", "2s"),
    ("GOZON_MAX_WEBSOCKETS", "4096"),
    ("GOZON_WEBSOCKET_IDLE", "5m"),
    ("GOZON_WEBSOCKET_LIFETIME", "12h"),
    ("GOZON_WEBSOCKET_WRITE_TIMEOUT", "20s"),
];
const UPSTREAMS: [(&str, &str); 4] = [
    ("GOZON_PASS_ORDERS_BIND", ""),
    ("GOZON_PASS_PAYMENTS_BIND", ""),
    ("GOZON_ORDERS_URL", "http://127.0.0.1:8001"),
    ("GOZON_PAYMENTS_URL", "http://127.0.0.1:8002"),
];
const EMBEDDED: [(&str, &str); 3] = [
    ("GOZON_ORDERS_BIND", "127.0.0.1:8001"),
    ("GOZON_PAYMENTS_BIND", "127.0.0.1:8002"),
    ("GOZON_DATA_DIR", "./gozon-data"),
];

#[tokio::test]
async fn help_explains_every_setting_and_shows_no_secret() -> Result<()> {
    let bind = |address| ("GOZON_BIND", address);
    let service = [&HTTP[..], &LOGS, &DATABASE, &BROKER, &SHOP].concat();
    for (binary, settings) in [
        (
            "gozon",
            [
                &[bind("127.0.0.1:8000")][..],
                &HTTP,
                &LOGS,
                &SHOP,
                &RECONCILER,
                &GATEWAY,
                &EMBEDDED,
            ]
            .concat(),
        ),
        (
            "gozon-gateway",
            [
                &[bind("127.0.0.1:8000")][..],
                &HTTP,
                &LOGS,
                &GATEWAY,
                &UPSTREAMS,
            ]
            .concat(),
        ),
        (
            "gozon-orders",
            [&[bind("127.0.0.1:8001")][..], &service, &RECONCILER].concat(),
        ),
        (
            "gozon-payments",
            [&[bind("127.0.0.1:8002")][..], &service].concat(),
        ),
    ] {
        let text = help(binary).await.context(binary)?;
        let known = documented(&text);
        let expected: BTreeMap<_, _> = settings
            .iter()
            .map(|(name, default)| ((*name).to_owned(), (*default).to_owned()))
            .collect();
        ensure!(known == expected, "{binary}: {known:#?}\n{text}");
        ensure!(!text.contains("geheim"), "{binary}: {text}");
    }
    Ok(())
}

async fn help(binary: &'static str) -> Result<String> {
    let secret = "://gozon:geheim@nowhere/x";
    let mut process = Program::named(binary)
        .argument("--help")
        .env("DATABASE_URL", format!("postgres{secret}"))
        .env("AMQP_URL", format!("amqp{secret}"))
        // Whoever asks for help may have a wrong setting.
        .env("GOZON_BODY_LIMIT", "much")
        .spawn()?;
    let status = process.ended(Duration::from_secs(30)).await?;
    ensure!(status.success(), "{status}");
    process.log()
}

/// Each variable with its default; a variable without an explanation is left
/// out.
fn documented(text: &str) -> BTreeMap<String, String> {
    let (_, table) = text.split_once("Settings (").unwrap_or_default();
    let mut known = BTreeMap::new();
    let mut name = None;
    let mut help = BTreeMap::<String, String>::new();
    for line in table.lines().skip(1) {
        match line.strip_prefix("      ") {
            Some(part) => {
                let name: Option<&String> = name.as_ref();
                let Some(name) = name else { continue };
                let whole = help.entry(name.clone()).or_default();
                whole.push_str(part.trim());
                whole.push(' ');
            }
            None => name = Some(line.trim().to_owned()),
        }
    }
    for (name, help) in help {
        let (explanation, default) = match help.split_once("[default: ") {
            Some((explanation, default)) => (explanation, default.trim().trim_end_matches(']')),
            None => (help.as_str(), ""),
        };
        if explanation.trim().len() > 10 {
            known.insert(name, default.to_owned());
        }
    }
    known
}
