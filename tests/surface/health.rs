use anyhow::{Context, Result, ensure};
use gozon_tests::http::Client;
use gozon_tests::shop::{Mode, Service, Shop};

const ALL: [Service; 3] = [Service::Gateway, Service::Orders, Service::Payments];

pub(crate) async fn health_is_shown_without_an_identity(mode: Mode) -> Result<()> {
    let mut shop = Shop::start(mode).await?;
    for service in ALL {
        let client = Client::at(shop.address(service, 0));
        for path in ["/livez", "/readyz"] {
            client.get(path).await?.having(200)?;
        }
        let report = client.get("/readyz?verbose").await?.having(200)?.json()?;
        let checks = report["checks"].as_array().context("no checks")?;
        ensure!(report["ready"] == true && !checks.is_empty(), "{report}");
        ensure!(
            checks.iter().all(|check| check["ready"] == true),
            "{report}"
        );
    }
    if mode == Mode::Embedded {
        return Ok(());
    }

    // Without payments no order can be paid; the others still live.
    shop.stop(Service::Payments, 0).await?;

    shop.client().get("/livez").await?.having(200)?;
    let refused = shop.client().get("/readyz").await?.having(503)?;
    ensure!(refused.json()?["code"] == "not_ready", "{}", refused.text());
    let report = shop.client().get("/readyz?verbose").await?.having(503)?;
    for check in report.json()?["checks"].as_array().context("no checks")? {
        ensure!(check["ready"] == (check["name"] == "orders"), "{check}");
    }
    let orders = Client::at(shop.address(Service::Orders, 0));
    orders.get("/readyz").await?.having(200)?;
    Ok(())
}

/// What libraries measure, with the service whose work it was.
const MEASURED: [(&str, Service); 9] = [
    ("gozon_outbox_relayed_total", Service::Orders),
    ("gozon_outbox_relayed_total", Service::Payments),
    ("gozon_outbox_pending", Service::Orders),
    ("gozon_outbox_pending", Service::Payments),
    ("gozon_inbox_handled_total", Service::Orders),
    ("gozon_inbox_handled_total", Service::Payments),
    ("gozon_ledger_transfers_total", Service::Payments),
    ("gozon_orders_settled_total", Service::Orders),
    ("gozon_payments_decided_total", Service::Payments),
];

pub(crate) async fn metrics_name_their_service(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(1_000).await?;
    let order = anna.order(100).await?;
    anna.expect(order, "FINISHED").await?;
    shop.books.audit().await?;

    let mut all = String::new();
    for service in ALL {
        let client = Client::at(shop.address(service, 0));
        let text = metrics_of(&client).await?;
        let requests = series(&text, "gozon_http_requests_total", service);
        ensure!(!requests.is_empty(), "{service:?}: {text}");
        if mode == Mode::Production {
            // One process, one service: nobody else's name.
            for other in ALL.iter().filter(|other| **other != service) {
                ensure!(!text.contains(&label(*other)), "{service:?}: {text}");
            }
            all.push_str(&text);
        } else {
            all = text;
        }
    }

    for (name, service) in MEASURED {
        ensure!(
            !series(&all, name, service).is_empty(),
            "{name} of {service:?}: {all}"
        );
    }
    for line in all.lines().filter(|line| line.starts_with("gozon_")) {
        ensure!(line.contains("service=\""), "{line}");
    }
    // The ledger is payments' alone, and users are no label.
    ensure!(series(&all, "gozon_ledger_transfers_total", Service::Orders).is_empty());
    ensure!(
        !all.contains(&anna.name) && !all.contains(&order.to_string()),
        "{all}"
    );
    Ok(())
}

async fn metrics_of(client: &Client) -> Result<String> {
    let answer = client.get("/metrics").await?.having(200)?;
    let media_type = answer.header("content-type").unwrap_or_default();
    ensure!(media_type.starts_with("text/plain"), "{media_type}");
    Ok(answer.text())
}

fn label(service: Service) -> String {
    let name = match service {
        Service::Gateway => "gateway",
        Service::Orders => "orders",
        Service::Payments => "payments",
        Service::Embedded => "gozon",
    };
    format!("service=\"{name}\"")
}

fn series<'a>(text: &'a str, name: &str, service: Service) -> Vec<&'a str> {
    let begin = format!("{name}{{");
    let of_service = label(service);
    text.lines()
        .filter(|line| line.starts_with(&begin) && line.contains(&of_service))
        .collect()
}
