//! Query parameters: refused with their name where they are unknown or wrong.

use crate::problem::{Answer, Kind, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use std::fmt::Display;
use std::str::FromStr;

/// Most parameters of a query; no route has half as many.
const PARAMETERS_MAX: usize = 32;
/// Most values of one comma-separated parameter.
const VALUES_MAX: usize = 100;
/// Characters of one comma-separated parameter, as the OpenAPI document has it.
const VALUES_LEN_MAX: usize = 4_096;

/// The query of a request. `T` denies unknown fields.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Answer<T> {
    let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(query).map_err(|error| {
        Problem::new(
            Kind::BadQuery,
            format!("The query cannot be read: {error}."),
        )
    })?;
    if pairs.len() > PARAMETERS_MAX {
        let detail = format!("A query has at most {PARAMETERS_MAX} parameters.");
        return Err(Problem::new(Kind::BadQuery, detail));
    }
    for (at, (name, _)) in pairs.iter().enumerate() {
        if pairs.iter().take(at).any(|(other, _)| other == name) {
            return Err(Problem::field(
                Kind::BadQuery,
                format!("?{}", short(name)),
                "it is given twice; several values go into one, with commas between",
            ));
        }
    }
    let reader = serde::de::value::MapDeserializer::new(
        pairs.into_iter().map(|(name, value)| (name, Text(value))),
    );
    serde_path_to_error::deserialize(reader).map_err(
        |error: serde_path_to_error::Error<serde::de::value::Error>| {
            let name = error.path().to_string();
            Problem::field(
                Kind::BadQuery,
                format!("?{name}"),
                error.inner().to_string(),
            )
        },
    )
}

/// One value, read as whatever the field wants.
struct Text(String);

impl serde::de::IntoDeserializer<'_, serde::de::value::Error> for Text {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $what:literal;)*) => {
        $(fn $method<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let value = self.0.parse::<$type>().map_err(|_| {
                Self::Error::custom(format!("`{}` is not {}", short(&self.0), $what))
            })?;
            visitor.$visit(value)
        })*
    };
}

impl<'de> Deserializer<'de> for Text {
    type Error = serde::de::value::Error;
    fn deserialize_any<V: serde::de::Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }
    fn deserialize_option<V: serde::de::Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_enum<V: serde::de::Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        use serde::de::IntoDeserializer as _;
        self.0
            .into_deserializer()
            .deserialize_enum(name, variants, visitor)
    }
    numbers! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_u8 visit_u8 u8, "a whole number up to 255";
        deserialize_u16 visit_u16 u16, "a whole number up to 65535";
        deserialize_u32 visit_u32 u32, "a whole number";
        deserialize_u64 visit_u64 u64, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_f64 visit_f64 f64, "a number";
    }
    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// Several values in one parameter: `status=up,down`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OneOf<T>(pub(crate) Vec<T>);

impl<T> Default for OneOf<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> OneOf<T> {
    /// Whether a value passes: every value does where none is named.
    pub(crate) fn takes(&self, value: &T) -> bool {
        self.0.is_empty() || self.0.contains(value)
    }
}

impl OneOf<String> {
    /// The same for text, without regard to case.
    pub(crate) fn takes_text(&self, value: Option<&str>) -> bool {
        self.0.is_empty()
            || value.is_some_and(|value| {
                let value = value.to_lowercase();
                self.0.iter().any(|wanted| wanted.to_lowercase() == value)
            })
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        if text.chars().count() > VALUES_LEN_MAX {
            let what = format!("at most {VALUES_LEN_MAX} characters");
            return Err(D::Error::custom(what));
        }
        let mut values = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            if values.len() == VALUES_MAX {
                return Err(D::Error::custom(format!("at most {VALUES_MAX} values")));
            }
            values.push(T::deserialize(Text(part.to_owned())).map_err(D::Error::custom)?);
        }
        Ok(Self(values))
    }
}

/// An id in the path.
pub(crate) struct PathId<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr + Send> FromRequestParts<S> for PathId<T>
where
    T::Err: Display,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let axum::extract::Path(text) =
            axum::extract::Path::<String>::from_request_parts(parts, state)
                .await
                .map_err(|_| Problem::new(Kind::BadId, "The path has no id."))?;
        text.parse()
            .map(Self)
            .map_err(|error| Problem::new(Kind::BadId, format!("{error}.")))
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceId, Status};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Asked {
        limit: Option<u32>,
        status: OneOf<Status>,
        device_id: Option<DeviceId>,
        q: Option<String>,
    }

    #[test]
    fn parameters_are_read() {
        let asked: Asked = parse("limit=5&status=up,down&q=a%20b%26").unwrap();
        assert_eq!(asked.limit, Some(5));
        assert_eq!(asked.status.0, [Status::Up, Status::Down]);
        assert_eq!(asked.q.as_deref(), Some("a b&"));
        assert_eq!(parse::<Asked>("").unwrap(), Asked::default());
    }

    #[test]
    fn faults_name_the_parameter() {
        let long = format!("status=up{}", " ".repeat(VALUES_LEN_MAX));
        for (query, pointer) in [
            (long.as_str(), "?status"),
            ("limit=x", "?limit"),
            ("limit=-1", "?limit"),
            ("limit=1&limit=2", "?limit"),
            ("status=broken", "?status"),
            ("status=up,broken", "?status"),
            ("device_id=7", "?device_id"),
            ("device_id=", "?device_id"),
            ("limit=", "?limit"),
            ("colour=red", "?colour"),
        ] {
            let problem = parse::<Asked>(query).expect_err(query);
            let written = serde_json::to_value(problem.body("/", "id")).unwrap();
            assert_eq!(
                written["errors"][0]["pointer"], pointer,
                "{query}: {written}"
            );
            assert_eq!(written["status"], 400);
        }
    }
}
