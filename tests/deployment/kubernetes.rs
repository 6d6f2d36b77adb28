//! `deploy/kubernetes` keeps to its rules, and the rules notice when it does not.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_service::settings::duration;
use serde_json::{Value, json};

use crate::files::{documents, names, path, set, text};

const BASE: &str = "deploy/kubernetes/base";
const DEMONSTRATION: &str = "deploy/kubernetes/demonstration";
/// How long a cluster's DNS may keep an answer (CoreDNS: 5 s), and the gateway.
const LOOKED_AWAY: Duration = Duration::from_secs(6);

/// What `kustomize build` would put together, without the changes of names.
fn objects() -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for folder in [BASE, DEMONSTRATION] {
        for name in names(&path(folder))? {
            if name != "kustomization.yaml" {
                objects.extend(documents(&format!("{folder}/{name}"))?);
            }
        }
    }
    Ok(objects)
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    let mut same = objects.iter().filter(|object| object["kind"] == kind);
    same.find(|object| object["metadata"]["name"] == name)
}

/// Everything that is wrong.
fn findings(objects: &[Value]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for object in objects {
        let kind = object["kind"].as_str().context("no kind")?;
        if kind == "Deployment" || kind == "StatefulSet" {
            pods(objects, object, &mut found);
        }
        if kind == "Deployment" {
            rolling(objects, object, &mut found);
        }
    }
    wiring(objects, &mut found);
    Ok(found)
}

/// What every pod must be.
fn pods(objects: &[Value], object: &Value, found: &mut Vec<String>) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut must = |what: &str, holds: bool| {
        if !holds {
            found.push(format!("{name}: {what}"));
        }
    };
    let labels = &object["spec"]["template"]["metadata"]["labels"];
    let pod = &object["spec"]["template"]["spec"];
    let security = &pod["securityContext"];
    must(
        "runs as a user",
        security["runAsNonRoot"] == true && security["runAsUser"].as_u64().is_some_and(|id| id > 0),
    );
    must(
        "seccomp",
        security["seccompProfile"]["type"] == "RuntimeDefault",
    );
    must("no token", pod["automountServiceAccountToken"] == false);
    must("no service links", pod["enableServiceLinks"] == false);
    must(
        "selects its own pods",
        &object["spec"]["selector"]["matchLabels"] == labels,
    );
    for container in pod["containers"].as_array().into_iter().flatten() {
        let security = &container["securityContext"];
        must("read-only", security["readOnlyRootFilesystem"] == true);
        must(
            "no privilege escalation",
            security["allowPrivilegeEscalation"] == false,
        );
        must(
            "no capabilities",
            security["capabilities"]["drop"] == json!(["ALL"]),
        );
        let resources = &container["resources"];
        must(
            "requests resources",
            resources["requests"]["cpu"].is_string() && resources["requests"]["memory"].is_string(),
        );
        must("limits memory", resources["limits"]["memory"].is_string());
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            must(probe, container[probe].is_object());
        }
        let image = container["image"].as_str().unwrap_or_default();
        let version = image.split_once(':').map_or("", |(_, version)| version);
        must(
            "image has a version",
            version.starts_with(|first: char| first.is_ascii_digit()),
        );
        for variable in container["env"].as_array().into_iter().flatten() {
            let value = variable["value"].as_str().unwrap_or_default();
            let name = variable["name"].as_str().unwrap_or_default();
            let secret =
                value.contains('@') || (name.contains("PASSWORD") && !name.ends_with("_FILE"));
            must(&format!("{name} stands in the environment"), !secret);
        }
    }
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let Some(secret) = volume["secret"]["secretName"].as_str() else {
            continue;
        };
        let kept = named(objects, "Secret", secret);
        for item in volume["secret"]["items"].as_array().into_iter().flatten() {
            let key = item["key"].as_str().unwrap_or_default();
            let there = kept.is_some_and(|kept| kept["stringData"][key].is_string());
            must(&format!("secret {secret} has {key}"), there);
        }
    }
    let service = named(objects, "Service", name);
    must(
        "has a service",
        service.is_some_and(|service| &service["spec"]["selector"] == labels),
    );
    let closed = objects.iter().any(|policy| {
        policy["kind"] == "NetworkPolicy"
            && policy["spec"]["ingress"].is_null()
            && policy["spec"]["egress"].is_null()
            && matching(&policy["spec"]["podSelector"]["matchLabels"], labels)
    });
    let named_policy = named(objects, "NetworkPolicy", name).is_some();
    must("has a network policy", closed || named_policy);
}

