//! Selectors: which series are meant, as `ifHCInOctets{site="x",interface=~"eth.*",role!="lab"}`.
//!
//! A metric, which may be left out, and matchers of labels, all of which must hold. What labels a
//! series has is said in [`super::attached`]; how series are found is in the registry.

use regex::{Regex, RegexBuilder};
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// Longest selector that is read, in octets: sixteen matchers of some length, as in an address of
/// HTTP.
pub const SELECTOR_LEN_MAX: usize = 4_096;

/// Matchers of one selector. Each is a pass over the values of its label.
pub const MATCHERS_MAX: usize = 16;

/// Longest name of a label, in octets.
pub const LABEL_NAME_LEN_MAX: usize = 64;

/// What a regular expression may compile to, in octets: as those of rules. Ordinary ones are a tenth of
/// it. One that is larger is slow as well, and runs over all values of its label while series that are
/// new wait.
const PATTERN_SIZE_MAX: usize = 256 << 10;

/// What a regular expression may remember while it runs, in octets: with less it begins anew too often.
const PATTERN_CACHE_MAX: usize = 1 << 20;

/// Groups within groups of a regular expression.
const PATTERN_NEST_MAX: u32 = 32;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`: the whole value fits the expression.
    Fits,
    /// `!~`: it does not.
    FitsNot,
}

impl Comparison {
    const ALL: [Self; 4] = [Self::Equal, Self::NotEqual, Self::Fits, Self::FitsNot];

    /// As it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Fits => "=~",
            Self::FitsNot => "!~",
        }
    }

    /// Whether it holds where the value does not fit.
    const fn is_negated(self) -> bool {
        matches!(self, Self::NotEqual | Self::FitsNot)
    }
}

/// A label that is compared with a value or an expression.
#[derive(Clone, Debug)]
// Invariant: `pattern` is `text` where the comparison is by expression, and none else.
pub struct Matcher {
    name: Box<str>,
    comparison: Comparison,
    text: Box<str>,
    pattern: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.comparison == other.comparison && self.name == other.name && self.text == other.text
    }
}

impl Matcher {
    /// A matcher. Refused are what is no name of a label and what is no regular expression, or one
    /// that is too large.
    pub fn new(name: &str, comparison: Comparison, text: &str) -> Result<Self, SelectorFault> {
        if !is_name(name) {
            return Err(SelectorFault::Name);
        }
        if text.len() > SELECTOR_LEN_MAX {
            return Err(SelectorFault::TooLong);
        }
        let by_pattern = matches!(comparison, Comparison::Fits | Comparison::FitsNot);
        Ok(Self {
            name: name.into(),
            comparison,
            text: text.into(),
            pattern: by_pattern.then(|| pattern(text)).transpose()?,
        })
    }

    /// Which label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is compared.
    pub fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// What it is compared with: a value, or a regular expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds for a label with these values. A label that is not there has the value `""`;
    /// of several values one must fit, and for `!=` and `!~` none may.
    pub fn holds<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> bool {
        let mut values = values.into_iter().peekable();
        let fits = if values.peek().is_none() {
            self.fits("")
        } else {
            values.any(|value| self.fits(value))
        };
        fits != self.comparison.is_negated()
    }

    /// Whether a value is the one that is written, or fits the expression, also where the matcher
    /// holds for others.
    fn fits(&self, value: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => *self.text == *value,
        }
    }
}

/// An expression that fits whole values.
fn pattern(text: &str) -> Result<Regex, SelectorFault> {
    let build = |text: &str| {
        RegexBuilder::new(text)
            .dot_matches_new_line(true)
            .size_limit(PATTERN_SIZE_MAX)
            .dfa_size_limit(PATTERN_CACHE_MAX)
            .nest_limit(PATTERN_NEST_MAX)
            .build()
    };
    // By itself first: `a)|(b` would be an expression only within the brackets.
    let whole = build(text).and_then(|_| build(&format!(r"\A(?:{text})\z")));
    whole.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => SelectorFault::PatternTooLarge,
        // The last line says what is wrong, those before draw where.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or("it cannot be read");
            SelectorFault::Pattern(last.trim_start_matches("error: ").to_owned())
        }
    })
}

/// Which series are meant.
#[derive(Clone, Debug, Default, PartialEq)]
// Invariant: the metric is a name, there are at most MATCHERS_MAX matchers.
pub struct Selector {
    metric: Option<Box<str>>,
    matchers: Vec<Matcher>,
}

impl Selector {
    /// All series, or those of one metric; [`Selector::with`] narrows it. The name need not be of
    /// a metric that there is.
    pub fn new(metric: Option<&str>) -> Result<Self, SelectorFault> {
        match metric {
            Some(metric) if !is_name(metric) => Err(SelectorFault::Name),
            metric => Ok(Self {
                metric: metric.map(Into::into),
                matchers: Vec::new(),
            }),
        }
    }

    /// This selector with one matcher more.
    pub fn with(mut self, matcher: Matcher) -> Result<Self, SelectorFault> {
        if self.matchers.len() >= MATCHERS_MAX {
            return Err(SelectorFault::TooManyMatchers);
        }
        self.matchers.push(matcher);
        Ok(self)
    }

    /// The name of the metric, where it says one.
    pub fn metric(&self) -> Option<&str> {
        self.metric.as_deref()
    }

    /// What must hold of labels.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }
}

/// What is wrong with a selector, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorFault {
    /// Nothing is selected by nothing.
    #[error("a selector is a metric, as ifHCInOctets, or matchers in braces, as {{site=\"x\"}}")]
    Empty,
    /// [`SELECTOR_LEN_MAX`].
    #[error("it is too long; at most {} octets are taken", SELECTOR_LEN_MAX)]
    TooLong,
    /// No name.
    #[error(
        "a name is expected: letters, digits and _, no digit first, at most {}",
        LABEL_NAME_LEN_MAX
    )]
    Name,
    /// No comparison.
    #[error("one of = != =~ !~ is expected")]
    Comparison,
    /// No value.
    #[error("a value in double quotes is expected")]
    Value,
    /// The value does not end.
    #[error("the value has no closing quote")]
    Unclosed,
    /// Not one of the escapes.
    #[error(r#"after a \ one of \ " n r t is expected; in an expression write \\ for \"#)]
    Escape,
    /// A character that is written as an escape.
    #[error(r"a line feed, carriage return or tab is written as \n, \r or \t")]
    Control,
    /// Neither another matcher nor the end.
    #[error("a comma or a closing brace is expected")]
    NoEnd,
    /// Something is behind the selector.
    #[error("nothing more is expected")]
    Rest,
    /// [`MATCHERS_MAX`].
    #[error("there are too many matchers; at most {} are taken", MATCHERS_MAX)]
    TooManyMatchers,
    /// No regular expression.
    #[error("no regular expression: {0}")]
    Pattern(String),
    /// It would take too much memory.
    #[error("the regular expression is too large")]
    PatternTooLarge,
}

/// A text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {character}: {fault}")]
pub struct SelectorError {
    /// Where, counted in characters from 1.
    pub character: usize,
    /// What is wrong there.
    pub fault: SelectorFault,
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let mut reader = Reader { text, at: 0 };
        reader.selector().map_err(|fault| SelectorError {
            // Faults of what is read are told where it begins.
            character: text.get(..reader.at).unwrap_or("").chars().count() + 1,
            fault,
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric.as_deref().unwrap_or(""))?;
        if self.matchers.is_empty() && self.metric.is_some() {
            return Ok(());
        }
        f.write_char('{')?;
        for (n, matcher) in self.matchers.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            let (name, sign) = (&matcher.name, matcher.comparison.sign());
            write!(f, "{comma}{name}{sign}\"")?;
            for character in matcher.text.chars() {
                match character {
                    '\\' => f.write_str(r"\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str(r"\n")?,
                    '\r' => f.write_str(r"\r")?,
                    '\t' => f.write_str(r"\t")?,
                    other => f.write_char(other)?,
                }
            }
            f.write_char('"')?;
        }
        f.write_char('}')
    }
}

/// Whether a text may be the name of a label or a metric: at most [`LABEL_NAME_LEN_MAX`] letters, digits
/// and `_`, no digit first.
pub fn is_name(text: &str) -> bool {
    let begins = |octet: u8| octet.is_ascii_alphabetic() || octet == b'_';
    text.len() <= LABEL_NAME_LEN_MAX
        && text.bytes().next().is_some_and(begins)
        && text
            .bytes()
            .all(|octet| begins(octet) || octet.is_ascii_digit())
}

/// Reads a selector from left to right.
// Invariant: `at` is on a boundary of characters.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn selector(&mut self) -> Result<Selector, SelectorFault> {
        if self.text.len() > SELECTOR_LEN_MAX {
            return Err(SelectorFault::TooLong);
        }
        self.skip_space();
        let metric = match self.rest().chars().next() {
            None => return Err(SelectorFault::Empty),
            Some('{') => None,
            Some(_) => Some(self.name()?),
        };
        let mut selector = Selector::new(metric)?;
        if self.take("{") {
            while !self.take("}") {
                let matcher = self.matcher()?;
                selector = selector.with(matcher)?;
                self.skip_space();
                if !self.take(",") && !self.rest().starts_with('}') {
                    return Err(SelectorFault::NoEnd);
                }
            }
        }
        self.skip_space();
        if self.rest().is_empty() {
            Ok(selector)
        } else {
            Err(SelectorFault::Rest)
        }
    }

    fn matcher(&mut self) -> Result<Matcher, SelectorFault> {
        self.skip_space();
        let name = self.name()?;
        // The longer signs first: `=` begins `=~`.
        let mut signs = Comparison::ALL.into_iter().rev();
        let comparison = signs.find(|comparison| self.take(comparison.sign()));
        let comparison = comparison.ok_or(SelectorFault::Comparison)?;
        self.skip_space();
        let begin = self.at;
        let text = self.value()?;
        let end = std::mem::replace(&mut self.at, begin);
        let matcher = Matcher::new(name, comparison, &text)?;
        self.at = end;
        Ok(matcher)
    }

    fn name(&mut self) -> Result<&'a str, SelectorFault> {
        let rest = self.rest();
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let len = rest.find(|character: char| !is_part(character));
        let name = rest.get(..len.unwrap_or(rest.len())).unwrap_or("");
        if !is_name(name) {
            return Err(SelectorFault::Name);
        }
        self.at += name.len();
        Ok(name)
    }

    /// What is within double quotes, with its escapes undone.
    fn value(&mut self) -> Result<String, SelectorFault> {
        if !self.take("\"") {
            return Err(SelectorFault::Value);
        }
        let (mut value, mut escaped) = (String::new(), false);
        let rest = self.rest();
        for (place, character) in rest.char_indices() {
            match character {
                _ if escaped => {
                    value.push(match character {
                        '\\' | '"' => character,
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        _ => {
                            self.at += place;
                            return Err(SelectorFault::Escape);
                        }
                    });
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.at += place + 1;
                    return Ok(value);
                }
                // So that what is written anew is no longer than what was read.
                '\n' | '\r' | '\t' => {
                    self.at += place;
                    return Err(SelectorFault::Control);
                }
                other => value.push(other),
            }
        }
        self.at = self.text.len();
        Err(SelectorFault::Unclosed)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes a sign, after space; says whether it is there.
    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        let there = self.rest().starts_with(sign);
        if there {
            self.at += sign.len();
        }
        there
    }
}

#[cfg(test)]
#[path = "selector_tests.rs"]
mod tests;
