use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use gozon_tests::http::Client;
use gozon_tests::shop::{Mode, Service, Shop};
use serde_json::Value;

/// Every call of the contract, and the success that it promises.
const CALLS: [(&str, &str, &str); 11] = [
    ("post", "/accounts", "201"),
    ("get", "/accounts", "200"),
    ("post", "/accounts/topup", "200"),
    ("get", "/accounts/balance", "200"),
    ("get", "/accounts/statement", "200"),
    ("post", "/orders", "201"),
    ("get", "/orders", "200"),
    ("get", "/orders/{id}", "200"),
    ("get", "/orders/{id}/journey", "200"),
    ("get", "/orders/{id}/ws", "101"),
    ("get", "/ws", "101"),
];

pub(crate) async fn the_contract_is_whole(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let whole = contract(&shop, Service::Gateway).await?;
    let orders = contract(&shop, Service::Orders).await?;
    let payments = contract(&shop, Service::Payments).await?;

    let calls: BTreeSet<_> = CALLS
        .iter()
        .map(|(method, path, _)| (*method, *path))
        .collect();
    ensure!(operations(&whole) == calls, "{:?}", operations(&whole));
    let parts: BTreeSet<_> = [operations(&orders), operations(&payments)]
        .into_iter()
        .flatten()
        .collect();
    ensure!(parts == calls, "{parts:?}");

    let mut ids = BTreeSet::new();
    for (method, path, success) in CALLS {
        let call = &whole["paths"][path][method];
        ensure!(
            call["responses"][success].is_object(),
            "{method} {path}: {call}"
        );
        ensure!(call["summary"].is_string(), "{method} {path}: {call}");
        ensure!(
            call["security"][0]["user_id"].is_array(),
            "{method} {path}: {call}"
        );
        let id = call["operationId"].as_str().context("no operationId")?;
        ensure!(ids.insert(id), "{id} is used twice");
        refusals_are_problems(call).with_context(|| format!("{method} {path}"))?;
        parameters_are_declared(path, call).with_context(|| format!("{method} {path}"))?;
    }
    for document in [&whole, &orders, &payments] {
        every_reference_resolves(document, document)?;
    }
    Ok(())
}

async fn contract(shop: &Shop, service: Service) -> Result<Value> {
    let client = Client::at(shop.address(service, 0));
    let answer = client.get("/openapi.json").await?.having(200)?;
    ensure!(answer.header("content-type") == Some("application/json"));
    let document = answer.json()?;
    let version = document["openapi"].as_str().unwrap_or_default();
    ensure!(version.starts_with("3."), "{version}");
    for member in ["title", "version"] {
        ensure!(document["info"][member].is_string(), "{}", document["info"]);
    }
    Ok(document)
}

fn operations(document: &Value) -> BTreeSet<(&str, &str)> {
    let paths = document["paths"].as_object();
    paths
        .into_iter()
        .flatten()
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, _)| (method.as_str(), path.as_str()))
        })
        .collect()
}

fn refusals_are_problems(call: &Value) -> Result<()> {
    let responses = call["responses"].as_object().context("no responses")?;
    let refusals = responses
        .iter()
        .filter(|(status, _)| status.starts_with('4'));
    ensure!(
        refusals.clone().any(|(status, _)| status == "401"),
        "{call}"
    );
    for (status, refusal) in refusals {
        let schema = &refusal["content"]["application/problem+json"]["schema"]["$ref"];
        ensure!(
            schema == "#/components/schemas/Problem",
            "{status}: {refusal}"
        );
    }
    Ok(())
}

/// Every parameter of the path is declared and required, as the standard asks.
fn parameters_are_declared(path: &str, call: &Value) -> Result<()> {
    let in_path = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    for name in in_path {
        let declared = call["parameters"].as_array().into_iter().flatten();
        let mut found =
            declared.filter(|parameter| parameter["name"] == name && parameter["in"] == "path");
        let parameter = found
            .next()
            .with_context(|| format!("{name} is not declared"))?;
        ensure!(parameter["required"] == true, "{parameter}");
    }
    Ok(())
}

fn every_reference_resolves(document: &Value, part: &Value) -> Result<()> {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').context("a foreign reference")?;
                document
                    .pointer(pointer)
                    .with_context(|| format!("{reference} leads nowhere"))?;
            }
            members
                .values()
                .try_for_each(|part| every_reference_resolves(document, part))
        }
        Value::Array(parts) => parts
            .iter()
            .try_for_each(|part| every_reference_resolves(document, part)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