fn matching(selector: &Value, labels: &Value) -> bool {
    let Some(wanted) = selector.as_object() else {
        return false;
    };
    wanted.iter().all(|(name, value)| &labels[name] == value)
}

/// What an update that loses nothing needs.
fn rolling(objects: &[Value], object: &Value, found: &mut Vec<String>) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut must = |what: &str, holds: bool| {
        if !holds {
            found.push(format!("{name}: {what}"));
        }
    };
    let spec = &object["spec"];
    let pod = &spec["template"]["spec"];
    let container = &pod["containers"][0];
    must(
        "more than one",
        spec["replicas"]
            .as_u64()
            .is_some_and(|replicas| replicas >= 2),
    );
    must(
        "none is missing during an update",
        spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0,
    );
    let budget = named(objects, "PodDisruptionBudget", name);
    must(
        "has a disruption budget",
        budget.is_some_and(|budget| {
            budget["spec"]["maxUnavailable"] == 1 && budget["spec"]["selector"] == spec["selector"]
        }),
    );
    // Services are away with their database; the gateway is not away with them.
    let ready = if name == "gateway" {
        "/livez"
    } else {
        "/readyz"
    };
    must(
        "is ready when it can work",
        container["readinessProbe"]["httpGet"]["path"] == ready,
    );
    must(
        "is started again for itself alone",
        container["livenessProbe"]["httpGet"]["path"] == "/livez",
    );

    let settings = named(objects, "ConfigMap", "gozon").map_or(&Value::Null, |map| &map["data"]);
    let time = |variable: &str| {
        let text = settings[variable].as_str().unwrap_or_default();
        duration(text).unwrap_or(Duration::ZERO)
    };
    let (delay, drain) = (time("GOZON_SHUTDOWN_DELAY"), time("GOZON_DRAIN_TIMEOUT"));
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap_or(0);
    must("is asked until all have looked away", delay > LOOKED_AWAY);
    must("has time to finish after that", drain >= delay * 2);
    must(
        "is not killed while it drains",
        Duration::from_secs(grace) > drain + Duration::from_secs(5),
    );
    must(
        "reads the settings",
        container["envFrom"][0]["configMapRef"]["name"] == "gozon",
    );
}

/// What names what.
fn wiring(objects: &[Value], found: &mut Vec<String>) {
    let mut must = |what: String, holds: bool| {
        if !holds {
            found.push(what);
        }
    };
    let settings = text("README.md").unwrap_or_default();
    let map = named(objects, "ConfigMap", "gozon").map_or(&Value::Null, |map| &map["data"]);
    for variable in map.as_object().into_iter().flat_map(|map| map.keys()) {
        must(
            format!("{variable} is a setting"),
            settings.contains(&format!("| `{variable}` |")),
        );
    }
    for (name, port) in [("orders", 8001), ("payments", 8002)] {
        let service = named(objects, "Service", name).unwrap_or(&Value::Null);
        must(
            format!("{name} names every instance"),
            service["spec"]["clusterIP"] == "None",
        );
        must(
            format!("{name} listens on {port}"),
            service["spec"]["ports"][0]["port"] == port,
        );
        let gateway = named(objects, "Deployment", "gateway").unwrap_or(&Value::Null);
        let variable = json!({
            "name": format!("GOZON_{}_URL", name.to_uppercase()),
            "value": format!("http://{name}:{port}"),
        });
        let environment = gateway["spec"]["template"]["spec"]["containers"][0]["env"].as_array();
        must(
            format!("the gateway finds {name}"),
            environment.is_some_and(|environment| environment.contains(&variable)),
        );
    }
    let ingress = named(objects, "Ingress", "gozon").unwrap_or(&Value::Null);
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    let service = named(
        objects,
        "Service",
        backend["name"].as_str().unwrap_or_default(),
    );
    let ports = service.and_then(|service| service["spec"]["ports"].as_array());
    must(
        "the ingress leads to a port of the gateway".to_owned(),
        ports.is_some_and(|ports| {
            ports
                .iter()
                .any(|port| port["name"] == backend["port"]["name"])
        }),
    );
}

