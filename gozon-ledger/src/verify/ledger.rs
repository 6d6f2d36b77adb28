use super::source::InDatabase;
use super::steps::slice;
use super::{VerifyBudget, VerifyCursor, VerifySlice};
use crate::audit::Report;
use crate::{Ledger, LedgerDatabase, LedgerError, metrics};

impl<D: LedgerDatabase> Ledger<D> {
    /// Checks everything against everything: per asset, debits equal credits;
    /// every transfer balances and is what was asked for; every account's
    /// entries are gapless, add up to its counters, carry the right running
    /// balance and rising times; so do the reservations of holds, and what is
    /// listed as open is; no hold is resolved twice, and no more taken back than
    /// was moved; no limit is broken, a closed account is empty; no entry strays.
    ///
    /// Runs beside traffic, holds no lock, and reads the whole ledger. Where
    /// that is too much at once: [`Ledger::verify_some`].
    ///
    /// # Errors
    /// When the database fails. What is wrong with the books is no error but a
    /// finding in the report.
    #[tracing::instrument(name = "ledger.verify", skip_all)]
    pub async fn verify(&self) -> Result<Report, LedgerError> {
        let all = self.slice(VerifyCursor::default(), VerifyBudget::WHOLE);
        let report = all.await?.report;
        let findings = u32::try_from(report.findings.len()).unwrap_or(u32::MAX);
        ::metrics::gauge!(metrics::FINDINGS).set(f64::from(findings));
        Ok(report)
    }

    /// Does a part of [`Ledger::verify`], from `cursor` on, and says where the
    /// next part goes on. All slices of a round together find what a whole run
    /// finds, also beside traffic: a slice judges only what cannot look wrong by
    /// being read at different moments. What is posted behind the cursor is for
    /// the next round.
    ///
    /// # Errors
    /// When the database fails; the same cursor goes on where it was.
    #[tracing::instrument(name = "ledger.verify_some", skip_all)]
    pub async fn verify_some(
        &self,
        cursor: VerifyCursor,
        budget: VerifyBudget,
    ) -> Result<VerifySlice, LedgerError> {
        self.slice(cursor, budget).await
    }

    async fn slice(
        &self,
        cursor: VerifyCursor,
        budget: VerifyBudget,
    ) -> Result<VerifySlice, LedgerError> {
        let mut reader = self.reader().await?;
        let mut source = InDatabase::<D::Tx> {
            store: self.store.as_ref(),
            connection: &mut reader,
        };
        slice(&mut source, cursor, budget, &self.config).await
    }
}
