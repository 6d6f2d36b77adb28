//! The header `Idempotency-Key`
//! ([draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/))
//! and what "the same body" means.

use axum::extract::OptionalFromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::problem::{Code, Problem};

/// The request's header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// `true` on an answer that is a stored one.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// 1 to 255 printable ASCII characters, sent quoted or bare.
///
/// Extract `Option<IdempotencyKey>`: `None` without the header, 400 when it is
/// malformed or sent twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header's value. `"a"` and `a` are the same key.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let printable = value.iter().all(|b| (0x20..=0x7e).contains(b));
        let text = std::str::from_utf8(value)
            .ok()
            .filter(|_| printable)?
            .trim();
        let key = match text.strip_prefix('"') {
            None => text.to_owned(),
            Some(quoted) => unquote(quoted.strip_suffix('"')?)?,
        };
        (1..=255).contains(&key.len()).then_some(Self(key))
    }

    /// The key, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A string of [RFC 8941](https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3):
/// only `"` and `\` are escaped, and always.
fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => return None,
            '\\' => key.push(chars.next().filter(|next| matches!(next, '"' | '\\'))?),
            _ => key.push(char),
        }
    }
    Some(key)
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let refuse = |detail| Problem::header(Code::MalformedHeader, "Idempotency-Key", detail);
        let mut values = parts.headers.get_all(&HEADER).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(refuse("was sent more than once")),
            (Some(value), None) => Self::parse(value.as_bytes())
                .map(Some)
                .ok_or_else(|| refuse("must be 1 to 255 printable ASCII characters")),
        }
    }
}

impl IntoParams for IdempotencyKey {
    // Without an example value: the page under `/docs` would send it each time,
    // and every request after the first would be a repeat.
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[ -~]+$"));
        let header = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "A name for this request, new for each one that is meant: a UUID, say. A repeat with \
                 the same key and the same body is answered with the stored answer and \
                 `Idempotent-Replayed: true`, and has no further effect; with another body it is \
                 refused with 422. Keys belong to a user and an operation and are kept for 24 hours. \
                 Refused requests are not stored. 1 to 255 printable ASCII characters, quoted or bare.",
            ))
            .schema(Some(schema));
        vec![header.build()]
    }
}

/// What identifies a request's content: its route and its body *as parsed*, so
/// that order of fields and white space do not matter. Pass `&()` without a
/// body.
///
/// # Errors
/// 500 when the body cannot be written as JSON, which is our own fault.
pub fn fingerprint<T: Serialize>(route: &str, body: &T) -> Result<[u8; 32], Problem> {
    let body = serde_json::to_value(body).map_err(|error| Problem::internal(&error))?;
    let mut canonical = String::new();
    write_sorted(&body, &mut canonical);
    let mut hash = Sha256::new();
    // The length keeps ("/a", "b") and ("/ab", "") apart.
    hash.update((route.len() as u64).to_be_bytes());
    hash.update(route.as_bytes());
    hash.update(canonical.as_bytes());
    Ok(hash.finalize().into())
}

/// JSON with sorted names, whatever order the map type keeps.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Array(elements) => {
            out.push('[');
            for element in elements {
                write_sorted(element, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in members {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
                out.push(',');
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        let key = |value: &str| IdempotencyKey::parse(value.as_bytes()).map(|key| key.0);

        assert_eq!(key("abc"), key("\"abc\""));
        assert_eq!(key("\"a\\\"b\\\\\""), Some("a\"b\\".to_owned()));
        assert_eq!(key(&"k".repeat(255)), Some("k".repeat(255)));
        for bad in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "\"a\"b\"",
            "\"a\\n\"",
            "é",
            "a\tb",
            &"k".repeat(256),
        ] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_the_parsed_body_and_the_route() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let of = |route: &str, text: &str| fingerprint(route, &parse(text)).unwrap();

        assert_eq!(
            of("/orders", r#"{"amount":1,"description":"a"}"#),
            of("/orders", r#"{ "description":"\u0061", "amount": 1 }"#)
        );
        let distinct = [
            of("/orders", r#"{"a":1}"#),
            of("/orders", r#"{"a":"1"}"#),
            of("/order", r#"s{"a":1}"#.trim_start_matches('s')),
            of("/orders", r#"{"a":[1,2]}"#),
            of("/orders", r#"{"a":[[1],2]}"#),
            of("/orders", r#"null"#),
        ];
        for (index, one) in distinct.iter().enumerate() {
            assert!(!distinct[..index].contains(one), "{index}");
        }
        assert_eq!(
            fingerprint("/a", &()).unwrap(),
            fingerprint("/a", &json!(null)).unwrap()
        );
    }
}
