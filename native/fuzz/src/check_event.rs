//! Where the core takes an event, it reads what `serde_json` and a slow reading of times and amounts read.

use serde_json::{Map, Value};

use crate::event::{decode, Event, Kind};

/// One byte that says how many bytes of the buffer stand before the value and behind it, then the buffer.
pub fn check_event(data: &[u8]) {
    let Some((&around, buffer)) = data.split_first() else { return };
    let buffer: Box<[u8]> = buffer.into();
    let from = usize::from(around >> 5).min(buffer.len());
    let to = buffer.len() - usize::from(around & 31).min(buffer.len() - from);
    let value: Box<[u8]> = buffer[from..to].into();

    let mut scratch = vec![0; value.len()];
    let alone = decode(&value, 0, value.len(), &mut scratch);
    let mut scratch = vec![0; value.len()];
    let within = decode(&buffer, from, to, &mut scratch);
    assert_eq!(alone.map(fields), within.map(fields), "bytes around the value change it");
    if let Some(event) = alone {
        assert_is_read_rightly(&event, &value);
    }
}

type Fields<'a> = (Kind, bool, u64, u64, &'a [u8], &'a [u8], Option<&'a [u8]>);

fn fields(e: Event) -> Fields {
    (e.kind, e.update, e.time, e.cents, e.customer, e.key, e.name)
}

pub fn assert_is_read_rightly(event: &Event, value: &[u8]) {
    let members: Map<String, Value> = serde_json::from_slice(value).expect("an event that is taken is JSON");
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let bytes = |name: &str| text(name).map(str::as_bytes);
    let (kind, verb, customer) = match event.kind {
        Kind::Customer => ("CUSTOMER", "NEW", "key"),
        Kind::Visit => ("SITE_VISIT", "NEW", "customer_id"),
        Kind::Image => ("IMAGE", "UPLOAD", "customer_id"),
        Kind::Order => ("ORDER", "NEW", "customer_id"),
    };
    assert_eq!(text("type"), Some(kind));
    assert_eq!(text("verb"), Some(if event.update { "UPDATE" } else { verb }));
    assert!(!event.update || matches!(event.kind, Kind::Customer | Kind::Order));
    assert_eq!(bytes("key"), Some(event.key));
    assert_eq!(bytes(customer), Some(event.customer));
    for id in [text("key"), text(customer)] {
        assert!((1..=256).contains(&id.unwrap().chars().count()));
    }
    assert_eq!(event.name, bytes("last_name").filter(|_| event.kind == Kind::Customer));
    assert_eq!(i128::from(event.time), 2 * microseconds(text("event_time").unwrap()));
    let cents = text("total_amount").filter(|_| event.kind == Kind::Order).map_or(0, cents);
    assert_eq!(u128::from(event.cents), cents);
}

/// Since 0001-01-01T00:00:00Z, by counting years and months.
fn microseconds(text: &str) -> i128 {
    let number = |from: usize, to: usize| text[from..to].parse::<i128>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let is_leap = |year: i128| year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let days_of_month = |month: i128| match month {
        2 => 28 + i128::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    assert!((1..=12).contains(&month) && (1..=days_of_month(month)).contains(&day));
    let years: i128 = (1..year).map(|year| 365 + i128::from(is_leap(year))).sum();
    let days = years + (1..month).map(days_of_month).sum::<i128>() + day - 1;
    let zone = 19 + text[19..].find(['Z', '+', '-']).unwrap();
    let fraction = format!("{:0<6.6}", text[19..zone].trim_start_matches('.'));
    let offset_minutes = match &text[zone..zone + 1] {
        "Z" => 0,
        sign => (number(zone + 1, zone + 3) * 60 + number(zone + 4, zone + 6)) * if sign == "-" { -1 } else { 1 },
    };
    let minutes = days * 24 * 60 + number(11, 13) * 60 + number(14, 16) - offset_minutes;
    (minutes * 60 + number(17, 19)) * 1_000_000 + fraction.parse::<i128>().unwrap()
}

fn cents(text: &str) -> u128 {
    let number = text.strip_suffix(" USD").unwrap();
    let (dollars, decimals) = number.split_once('.').unwrap_or((number, ""));
    assert!(decimals.len() <= 2);
    dollars.parse::<u128>().unwrap() * 100 + format!("{decimals:0<2}").parse::<u128>().unwrap()
}
