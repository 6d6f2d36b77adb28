//! `?limit=&cursor=` and the `Link` to the next page.

use std::borrow::Cow;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::header::{HeaderName, LINK};
use axum::http::request::Parts;
use utoipa::IntoParams;

use crate::problem::{Code, Problem};

/// One page of a list. As an extractor: 400 naming a parameter that is
/// malformed, unknown or repeated.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Entries at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: u32,
    /// Where the page before ended; taken from its `Link`.
    #[param(required = false)]
    pub cursor: Option<String>,
}

impl Page {
    /// The cursor as the list's own type.
    ///
    /// # Errors
    /// 400 naming `cursor`.
    pub fn cursor_as<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.cursor
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|_| Problem::query("cursor", "is not one that a Link header gave"))
    }

    /// The header that leads to the page after this one: relative, so that it
    /// holds behind any gateway. `cursor` is of URL-safe characters, such as an
    /// id or a number.
    ///
    /// # Errors
    /// 500 when it is not.
    pub fn next(
        &self,
        path: &str,
        cursor: impl std::fmt::Display,
    ) -> Result<[(HeaderName, HeaderValue); 1], Problem> {
        let limit = self.limit;
        let link = format!("<{path}?limit={limit}&cursor={cursor}>; rel=\"next\"");
        let link = HeaderValue::from_str(&link).map_err(|error| Problem::internal(&error))?;
        Ok([(LINK, link)])
    }

    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let (mut limit, mut cursor) = (None, None);
        for (name, value) in query_pairs(query) {
            let slot = match name.as_ref() {
                "limit" => &mut limit,
                "cursor" => &mut cursor,
                _ => {
                    let name: String = name.chars().take(100).collect();
                    return Err(Problem::query(
                        name,
                        "is not known; known are limit, cursor",
                    ));
                }
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(Problem::query(name, "was sent more than once"));
            }
        }
        let limit = match limit {
            None => 50,
            // `+5` parses as a number, but `+` is a space in a query.
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=100).contains(limit) && !text.starts_with('+'))
                .ok_or_else(|| Problem::query("limit", "must be an integer from 1 to 100"))?,
        };
        if cursor
            .as_ref()
            .is_some_and(|cursor| !(1..=128).contains(&cursor.len()))
        {
            return Err(Problem::query(
                "cursor",
                "is not one that a Link header gave",
            ));
        }
        Ok(Self { limit, cursor })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query();
        if query.is_some_and(|query| query.len() > 4096) {
            return Err(Problem::new(Code::MalformedQuery, "the query is too long"));
        }
        Self::parse(query)
    }
}

/// The decoded names and values of a query.
pub(crate) fn query_pairs(
    query: Option<&str>,
) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_limit_and_may_have_a_cursor() {
        let page = Page::parse(Some("cursor=17&limit=2")).unwrap();

        assert_eq!(page.limit, 2);
        assert_eq!(page.cursor_as::<i64>().unwrap(), Some(17));
        assert_eq!(
            page.next("/orders", 15).unwrap()[0].1,
            "</orders?limit=2&cursor=15>; rel=\"next\""
        );
        assert_eq!(Page::parse(None).unwrap().limit, 50);
    }

    #[test]
    fn a_refused_parameter_is_named() {
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=ten", "limit"),
            ("limit=", "limit"),
            ("limit=1.0", "limit"),
            ("limit=%2B5", "limit"),
            ("limit=1&limit=1", "limit"),
            ("cursor=", "cursor"),
            ("cursor=a&cursor=b", "cursor"),
            ("offset=1", "offset"),
        ] {
            let problem = Page::parse(Some(query)).unwrap_err();

            assert_eq!(problem.code(), Code::MalformedQuery, "{query}");
            let body = String::from_utf8(problem.to_json()).unwrap();
            assert!(
                body.contains(&format!("\"parameter\":\"{name}\"")),
                "{body}"
            );
        }
        let odd = Page::parse(Some("cursor=x")).unwrap();
        assert!(odd.cursor_as::<i64>().is_err());
    }
}
