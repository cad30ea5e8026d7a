//! The fields of an event that the job needs; the load is trusted, as by all peers.

use std::error::Error;

use serde::Deserialize;

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

#[derive(Deserialize)]
pub struct Event<'a> {
    pub r#type: &'a str,
    pub key: &'a str,
    event_time: &'a str,
    #[serde(default)]
    total_amount: &'a str,
}

impl<'a> Event<'a> {
    pub fn parse(value: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(value)
    }

    /// Milliseconds since 1970; the load's times look like `2025-01-01T00:00:00.123Z`.
    pub fn time(&self) -> Result<i64, Box<dyn Error>> {
        let text = self.event_time.as_bytes();
        if text.len() != 24 || text[23] != b'Z' {
            return Err(format!("event_time {}", self.event_time).into());
        }
        let days = days(
            number(&text[..4]),
            number(&text[5..7]),
            number(&text[8..10]),
        );
        let seconds =
            number(&text[11..13]) * 3_600 + number(&text[14..16]) * 60 + number(&text[17..19]);
        Ok((days * 86_400 + seconds) * 1_000 + number(&text[20..23]))
    }

    /// Whole cents; the load's amounts look like `12.34 USD`.
    pub fn cents(&self) -> Result<i64, Box<dyn Error>> {
        let amount = self
            .total_amount
            .strip_suffix(" USD")
            .and_then(|amount| amount.split_once('.'));
        let (whole, cents) = amount.ok_or_else(|| format!("total_amount {}", self.total_amount))?;
        Ok(number(whole.as_bytes()) * 100 + number(cents.as_bytes()))
    }
}

fn number(digits: &[u8]) -> i64 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}

/// Days since 1970.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}
