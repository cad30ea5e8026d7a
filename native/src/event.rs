//! An event out of its JSON, by the rules of `contract/decode.py`. `None` means "ask the reference".

use crate::json::Cursor;

pub const MAX_EVENT_BYTES: usize = 1_000_000;
const MAX_ID_CHARS: usize = 256;
const MAX_TEXT_CHARS: usize = 200;
const LAST_DAY: i64 = 3_652_058; // 9999-12-31, counted from 0001-01-01.
const DAY_US: i64 = 86_400_000_000;

#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
pub enum Kind {
    Customer = 0,
    Visit = 1,
    Image = 2,
    Order = 3,
}

pub const KINDS: [Kind; 4] = [Kind::Customer, Kind::Visit, Kind::Image, Kind::Order];

#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub kind: Kind,
    pub update: bool,
    /// Microseconds since year 1, doubled.
    pub time: u64,
    pub cents: u64,
    pub customer: &'a [u8],
    pub key: &'a [u8],
    pub name: Option<&'a [u8]>,
}

impl Event<'_> {
    /// The week of the event's time: day 0 was a Monday, weeks begin on Sundays.
    #[inline(always)]
    pub fn week(&self) -> u32 {
        (((self.time >> 1) / DAY_US as u64 + 1) / 7) as u32
    }
    #[inline(always)]
    pub fn stamp(&self) -> u64 {
        self.time | u64::from(self.update)
    }
}

const TYPE: usize = 0;
const VERB: usize = 1;
const KEY: usize = 2;
const TIME: usize = 3;
const CUSTOMER: usize = 4;
const NAME: usize = 5;
const CITY: usize = 6;
const STATE: usize = 7;
const MAKE: usize = 8;
const MODEL: usize = 9;
const AMOUNT: usize = 10;
const TAGS: usize = 11;
const FIELDS: usize = 12;

#[inline(always)]
fn field_of(name: &[u8]) -> Option<usize> {
    Some(match name {
        b"key" => KEY,
        b"type" => TYPE,
        b"verb" => VERB,
        b"tags" => TAGS,
        b"adr_city" => CITY,
        b"last_name" => NAME,
        b"adr_state" => STATE,
        b"event_time" => TIME,
        b"customer_id" => CUSTOMER,
        b"camera_make" => MAKE,
        b"camera_model" => MODEL,
        b"total_amount" => AMOUNT,
        _ => return None,
    })
}

struct Members<'a> {
    text: [&'a [u8]; FIELDS],
    /// The fields with a string, one bit each.
    has: u32,
}

#[inline(always)]
fn members<'a>(c: &mut Cursor<'a>) -> Option<Members<'a>> {
    let mut found = Members { text: [b""; FIELDS], has: 0 };
    let mut seen = 0u32;
    c.blanks();
    c.take(b'{')?;
    c.blanks();
    loop {
        c.take(b'"')?;
        let name = c.text()?;
        c.blanks();
        c.take(b':')?;
        c.blanks();
        match field_of(name) {
            Some(field) => {
                if seen & 1 << field != 0 {
                    return None; // Twice.
                }
                seen |= 1 << field;
                if field == TAGS {
                    tags(c)?;
                } else if c.peek()? == b'"' {
                    c.at += 1;
                    found.text[field] = c.text()?;
                    found.has |= 1 << field;
                } else {
                    c.word(b"null")?;
                }
            }
            None => c.any()?,
        }
        c.blanks();
        match c.peek()? {
            b',' => c.at += 1,
            b'}' => break,
            _ => return None,
        }
        c.blanks();
    }
    c.at += 1;
    c.ended().then_some(found)
}

fn tags(c: &mut Cursor) -> Option<()> {
    if c.peek()? == b'n' {
        return c.word(b"null");
    }
    c.members(b'[', b']', &mut |c| c.members(b'{', b'}', &mut Cursor::scalar))
}

