//! What was wrong with a device's answers, counted.

use std::collections::BTreeMap;

/// A kind of defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// An answer that is not BER, or whose lengths lie.
    MalformedAnswer,
    /// A value encoded against the rules that could still be read (a string clamped to its
    /// enclosure, a number cut to 32 bits).
    LaxEncoding,
    /// An answer with an id that nobody waits for: late, repeated, or to another request.
    AnswerToAnotherRequest,
    /// An answer from an address that was not asked.
    AnswerFromElsewhere,
    /// An object in an answer that was not asked for.
    UnaskedObject,
    /// Fewer objects in an answer than were asked for.
    MissingObject,
    /// A successor that does not come after what it succeeds: a table out of order, a row that comes
    /// twice, or a circle.
    OidNotIncreasing,
    /// A value of another type than its object has.
    WrongType,
    /// A value of the right type that cannot be: a speed, a count, a length, a NaN.
    AbsurdValue,
    /// An index that does not fit its table.
    WrongIndex,
    /// A table that went on past the bound on rows.
    TooManyRows,
    /// A walk that outlasted the bound on its time.
    TooSlow,
    /// The agent answered that it failed (genErr and its like).
    AgentError,
}

impl Defect {
    /// Its name in metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::MalformedAnswer => "malformed_answer",
            Self::LaxEncoding => "lax_encoding",
            Self::AnswerToAnotherRequest => "answer_to_another_request",
            Self::AnswerFromElsewhere => "answer_from_elsewhere",
            Self::UnaskedObject => "unasked_object",
            Self::MissingObject => "missing_object",
            Self::OidNotIncreasing => "oid_not_increasing",
            Self::WrongType => "wrong_type",
            Self::AbsurdValue => "absurd_value",
            Self::WrongIndex => "wrong_index",
            Self::TooManyRows => "too_many_rows",
            Self::TooSlow => "too_slow",
            Self::AgentError => "agent_error",
        }
    }
}

/// Defects by kind, and how often each was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defects(BTreeMap<Defect, u64>);

impl Defects {
    /// Counts one.
    pub fn add(&mut self, defect: Defect) {
        self.add_many(defect, 1);
    }
    /// Counts several; none leaves no trace.
    pub fn add_many(&mut self, defect: Defect, count: u64) {
        if count > 0 {
            let known = self.0.entry(defect).or_default();
            *known = known.saturating_add(count);
        }
    }
    /// Counts all of another's.
    pub fn merge(&mut self, other: &Self) {
        for (&defect, &count) in &other.0 {
            self.add_many(defect, count);
        }
    }
    /// How often a kind was met.
    pub fn count(&self, defect: Defect) -> u64 {
        self.0.get(&defect).copied().unwrap_or(0)
    }
    /// Whether nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Kinds and counts, in the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = (Defect, u64)> + '_ {
        self.0.iter().map(|(&defect, &count)| (defect, count))
    }
    /// By name, as it is shown and stored.
    pub fn by_name(&self) -> BTreeMap<String, u64> {
        self.iter()
            .map(|(defect, count)| (defect.name().to_owned(), count))
            .collect()
    }
}
