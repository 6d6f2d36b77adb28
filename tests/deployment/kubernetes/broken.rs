//! One object broken at a time, and the rule that notices.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{findings, objects};
use crate::files::set;

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
