//! Words that are searched for in what was told: lines of logs, traps.

use crate::problem::{Answer, Kind, Problem};
use store::events::{SEARCH_LEN_MAX, WORDS_MAX};

/// The text of `q`, empty where there is none; refused where it is more than is searched for.
pub(crate) fn text(q: Option<String>) -> Answer<String> {
    let text = q.unwrap_or_default();
    if text.len() > SEARCH_LEN_MAX || text.split_whitespace().count() > WORDS_MAX {
        let detail = format!("at most {WORDS_MAX} words of {SEARCH_LEN_MAX} octets together");
        return Err(Problem::field(Kind::BadQuery, "?q", detail));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_words_than_are_searched_for_are_refused_and_not_left_out() {
        let words = |count: usize| Some("a ".repeat(count));
        assert_eq!(text(None).unwrap(), "");
        assert_eq!(
            text(words(WORDS_MAX)).unwrap().trim().len(),
            WORDS_MAX * 2 - 1
        );
        assert!(text(words(WORDS_MAX + 1)).is_err());
        assert!(text(Some("a".repeat(SEARCH_LEN_MAX))).is_ok());
        assert!(text(Some("a".repeat(SEARCH_LEN_MAX + 1))).is_err());
    }
}
