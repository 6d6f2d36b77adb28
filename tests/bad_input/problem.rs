use anyhow::{Context, Result, ensure};
use gozon_tests::http::Answer;

/// What part of a request a problem blames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// A field of the body; empty for the whole body.
    Pointer(&'static str),
    Header(&'static str),
    Parameter(&'static str),
    /// There is no part to name: the body is no JSON, the address is wrong.
    Nothing,
}

/// Checks that the answer is a whole problem of the contract: with this
/// status, this code, and the culprit in `errors`.
pub(crate) fn check(answer: &Answer, status: u16, code: &str, culprit: Culprit) -> Result<()> {
    let media_type = answer.header("content-type");
    ensure!(
        answer.status == status && media_type == Some("application/problem+json"),
        "{} {media_type:?}: {}",
        answer.status,
        answer.text()
    );
    let problem = answer.json()?;
    ensure!(problem["status"] == status, "{problem}");
    ensure!(problem["code"] == code, "{problem}");
    ensure!(problem["type"] == format!("/problems/{code}"), "{problem}");
    for member in ["title", "detail"] {
        let text = problem[member].as_str().context(member)?;
        ensure!(!text.is_empty() && !text.contains('\n'), "{problem}");
    }
    let trace = problem["trace_id"].as_str().context("trace_id")?;
    ensure!(trace.len() == 32, "{problem}");
    ensure!(answer.header("x-request-id") == Some(trace), "{problem}");

    let error = match problem["errors"].as_array().map(Vec::as_slice) {
        None => {
            ensure!(culprit == Culprit::Nothing, "names nothing: {problem}");
            return Ok(());
        }
        Some([error]) => error,
        Some(_) => anyhow::bail!("blames several things: {problem}"),
    };
    ensure!(error["detail"].is_string(), "{problem}");
    let (kind, name) = match culprit {
        Culprit::Pointer(pointer) => ("pointer", pointer),
        Culprit::Header(header) => ("header", header),
        Culprit::Parameter(parameter) => ("parameter", parameter),
        Culprit::Nothing => anyhow::bail!("blames something: {problem}"),
    };
    ensure!(error[kind] == name, "{problem}");
    Ok(())
}
