//! Refusals in an OpenAPI document: each status with the codes that come with
//! it, what they mean, and an example of each.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::{Code, MEDIA_TYPE};

/// The responses of an operation that is refused with `codes`, by status.
///
/// [`refusals!`](crate::refusals) makes a type of such a list, which
/// `#[utoipa::path(responses(…))]` takes.
pub fn refusals_by_status(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let status = code.status().as_str().to_owned();
        by_status.entry(status).or_default().push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status, RefOr::T(refused(&codes))))
        .collect()
}

fn refused(codes: &[Code]) -> Response {
    let lines: Vec<String> = codes.iter().map(|code| line(*code)).collect();
    let examples = codes.iter().map(|code| {
        let value: Option<Value> = serde_json::from_slice(&code.example().to_json()).ok();
        let example = ExampleBuilder::new().summary(code.title()).value(value);
        (code.as_str(), example.build())
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new()
        .description(lines.join("\n"))
        .content(MEDIA_TYPE, content)
        .build()
}

/// One item of a list in Markdown. The page itself says what helps.
fn line(code: Code) -> String {
    let meaning = code.meaning().split_whitespace().collect::<Vec<_>>();
    format!(
        "- [`{}`]({}): {}",
        code.as_str(),
        code.type_uri(),
        meaning.join(" ")
    )
}

/// Declares a type whose documented responses are refusals with these codes,
/// for `#[utoipa::path(responses((status = 200, …), ThisType))]`. What can
/// happen to every request (`internal`, `unavailable`, `timed_out`) is added.
///
/// ```
/// gozon_service::refusals! {
///     /// How looking at a parcel is refused.
///     pub(crate) ParcelRefused: IdentityRequired, NotFound;
/// }
/// ```
#[macro_export]
macro_rules! refusals {
    ($($(#[$doc:meta])* $visibility:vis $name:ident: $($code:ident),+ $(,)?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        $visibility struct $name;

        impl ::utoipa::IntoResponses for $name {
            fn responses() -> ::std::collections::BTreeMap<
                ::std::string::String,
                ::utoipa::openapi::RefOr<::utoipa::openapi::Response>,
            > {
                $crate::problem::refusals_by_status(&[
                    $($crate::Code::$code,)+
                    $crate::Code::Internal,
                    $crate::Code::Unavailable,
                    $crate::Code::TimedOut,
                ])
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_status_share_a_response_with_an_example_each() {
        let responses = refusals_by_status(&[
            Code::InvalidBody,
            Code::IdentityRequired,
            Code::IdempotencyKeyReused,
        ]);

        let document = serde_json::to_value(&responses).unwrap();
        assert_eq!(document.as_object().unwrap().len(), 2);
        let media = &document["422"]["content"][MEDIA_TYPE];
        assert_eq!(media["schema"]["$ref"], "#/components/schemas/Problem");
        for code in ["invalid_body", "idempotency_key_reused"] {
            let value = &media["examples"][code]["value"];
            assert_eq!(value["type"], format!("/problems/{code}"));
            assert_eq!(value["status"], 422);
        }
        let text = document["422"]["description"].as_str().unwrap();
        assert!(text.contains("(/problems/invalid_body)"), "{text}");
    }
}
