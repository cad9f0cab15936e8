//! A connection that is made and closed.

use super::{Question, addresses, within};
use crate::connect::connect;
use model::Status;
use model::check::Outcome;

pub(super) async fn check(question: Question<'_>) -> Result<Outcome, String> {
    within(question.time, async {
        let addresses = addresses(question.target, None).await?;
        let connected = connect(&addresses).await;
        let connection = connected.map_err(|error| error.to_string())?;
        let (address, took) = (connection.address, connection.begun.elapsed());
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
