//! Whose turn it is to rank: one works, a few wait, and who asks what was just answered gets that
//! answer.

use crate::problem::{Answer, Problem};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Questions that wait for their turn: each may take as long as a request may.
const WAITING_MAX: usize = 8;
/// Answers that are remembered.
const RECENT_MAX: usize = 32;
/// How long an answer is as good as new: several pages that show the same ask once.
const FRESH: Duration = Duration::from_secs(10);

/// The desk; `T` is an answer.
pub(crate) struct Desk<T> {
    turn: Arc<Semaphore>,
    waiting: Semaphore,
    // Invariant: at most RECENT_MAX, the oldest first.
    recent: Mutex<VecDeque<(String, Instant, Arc<T>)>>,
}

/// What a question gets.
pub(crate) enum Turn<T> {
    /// The answer, from just now.
    Answered(Arc<T>),
    /// Its turn, for as long as this is held.
    Yours(OwnedSemaphorePermit),
}

impl<T> Desk<T> {
    pub(crate) fn new() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            waiting: Semaphore::new(WAITING_MAX),
            recent: Mutex::default(),
        }
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<(String, Instant, Arc<T>)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, question: &str) -> Option<Arc<T>> {
        let recent = self.recent();
        let found = recent
            .iter()
            .find(|(known, at, _)| known == question && at.elapsed() < FRESH);
        found.map(|(_, _, answer)| Arc::clone(answer))
    }

    /// Waits for the turn, or for the answer that another got meanwhile.
    pub(crate) async fn turn(&self, question: &str) -> Answer<Turn<T>> {
        if let Some(answer) = self.known(question) {
            return Ok(Turn::Answered(answer));
        }
        let busy = || {
            Problem::busy(
                "As many rankings wait as may at a time.",
                Duration::from_secs(5),
            )
        };
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.map_err(|_| busy())?;
        Ok(match self.known(question) {
            Some(answer) => Turn::Answered(answer),
            None => Turn::Yours(turn),
        })
    }

    /// Remembers an answer for those who ask the same.
    pub(crate) fn answered(&self, question: String, answer: T) -> Arc<T> {
        let answer = Arc::new(answer);
        let mut recent = self.recent();
        recent.retain(|(known, at, _)| *known != question && at.elapsed() < FRESH);
        while recent.len() >= RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back((question, Instant::now(), Arc::clone(&answer)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_works_and_those_who_ask_the_same_get_its_answer() {
        let desk: Arc<Desk<u32>> = Arc::new(Desk::new());
        let Ok(Turn::Yours(turn)) = desk.turn("a").await else {
            panic!("the first is at work");
        };
        let other = Arc::clone(&desk);
        let waits = tokio::spawn(async move { other.turn("a").await });
        tokio::task::yield_now().await;
        desk.answered("a".to_owned(), 7);
        drop(turn);
        match waits.await.unwrap() {
            Ok(Turn::Answered(answer)) => assert_eq!(*answer, 7),
            _ => panic!("it was answered meanwhile"),
        }
        assert!(matches!(desk.turn("b").await, Ok(Turn::Yours(_))));
    }

    #[tokio::test]
    async fn no_more_wait_than_may() {
        let desk: Arc<Desk<u32>> = Arc::new(Desk::new());
        let turn = desk.turn("a").await;
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|n| {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move { desk.turn(&n.to_string()).await.is_ok() })
            })
            .collect();
        while desk.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(desk.turn("more").await.is_err());
        drop(turn);
        for task in waiting {
            assert!(task.await.unwrap());
        }
    }

    #[test]
    fn answers_are_bounded() {
        let desk = Desk::new();
        for n in 0..2 * RECENT_MAX {
            desk.answered(n.to_string(), n);
        }
        assert_eq!(desk.recent().len(), RECENT_MAX);
        assert!(desk.known("0").is_none());
        assert_eq!(desk.known("63").as_deref(), Some(&63));
    }
}
