//! One OpenAPI document out of those of the services.

use serde_json::{Map, Value, json};

/// A service's document, with the name that tells its schemas apart.
pub(crate) struct Part<'a> {
    pub(crate) name: &'a str,
    pub(crate) document: &'a Value,
    /// Which of its paths the gateway passes on.
    pub(crate) passes: fn(&str) -> bool,
}

/// Merges the services' documents into the gateway's own.
///
/// Only paths that the gateway passes on are taken: what the document names
/// exists, and nothing else does. Equal components are kept once; where two
/// services mean different things by one name, the later one gets its service's
/// name in front.
pub(crate) fn merge(mut own: Value, parts: &[Part<'_>]) -> Value {
    for part in parts {
        let mut document = part.document.clone();
        if !document.is_object() {
            continue;
        }
        for kind in component_kinds(&document) {
            for name in clashes(&own, &document, &kind) {
                rename(
                    &mut document,
                    &kind,
                    &name,
                    &format!("{}.{name}", part.name),
                );
            }
        }
        if let Some(Value::Object(components)) = document.get_mut("components").map(Value::take) {
            for (kind, members) in components {
                adopt(&mut own["components"][kind], members, |_| true);
            }
        }
        adopt(&mut own["paths"], document["paths"].take(), part.passes);
        append(&mut own, &mut document, "tags");
    }
    own
}

fn component_kinds(document: &Value) -> Vec<String> {
    let kinds = document.pointer("/components").and_then(Value::as_object);
    kinds
        .map(|kinds| kinds.keys().cloned().collect())
        .unwrap_or_default()
}

/// Names that both documents use for different things.
fn clashes(own: &Value, document: &Value, kind: &str) -> Vec<String> {
    let Some(theirs) = document["components"][kind].as_object() else {
        return Vec::new();
    };
    theirs
        .iter()
        .filter(|(name, theirs)| {
            own["components"][kind]
                .get(name)
                .is_some_and(|ours| ours != *theirs)
        })
        .map(|(name, _)| name.clone())
        .collect()
}

fn rename(document: &mut Value, kind: &str, from: &str, to: &str) {
    let old = format!("#/components/{kind}/{from}");
    let new = format!("#/components/{kind}/{to}");
    redirect(document, &old, &new);
    if let Some(members) = document["components"][kind].as_object_mut()
        && let Some(member) = members.remove(from)
    {
        members.insert(to.to_owned(), member);
    }
}

fn redirect(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if key == "$ref" && value == old {
                    *value = json!(new);
                } else {
                    redirect(value, old, new);
                }
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| redirect(value, old, new)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes over the members that `wanted` names and `own` lacks.
fn adopt(own: &mut Value, theirs: Value, wanted: impl Fn(&str) -> bool) {
    let Value::Object(theirs) = theirs else {
        return;
    };
    if !own.is_object() {
        *own = Value::Object(Map::new());
    }
    let Some(own) = own.as_object_mut() else {
        return;
    };
    for (name, member) in theirs {
        if wanted(&name) {
            own.entry(name).or_insert(member);
        }
    }
}

fn append(own: &mut Value, document: &mut Value, list: &str) {
    let Value::Array(theirs) = document[list].take() else {
        return;
    };
    if !own[list].is_array() {
        own[list] = json!([]);
    }
    let Some(own) = own[list].as_array_mut() else {
        return;
    };
    for member in theirs {
        if !own.iter().any(|ours| ours["name"] == member["name"]) {
            own.push(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_of_the_services_become_one() {
        let own = json!({"openapi": "3.1.0", "paths": {"/livez": {"own": true}}});
        let orders = json!({
            "paths": {"/orders": {"get": {"$ref": "#/components/schemas/Page"}}, "/livez": {"own": false}, "/secret": {}},
            "components": {"schemas": {"Page": {"of": "orders"}, "Problem": {"a": 1}}},
            "tags": [{"name": "orders"}],
        });
        let payments = json!({
            "paths": {"/accounts": {"get": {"$ref": "#/components/schemas/Page"}}},
            "components": {"schemas": {"Page": {"of": "payments"}, "Problem": {"a": 1}}},
            "tags": [{"name": "orders"}, {"name": "accounts"}],
        });

        let merged = merge(
            own,
            &[
                Part {
                    name: "orders",
                    document: &orders,
                    passes: |path| path.starts_with("/orders"),
                },
                Part {
                    name: "payments",
                    document: &payments,
                    passes: |path| path.starts_with("/accounts"),
                },
            ],
        );

        assert_eq!(
            merged,
            json!({
                "openapi": "3.1.0",
                "paths": {
                    "/livez": {"own": true},
                    "/orders": {"get": {"$ref": "#/components/schemas/Page"}},
                    "/accounts": {"get": {"$ref": "#/components/schemas/payments.Page"}},
                },
                "components": {"schemas": {
                    "Page": {"of": "orders"},
                    "payments.Page": {"of": "payments"},
                    "Problem": {"a": 1},
                }},
                "tags": [{"name": "orders"}, {"name": "accounts"}],
            })
        );
    }

    #[test]
    fn a_document_without_paths_or_components_adds_nothing() {
        let own = json!({"openapi": "3.1.0", "paths": {}});

        for odd in [
            json!({}),
            json!(null),
            json!([1]),
            json!({"paths": [], "components": 1}),
        ] {
            let merged = merge(
                own.clone(),
                &[Part {
                    name: "orders",
                    document: &odd,
                    passes: |_| true,
                }],
            );
            assert_eq!(merged["paths"], json!({}), "{odd}");
        }
    }
}