/// Decode `whole[from..to]`; `scratch` is at least as long.
#[inline(always)]
pub fn decode<'a>(whole: &'a [u8], from: usize, to: usize, scratch: &'a mut [u8]) -> Option<Event<'a>> {
    if to - from > MAX_EVENT_BYTES {
        return None;
    }
    let mut c = Cursor::new(whole, from, to, scratch);
    let found = members(&mut c)?;
    if c.high {
        std::str::from_utf8(&whole[from..to]).ok()?;
    }
    const OF_ALL: u32 = 1 << TYPE | 1 << VERB | 1 << KEY | 1 << TIME;
    let (kind, needs, texts): (_, _, &[usize]) = match found.text[TYPE] {
        b"ORDER" => (Kind::Order, OF_ALL | 1 << CUSTOMER | 1 << AMOUNT, &[]),
        b"SITE_VISIT" => (Kind::Visit, OF_ALL | 1 << CUSTOMER, &[]),
        b"IMAGE" => (Kind::Image, OF_ALL | 1 << CUSTOMER, &[MAKE, MODEL]),
        b"CUSTOMER" => (Kind::Customer, OF_ALL, &[NAME, CITY, STATE]),
        _ => return None,
    };
    if found.has & needs != needs {
        return None;
    }
    let update = match (kind, found.text[VERB]) {
        (Kind::Image, b"UPLOAD") => false,
        (Kind::Image, _) => return None,
        (_, b"NEW") => false,
        (Kind::Customer | Kind::Order, b"UPDATE") => true,
        _ => return None,
    };
    for &field in texts {
        fits(found.text[field], MAX_TEXT_CHARS)?;
    }
    let key = found.text[KEY];
    let customer = if kind == Kind::Customer { key } else { found.text[CUSTOMER] };
    if key.is_empty() || customer.is_empty() {
        return None;
    }
    fits(key, MAX_ID_CHARS)?;
    fits(customer, MAX_ID_CHARS)?;
    Some(Event {
        kind,
        update,
        time: instant(found.text[TIME])? << 1,
        cents: if kind == Kind::Order { cents(found.text[AMOUNT])? } else { 0 },
        customer,
        key,
        name: (kind == Kind::Customer && found.has & 1 << NAME != 0).then_some(found.text[NAME]),
    })
}

#[inline(always)]
fn fits(text: &[u8], most: usize) -> Option<()> {
    let chars = || text.iter().filter(|&&b| b & 0xc0 != 0x80).count();
    (text.len() <= most || chars() <= most).then_some(())
}

#[inline(always)]
fn two(b: &[u8], at: usize) -> Option<u32> {
    let (tens, ones) = (b[at].wrapping_sub(b'0'), b[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}

/// Microseconds since 0001-01-01 of a time such as 2017-01-06T12:46:46.384Z or 2017-01-06T14:46:46+02:00; digits
/// beyond microseconds are cut.
#[inline(always)]
fn instant(b: &[u8]) -> Option<u64> {
    if b.len() < 20 || b[4] != b'-' || b[7] != b'-' || b[10] != b'T' || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let year = two(b, 0)? * 100 + two(b, 2)?;
    let (month, day) = (two(b, 5)?, two(b, 8)?);
    let (hour, minute, second) = (two(b, 11)?, two(b, 14)?, two(b, 17)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const BEFORE: [u32; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    let m = month as usize;
    if day > BEFORE[m] - BEFORE[m - 1] + u32::from(leap && month == 2) {
        return None;
    }
    let y = year - 1;
    let days = y * 365 + y / 4 - y / 100 + y / 400 + BEFORE[m - 1] + u32::from(leap && month > 2) + day - 1;
    let seconds = i64::from(days) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let (micros, zone) = fraction(&b[19..])?;
    let at = seconds * 1_000_000 + micros - offset_s(zone)? * 1_000_000;
    (0..(LAST_DAY + 1) * DAY_US).contains(&at).then_some(at as u64)
}

/// The microseconds of ".384" or of nothing, and what follows.
#[inline(always)]
fn fraction(b: &[u8]) -> Option<(i64, &[u8])> {
    if b[0] != b'.' {
        return Some((0, b));
    }
    let (mut micros, mut scale, mut at) = (0, 1_000_000, 1);
    while at < b.len() && b[at].is_ascii_digit() {
        if at <= 6 {
            micros = micros * 10 + i64::from(b[at] - b'0');
            scale /= 10;
        }
        at += 1;
    }
    (at > 1).then(|| (micros * scale, &b[at..]))
}

/// The seconds of "Z" or "+02:00".
#[inline(always)]
fn offset_s(zone: &[u8]) -> Option<i64> {
    if zone == b"Z" {
        return Some(0);
    }
    if zone.len() != 6 || zone[3] != b':' {
        return None;
    }
    let (hours, minutes) = (two(zone, 1)?, two(zone, 4)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = i64::from(hours * 3600 + minutes * 60);
    match zone[0] {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// Whole cents of "12.34 USD": up to 15 digits before the point, one or two decimals or none.
#[inline(always)]
fn cents(b: &[u8]) -> Option<u64> {
    let number = b.strip_suffix(b" USD")?;
    let whole = number.iter().take_while(|d| d.is_ascii_digit()).count();
    if !(1..=15).contains(&whole) {
        return None;
    }
    let dollars = number[..whole].iter().fold(0, |n, d| n * 10 + u64::from(d - b'0'));
    let decimals = match &number[whole..] {
        [] => 0,
        [b'.', d] if d.is_ascii_digit() => u64::from(d - b'0') * 10,
        [b'.', d, e] if d.is_ascii_digit() && e.is_ascii_digit() => u64::from(d - b'0') * 10 + u64::from(e - b'0'),
        _ => return None,
    };
    Some(dollars * 100 + decimals)
}
