//! `/openapi.json` and `/docs`: the contract, and a page to try it on. The page
//! is part of the binary; nothing is downloaded.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::Config;

use crate::{Code, Problem};

/// The security scheme that routes name: `security(("user_id" = []))`.
pub const USER_ID: &str = "user_id";

/// A document with the parts that all services share: the security scheme
/// [`USER_ID`] and the schema of a problem. Build on it with
/// `utoipa_axum::router::OpenApiRouter::with_openapi`.
pub fn base(title: &str, version: &str, description: &str) -> OpenApi {
    let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "X-User-Id",
        "Who you are: 1 to 64 letters, digits, dots, underscores or hyphens. Any name will do, and \
         whoever writes it is that user: this is the identity of a demonstration.",
    )));
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title(title)
                .version(version)
                .description(Some(description))
                .build(),
        )
        .components(Some(
            ComponentsBuilder::new()
                .schemas_from_iter(schemas)
                .security_scheme(USER_ID, scheme)
                .build(),
        ))
        .build()
}

/// Says what each group of operations is about: its tag and a sentence.
#[must_use]
pub fn with_tags(mut document: OpenApi, tags: &[(&str, &str)]) -> OpenApi {
    let tags = tags.iter().map(|(name, about)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*about))
            .build()
    });
    document.tags = Some(tags.collect());
    document
}

/// Puts the paths and components of `others` into `into`, whose title stays.
pub fn merge(mut into: OpenApi, others: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    for other in others {
        into.merge(other);
    }
    into
}

/// Serves one document.
pub fn routes(document: OpenApi) -> Router {
    let document = Arc::new(document);
    routes_from(move || {
        let document = OpenApi::clone(&document);
        async move { Ok(document) }
    })
}

/// Serves a document that is made when it is asked for, such as the gateway's,
/// which asks the services for theirs.
pub fn routes_from<F, W>(document: F) -> Router
where
    F: Fn() -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Result<OpenApi, Problem>> + Send + 'static,
{
    let json = get(async move || {
        let text = document().await?.to_json();
        let text = text.map_err(|error| Problem::internal(&error))?;
        Ok::<_, Problem>(([(CONTENT_TYPE, "application/json")], text))
    });
    Router::new()
        .route("/openapi.json", json)
        // Relative, so that it holds behind a gateway that adds a prefix.
        .route("/docs", get(|| redirect("docs/")))
        .route("/docs/", get(|| page("index.html".to_owned())))
        .route("/docs/{*file}", get(|Path(file): Path<String>| page(file)))
}

async fn redirect(to: &'static str) -> (StatusCode, [(HeaderName, &'static str); 1]) {
    (StatusCode::SEE_OTHER, [(LOCATION, to)])
}

async fn page(file: String) -> Response {
    // Without `none` the page would show a badge from validator.swagger.io.
    let config = Config::from("../openapi.json")
        .try_it_out_enabled(true)
        .validator_url("none");
    match utoipa_swagger_ui::serve(&file, Arc::new(config)) {
        Ok(Some(found)) => {
            let bytes = match file.as_str() {
                "index.html" => adapted(&found.bytes, TITLES),
                "swagger-initializer.js" => adapted(&found.bytes, SIGNED_IN),
                _ => found.bytes.into_owned(),
            };
            ([(CONTENT_TYPE, found.content_type)], bytes).into_response()
        }
        Ok(None) => Problem::new(Code::NotFound, "there is no such page").into_response(),
        Err(error) => Problem::internal(error.as_ref()).into_response(),
    }
}

const TITLES: [&str; 2] = ["<title>Swagger UI</title>", "<title>Gozon: the API</title>"];

/// Every operation asks for a user, so the page begins as one: what a reader
/// tries out first then works. *Authorize* makes them somebody else.
const SIGNED_IN: [&str; 2] = [
    "    presets: [",
    "    onComplete: () => window.ui.preauthorizeApiKey(\"user_id\", \"1\"),\n    presets: [",
];

/// The page's own file with one thing exchanged.
fn adapted(file: &[u8], [from, to]: [&str; 2]) -> Vec<u8> {
    String::from_utf8_lossy(file).replacen(from, to, 1).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_exchanged_in_the_page_is_there() {
        for (file, [_, to]) in [
            ("index.html", TITLES),
            ("swagger-initializer.js", SIGNED_IN),
        ] {
            let response = page(file.to_owned()).await;
            let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            assert!(text.contains(to), "{file}: {text}");
        }
    }
}
