//! What the gateway adds to the services' contract: its own refusals.

use gozon_service::Code;
use gozon_service::problem::refusals_by_status;
use serde_json::{Map, Value};

/// Any request may find its service gone, or slow.
const OF_EVERY_CALL: [Code; 2] = [Code::BadGateway, Code::GatewayTimeout];
/// A WebSocket may also be asked for by a web page that may not.
const OF_A_SOCKET: [Code; 1] = [Code::OriginRefused];

/// Adds them to every operation of the merged document; what a service says
/// about a status stays.
pub(crate) fn add_own_refusals(document: &mut Value) {
    let every_call = documented(&OF_EVERY_CALL);
    let socket = documented(&OF_A_SOCKET);
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (_, item) in paths.into_iter().flatten() {
        for operation in item.as_object_mut().into_iter().flatten() {
            let responses = operation.1.get_mut("responses");
            let Some(responses) = responses.and_then(Value::as_object_mut) else {
                continue;
            };
            let is_socket = responses.contains_key("101");
            let own = every_call.iter().chain(socket.iter().filter(|_| is_socket));
            for (status, response) in own {
                responses
                    .entry(status.clone())
                    .or_insert_with(|| response.clone());
            }
        }
    }
}

fn documented(codes: &[Code]) -> Map<String, Value> {
    match serde_json::to_value(refusals_by_status(codes)) {
        Ok(Value::Object(responses)) => responses,
        // Documentation without them is better than none.
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_operation_gets_them_and_a_socket_one_more() {
        let mut document = json!({"paths": {
            "/orders": {"post": {"responses": {"201": {}, "504": "the service's own"}}},
            "/ws": {"get": {"responses": {"101": {}}}},
            "/odd": {"parameters": []},
        }});

        add_own_refusals(&mut document);

        let of = |path: &str, method: &str| document["paths"][path][method]["responses"].clone();
        let statuses = |responses: Value| {
            responses
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(statuses(of("/orders", "post")), ["201", "502", "504"]);
        assert_eq!(of("/orders", "post")["504"], "the service's own");
        assert_eq!(statuses(of("/ws", "get")), ["101", "403", "502", "504"]);
    }
}
