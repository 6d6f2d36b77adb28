//! How each operation may be refused, for the document.

gozon_service::refusals! {
    /// `POST /accounts`.
    pub(crate) OpenRefused: MalformedBody, MalformedHeader, IdentityRequired, AccountExists,
        RequestInProgress, BodyTooLarge, UnsupportedMediaType, InvalidBody, IdempotencyKeyReused;
    /// `POST /accounts/topup`.
    pub(crate) TopUpRefused: MalformedBody, MalformedHeader, IdentityRequired, AccountNotFound,
        RequestInProgress, BodyTooLarge, UnsupportedMediaType, InvalidBody, IdempotencyKeyReused,
        BalanceLimitExceeded;
    /// `GET /accounts`.
    pub(crate) AccountsRefused: MalformedHeader, IdentityRequired;
    /// `GET /accounts/balance`.
    pub(crate) BalanceRefused: MalformedHeader, IdentityRequired, AccountNotFound;
    /// `GET /accounts/statement`.
    pub(crate) StatementRefused: MalformedQuery, MalformedHeader, IdentityRequired,
        AccountNotFound;
}
