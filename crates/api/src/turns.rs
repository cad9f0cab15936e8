//! Whose turn it is to look at everything: one works, a few wait, and who asks what was just answered
//! gets that answer. For questions that take a core for seconds where the network is large.

use crate::problem::{Answer, Problem};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Questions that wait for their turn: each may take as long as a request may.
const WAITING_MAX: usize = 8;
/// How long an answer is as good as new: several pages that show the same ask once.
const FRESH: Duration = Duration::from_secs(10);

/// The turns; `T` is an answer.
pub(crate) struct Turns<T> {
    turn: Arc<Semaphore>,
    waiting: Semaphore,
    recent_max: usize,
    // Invariant: at most `recent_max`, the oldest first.
    recent: Mutex<VecDeque<(String, Instant, Arc<T>)>>,
}

/// What a question gets.
pub(crate) enum Turn<T> {
    /// The answer, from just now.
    Answered(Arc<T>),
    /// Its turn, for as long as this is held.
    Yours(OwnedSemaphorePermit),
}

impl<T> Turns<T> {
    /// Remembers so many answers.
    pub(crate) fn new(recent_max: usize) -> Self {
        Self {
            recent_max,
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
                "As many questions of this kind wait as may at a time.",
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
        while recent.len() >= self.recent_max.max(1) {
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
        let turns: Arc<Turns<u32>> = Arc::new(Turns::new(4));
        let Ok(Turn::Yours(turn)) = turns.turn("a").await else {
            panic!("the first is at work");
        };
        let other = Arc::clone(&turns);
        let waits = tokio::spawn(async move { other.turn("a").await });
        tokio::task::yield_now().await;
        turns.answered("a".to_owned(), 7);
        drop(turn);
        match waits.await.unwrap() {
            Ok(Turn::Answered(answer)) => assert_eq!(*answer, 7),
            _ => panic!("it was answered meanwhile"),
        }
        assert!(matches!(turns.turn("b").await, Ok(Turn::Yours(_))));
    }

    #[tokio::test]
    async fn no_more_wait_than_may() {
        let turns: Arc<Turns<u32>> = Arc::new(Turns::new(4));
        let turn = turns.turn("a").await;
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|n| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.turn(&n.to_string()).await.is_ok() })
            })
            .collect();
        while turns.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(turns.turn("more").await.is_err());
        drop(turn);
        for task in waiting {
            assert!(task.await.unwrap());
        }
    }

    #[test]
    fn answers_are_bounded() {
        let turns = Turns::new(4);
        for n in 0..8 {
            turns.answered(n.to_string(), n);
        }
        assert_eq!(turns.recent().len(), 4);
        assert!(turns.known("0").is_none());
        assert_eq!(turns.known("7").as_deref(), Some(&7));
    }
}
