//! One report as the CSV holds it: columns by name, nothing trusted.

use serde::de::{Deserializer, Visitor};
use serde::Deserialize;
use serde_json::Number;
use std::borrow::Cow;
use std::fmt;

/// A row of the file. A column that is not there reads as empty.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Hash)]
#[serde(default)]
pub struct Report<'a> {
    #[serde(borrow, rename = "Airport Name")]
    pub airport: Cell<'a>,
    #[serde(borrow, rename = "Aircraft Make Model")]
    pub aircraft: Cell<'a>,
    #[serde(borrow, rename = "Effect Amount of damage")]
    pub damage: Cell<'a>,
    #[serde(borrow, rename = "Flight Date")]
    pub flight_date: Cell<'a>,
    #[serde(borrow, rename = "Aircraft Airline Operator")]
    pub operator: Cell<'a>,
    #[serde(borrow, rename = "Origin State")]
    pub state: Cell<'a>,
    #[serde(borrow, rename = "Phase of flight")]
    pub phase: Cell<'a>,
    #[serde(borrow, rename = "Wildlife Size")]
    pub size: Cell<'a>,
    #[serde(borrow, rename = "Wildlife Species")]
    pub species: Cell<'a>,
    #[serde(borrow, rename = "Time of day")]
    pub time_of_day: Cell<'a>,
    #[serde(borrow, rename = "Cost Other")]
    pub cost_other: Cell<'a>,
    #[serde(borrow, rename = "Cost Repair")]
    pub cost_repair: Cell<'a>,
    #[serde(borrow, rename = "Cost Total $")]
    pub cost_total: Cell<'a>,
    #[serde(borrow, rename = "Speed IAS in knots")]
    pub speed: Cell<'a>,
}

impl<'a> Report<'a> {
    /// All cells, in the order of the columns.
    pub fn cells(&self) -> [&Cell<'a>; 14] {
        [
            &self.airport,
            &self.aircraft,
            &self.damage,
            &self.flight_date,
            &self.operator,
            &self.state,
            &self.phase,
            &self.size,
            &self.species,
            &self.time_of_day,
            &self.cost_other,
            &self.cost_repair,
            &self.cost_total,
            &self.speed,
        ]
    }
}

/// The text of a cell, without white space around it. A reader that converts types may have made it a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cell<'a>(pub Cow<'a, str>);

impl Cell<'_> {
    pub fn text(&self) -> &str {
        self.0.trim()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Cell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell<'de>;

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("a text, a number or null")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cell(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cell(Cow::Owned(text.to_owned())))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Cell(Cow::Owned(number.to_string())))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cell(Cow::Owned(number.to_string())))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Cell(Cow::Owned(Number::from_f64(number).map(|number| number.to_string()).unwrap_or_default())))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cell::default())
    }
}
