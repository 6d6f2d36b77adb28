//! The pages to which the `type` of a problem leads.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use gozon_service::Code;
use gozon_tests::http::{Answer, Client};
use gozon_tests::shop::{Mode, Service, Shop};
use serde_json::Value;

use crate::documented::{calls, document};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_type_of_problem_answers_with_a_page() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let document = document(&shop.client()).await?;
    let mut types = BTreeSet::new();
    for call in calls(&document)? {
        for (status, response) in call.responses()? {
            if status.starts_with(['4', '5']) {
                let found = documented_types(status, response)
                    .with_context(|| format!("{} {status}", call.name()))?;
                types.extend(found);
            }
        }
    }

    ensure!(types.len() > 15, "{types:?}");
    for page in types {
        let answer = shop.client().get(&page).await?.having(200)?;
        is_a_page(&answer).with_context(|| page.clone())?;
        let code = page.rsplit('/').next().unwrap_or_default();
        ensure!(answer.text().contains(code), "{page}: {}", answer.text());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_has_its_page_at_the_gateway_and_at_each_service() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    for service in [Service::Gateway, Service::Orders, Service::Payments] {
        let client = Client::at(shop.address(service, 0));
        let index = client.get("/problems").await?.having(200)?;
        is_a_page(&index)?;
        for code in Code::ALL {
            let (remedy, _) = code.advice();
            let path = code.type_uri();
            let link = format!("href=\"{}\"", path.trim_start_matches('/'));
            ensure!(index.text().contains(&link), "{link}");
            let page = client.get(&path).await?.having(200)?;
            is_a_page(&page)?;
            let text = page.text();
            for part in [code.as_str(), code.title(), &remedy.to_string()] {
                ensure!(text.contains(part), "{path} does not say {part}: {text}");
            }
        }
        let style = client.get("/problems/style.css").await?.having(200)?;
        ensure!(style.header("content-type") == Some("text/css; charset=utf-8"));
        let nothing = client.get("/problems/nothing").await?.having(404)?;
        ensure!(nothing.json()?["code"] == "not_found");
    }
    Ok(())
}

fn is_a_page(answer: &Answer) -> Result<()> {
    ensure!(answer.header("content-type") == Some("text/html; charset=utf-8"));
    let policy = answer
        .header("content-security-policy")
        .context("no policy")?;
    ensure!(
        policy.starts_with("default-src 'none'; style-src 'self';"),
        "{policy}"
    );
    ensure!(!policy.contains("unsafe"), "{policy}");
    Ok(())
}

/// The types among a response's examples, each whole and of this status.
fn documented_types(status: &str, response: &Value) -> Result<Vec<String>> {
    let examples = &response["content"]["application/problem+json"]["examples"];
    let examples = examples.as_object().context("no examples")?;
    ensure!(!examples.is_empty());
    let types = examples.iter().map(|(code, example)| {
        let problem = &example["value"];
        let page = problem["type"].as_str().context("no type")?;
        ensure!(problem["code"] == *code, "{problem}");
        ensure!(
            problem["status"].as_u64() == status.parse().ok(),
            "{problem}"
        );
        for member in ["title", "detail", "trace_id"] {
            ensure!(problem[member].is_string(), "{problem}");
        }
        Ok(page.to_owned())
    });
    types.collect()
}
