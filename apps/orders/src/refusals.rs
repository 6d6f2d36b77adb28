//! How each operation may be refused, for the document.

gozon_service::refusals! {
    /// `POST /orders`.
    pub(crate) PlaceRefused: MalformedBody, MalformedHeader, IdentityRequired, RequestInProgress,
        BodyTooLarge, UnsupportedMediaType, InvalidBody, IdempotencyKeyReused;
    /// `GET /orders`.
    pub(crate) ListRefused: MalformedQuery, MalformedHeader, IdentityRequired;
    /// `GET /orders/{id}` and its journey.
    pub(crate) FindRefused: MalformedId, MalformedHeader, IdentityRequired, OrderNotFound;
    /// `GET /orders/{id}/ws`.
    pub(crate) WatchOneRefused: WebsocketRequired, MalformedId, MalformedQuery, MalformedHeader,
        IdentityRequired, OriginRefused, OrderNotFound, TooManyRequests;
    /// `GET /ws`.
    pub(crate) WatchAllRefused: WebsocketRequired, MalformedQuery, MalformedHeader,
        IdentityRequired, OriginRefused, TooManyRequests;
}
