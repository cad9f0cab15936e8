//! A connection that is made and closed.

use super::{Question, addresses, within};
use crate::connect::connect;
use model::Status;
use model::check::Outcome;
use tokio::time::Instant;

pub(super) async fn check(question: Question<'_>) -> Result<Outcome, String> {
    within(question.time, async {
        let asked = Instant::now();
        let addresses = addresses(question.target, None).await?;
        let begun = Instant::now();
        let left = question.time.saturating_sub(begun - asked);
        let connected = connect(&addresses, left).await;
        let (_, address) = connected.map_err(|error| error.to_string())?;
        let took = begun.elapsed();
        Ok(Outcome {
            status: Status::Up,
            detail: format!(
                "{address} took a connection in {:.1} ms",
                took.as_secs_f64() * 1e3
            ),
            duration_secs: Some(took.as_secs_f64()),
            ..Outcome::default()
        })
    })
    .await
}