#[test]
fn every_object_keeps_to_the_rules() -> Result<()> {
    let found = findings(&objects()?)?;

    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

#[test]
fn every_file_is_part_of_what_kustomize_builds() -> Result<()> {
    for folder in [BASE, DEMONSTRATION] {
        let kustomization = documents(&format!("{folder}/kustomization.yaml"))?;
        let listed = kustomization[0]["resources"].as_array().context("none")?;
        let mut listed: Vec<_> = listed.iter().filter_map(Value::as_str).collect();
        listed.retain(|name| *name != "../base");
        listed.push("kustomization.yaml");
        listed.sort_unstable();
        ensure!(names(&path(folder))? == listed, "{folder}: {listed:?}");
    }
    Ok(())
}

#[test]
fn every_rule_notices_what_breaks_it() -> Result<()> {
    let good = objects()?;
    const POD: &str = "/spec/template/spec";
    const FIRST: &str = "/spec/template/spec/containers/0";
    for (kind, name, path, value, expected) in [
        (
            "Deployment",
            "orders",
            format!("{POD}/securityContext/runAsNonRoot"),
            json!(false),
            "as a user",
        ),
        (
            "StatefulSet",
            "rabbitmq",
            format!("{POD}/securityContext/runAsUser"),
            json!(0),
            "as a user",
        ),
        (
            "Deployment",
            "gateway",
            format!("{POD}/securityContext/seccompProfile"),
            Value::Null,
            "seccomp",
        ),
        (
            "Deployment",
            "gateway",
            format!("{POD}/automountServiceAccountToken"),
            Value::Null,
            "token",
        ),
        (
            "Deployment",
            "payments",
            format!("{POD}/enableServiceLinks"),
            json!(true),
            "links",
        ),
        (
            "StatefulSet",
            "orders-db",
            format!("{FIRST}/securityContext/readOnlyRootFilesystem"),
            json!(false),
            "read-only",
        ),
        (
            "Deployment",
            "orders",
            format!("{FIRST}/securityContext/allowPrivilegeEscalation"),
            json!(true),
            "escalation",
        ),
        (
            "Deployment",
            "orders",
            format!("{FIRST}/securityContext/capabilities"),
            Value::Null,
            "capabilities",
        ),
        (
            "Deployment",
            "orders",
            format!("{FIRST}/resources/requests"),
            Value::Null,
            "requests",
        ),
        (
            "StatefulSet",
            "rabbitmq",
            format!("{FIRST}/resources/limits"),
            Value::Null,
            "limits",
        ),
        (
            "Deployment",
            "payments",
            format!("{FIRST}/startupProbe"),
            Value::Null,
            "startupProbe",
        ),
        (
            "StatefulSet",
            "payments-db",
            format!("{FIRST}/readinessProbe"),
            Value::Null,
            "readinessProbe",
        ),
        (
            "StatefulSet",
            "payments-db",
            format!("{FIRST}/livenessProbe"),
            Value::Null,
            "livenessProbe",
        ),
        (
            "StatefulSet",
            "payments-db",
            format!("{FIRST}/image"),
            json!("postgres:latest"),
            "version",
        ),
        (
            "Deployment",
            "orders",
            format!("{FIRST}/env"),
            json!([{"name": "DATABASE_URL", "value": "postgres://a:b@c/d"}]),
            "DATABASE_URL stands",
        ),
        (
            "StatefulSet",
            "orders-db",
            format!("{FIRST}/env"),
            json!([{"name": "POSTGRES_PASSWORD", "value": "a"}]),
            "POSTGRES_PASSWORD stands",
        ),
        (
            "Secret",
            "gozon",
            "/stringData/amqp-url".to_owned(),
            Value::Null,
            "secret gozon has amqp-url",
        ),
        (
            "Service",
            "payments-db",
            "/spec/selector".to_owned(),
            json!({"a": "b"}),
            "has a service",
        ),
        (
            "NetworkPolicy",
            "rabbitmq",
            "/metadata/name".to_owned(),
            json!("other"),
            "network policy",
        ),
        (
            "Deployment",
            "orders",
            "/spec/replicas".to_owned(),
            json!(1),
            "more than one",
        ),
        (
            "Deployment",
            "gateway",
            "/spec/strategy/rollingUpdate/maxUnavailable".to_owned(),
            json!("25%"),
            "none is missing",
        ),
        (
            "PodDisruptionBudget",
            "orders",
            "/spec/maxUnavailable".to_owned(),
            json!(3),
            "disruption budget",
        ),
        (
            "Deployment",
            "orders",
            format!("{FIRST}/readinessProbe/httpGet/path"),
            json!("/livez"),
            "ready when it can work",
        ),
        (
            "Deployment",
            "gateway",
            format!("{FIRST}/readinessProbe/httpGet/path"),
            json!("/readyz"),
            "ready when it can work",
        ),
        (
            "Deployment",
            "payments",
            format!("{FIRST}/livenessProbe/httpGet/path"),
            json!("/readyz"),
            "for itself alone",
        ),
        (
            "ConfigMap",
            "gozon",
            "/data/GOZON_SHUTDOWN_DELAY".to_owned(),
            json!("0s"),
            "looked away",
        ),
        (
            "ConfigMap",
            "gozon",
            "/data/GOZON_DRAIN_TIMEOUT".to_owned(),
            json!("12s"),
            "time to finish",
        ),
        (
            "Deployment",
            "orders",
            format!("{POD}/terminationGracePeriodSeconds"),
            json!(30),
            "not killed",
        ),
        (
            "Deployment",
            "orders",
            format!("{FIRST}/envFrom"),
            Value::Null,
            "reads the settings",
        ),
        (
            "ConfigMap",
            "gozon",
            "/data/GOZON_CURENCY".to_owned(),
            json!("EUR"),
            "is a setting",
        ),
        (
            "Service",
            "orders",
            "/spec/clusterIP".to_owned(),
            Value::Null,
            "every instance",
        ),
        (
            "Service",
            "payments",
            "/spec/ports/0/port".to_owned(),
            json!(80),
            "listens on 8002",
        ),
        (
            "Deployment",
            "gateway",
            format!("{FIRST}/env/0/value"),
            json!("http://order:8001"),
            "finds orders",
        ),
        (
            "Ingress",
            "gozon",
            "/spec/rules/0/http/paths/0/backend/service/port/name".to_owned(),
            json!("web"),
            "the ingress leads",
        ),
    ] {
        let mut broken = good.clone();
        let object = broken
            .iter_mut()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        set(
            object.with_context(|| format!("no {kind} {name}"))?,
            &path,
            value,
        );

        let found = findings(&broken)?;

        ensure!(
            !found.is_empty() && found.iter().all(|found| found.contains(expected)),
            "{kind} {name}{path}: {found:#?}"
        );
    }
    Ok(())
}
