//! `GET /problems/{code}`: the page that a problem's `type` points to.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;

use super::{Code, Problem};

pub(crate) fn pages() -> Router {
    Router::new()
        .route("/problems", get(list))
        .route("/problems/{code}", get(page))
}

async fn list() -> String {
    Code::ALL.iter().fold(String::new(), |mut text, code| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{} {}", code.status().as_u16(), code.as_str());
        text
    })
}

async fn page(Path(name): Path<String>) -> Result<String, Problem> {
    let code = Code::ALL.iter().find(|code| code.as_str() == name);
    let code = code.ok_or_else(|| Problem::new(Code::NotFound, "there is no such problem"))?;
    Ok(format!(
        "{} ({})\n\n{}\n",
        code.title(),
        code.status().as_u16(),
        code.meaning().trim()
    ))
}
