//! What an update that loses nothing needs.

use std::time::Duration;

use gozon_service::settings::duration;
use serde_json::Value;

use super::named;

/// How long a cluster's DNS may keep an answer (CoreDNS: 5 s), and the gateway.
const LOOKED_AWAY: Duration = Duration::from_secs(6);

pub(super) fn check(objects: &[Value], object: &Value, found: &mut Vec<String>) {
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
