//! What every pod must be.

use serde_json::{Value, json};

use super::named;

pub(super) fn check(objects: &[Value], object: &Value, found: &mut Vec<String>) {
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
