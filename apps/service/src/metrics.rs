//! The metrics of HTTP.

/// Requests answered. Labels `service`, `method`, `route` (the pattern, or
/// `unmatched`) and `status`.
pub(crate) const REQUESTS: &str = "gozon_http_requests_total";
/// From reading the head to having the answer's head. Labels `service`,
/// `method` and `route`.
pub(crate) const DURATION: &str = "gozon_http_request_duration_seconds";
/// Open connections, WebSockets included. Label `service`.
pub(crate) const CONNECTIONS: &str = "gozon_http_connections";
