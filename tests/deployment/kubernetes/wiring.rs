//! What names what.

use serde_json::{Value, json};

use super::named;
use crate::files::text;

pub(super) fn check(objects: &[Value], found: &mut Vec<String>) {
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
