//! From bytes to a JSON object, with every refusal in its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::problem::{Code, Problem};

/// Reads a JSON object.
///
/// In two steps, because serde_json reports what is no JSON at all and what is
/// JSON that it cannot hold (`1e400`, a lone surrogate, 200 levels) alike: the
/// first step checks the grammar only, the second builds each member's value,
/// so that the member can be named.
pub(super) fn read_object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    let unreadable = |detail: String| Problem::new(Code::MalformedBody, detail);
    let text =
        std::str::from_utf8(bytes).map_err(|_| unreadable("the body is not UTF-8".to_owned()))?;
    if text.trim().is_empty() {
        return Err(unreadable(
            "the body is empty; send a JSON object".to_owned(),
        ));
    }
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| unreadable(format!("the body is not JSON: {error}")))?;
    if !raw.get().trim_start().starts_with('{') {
        return Err(Problem::invalid("", "must be a JSON object"));
    }
    let members: Members<'_> = serde_json::from_str(raw.get())
        .map_err(|_| Problem::invalid("", "has a field whose name cannot be read"))?;
    let mut object = Map::new();
    for (name, raw) in members.0 {
        let pointer = pointer(&name);
        if object.contains_key(&name) {
            return Err(Problem::invalid(pointer, "appears more than once"));
        }
        let value = serde_json::from_str(raw.get())
            .map_err(|error| Problem::invalid(pointer, format!("cannot be read: {error}")))?;
        object.insert(name, value);
    }
    Ok(object)
}

/// A member's JSON Pointer (RFC 6901). Names are the client's, so their length
/// is bounded.
pub(super) fn pointer(name: &str) -> String {
    let name: String = name.chars().take(100).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Name and unread value of each member, repeats included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}
