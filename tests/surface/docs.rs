use anyhow::{Context, Result, ensure};
use gozon_tests::http::Client;
use gozon_tests::shop::{Mode, Service, Shop};

pub(crate) async fn the_documentation_needs_nothing_from_elsewhere(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    for service in [Service::Gateway, Service::Orders, Service::Payments] {
        let client = Client::at(shop.address(service, 0));
        opens(&client)
            .await
            .with_context(|| format!("{service:?}"))?;
    }
    Ok(())
}

async fn opens(client: &Client) -> Result<()> {
    let moved = client.get("/docs").await?.having(303)?;
    ensure!(moved.header("location") == Some("docs/"), "{moved:?}");
    let page = client.get("/docs/").await?.having(200)?;
    let media_type = page.header("content-type").unwrap_or_default();
    ensure!(media_type.starts_with("text/html"), "{media_type}");

    let text = page.text();
    let assets = references(&text);
    ensure!(assets.len() >= 4, "{assets:?} in {text}");
    for asset in &assets {
        ensure!(!asset.contains("//"), "{asset} is not ours");
        let path = format!("/docs/{}", asset.trim_start_matches("./"));
        let served = client.get(&path).await?.having(200)?;
        let media_type = served.header("content-type").unwrap_or_default();
        let expected = match asset.rsplit('.').next() {
            Some("css") => "text/css",
            Some("js") => "javascript",
            _ => "image/",
        };
        ensure!(media_type.contains(expected), "{asset}: {media_type}");
        ensure!(!served.body.is_empty(), "{asset} is empty");
        if asset.ends_with(".css") {
            let text = served.text();
            let loads =
                text.contains("@import") || text.contains("url(http") || text.contains("url(//");
            ensure!(!loads, "{asset} loads something");
        }
    }
    let start = client.get("/docs/swagger-initializer.js").await?.text();
    ensure!(start.contains("\"../openapi.json\""), "{start}");
    // By itself the page would ask validator.swagger.io about the contract.
    ensure!(start.contains("\"validatorUrl\": \"none\""), "{start}");
    ensure!(!start.contains("http"), "{start}");
    Ok(())
}

/// What the page loads.
fn references(page: &str) -> Vec<&str> {
    ["href=\"", "src=\""]
        .iter()
        .flat_map(|begin| page.split(begin).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}
