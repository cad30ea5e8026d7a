//! Changelog records back into the table. `None` means "ask the reference": older formats, and what is no record.

use crate::json::Cursor;
use crate::table::{Row, RowWeeks, Table};
use crate::weeks::{Weeks, FAR_BLOCK_WEEKS};

/// The reference refuses larger numbers.
const MAX_COUNT: u64 = 1 << 63;
const MAX_CENTS: u64 = 1 << 57;
const MAX_STAMP: u64 = 1 << 60;
/// Bits of the weeks from the first one on; those behind them are far weeks (older formats have such).
const MAX_SPAN_WORDS: usize = 32;

/// What a record has beside its rows.
pub struct Restored<'a> {
    pub rows: usize,
    pub part: Option<u64>,
    pub completes: bool,
    /// JSON text.
    pub position: Option<&'a [u8]>,
}

#[derive(Default)]
struct Columns<'a> {
    ids: Vec<&'a [u8]>,
    first_weeks: Vec<u64>,
    weeks: Vec<FieldWeeks>,
    visits: Vec<u64>,
    names: Vec<Option<&'a [u8]>>,
    name_stamps: Vec<u64>,
    counts: Vec<u64>,
    order_ids: Vec<&'a [u8]>,
    stamps: Vec<u64>,
    cents: Vec<u64>,
}

enum FieldWeeks {
    Word(u64),
    /// Words, the lowest first; then the far blocks.
    Wide(Vec<u64>, Vec<(u32, [u64; 8])>),
}

pub fn restore<'a>(table: &mut Table, value: &'a [u8], scratch: &'a mut [u8]) -> Option<Restored<'a>> {
    let mut c = Cursor::new(value, 0, value.len(), scratch);
    let (mut version, mut columns) = (None, None);
    let mut names: Vec<&[u8]> = Vec::new();
    let mut found = Restored { rows: 0, part: None, completes: false, position: None };
    c.take(b'{')?;
    loop {
        c.take(b'"')?;
        let name = c.text()?;
        c.take(b':')?;
        if names.contains(&name) {
            return None; // Twice.
        }
        names.push(name);
        match name {
            b"v" => version = Some(c.unsigned()?),
            b"part" => found.part = optional(&mut c, Cursor::unsigned)?,
            b"completes" => found.completes = c.word(b"true").is_some() || c.word(b"false").map(|()| false)?,
            b"position" => {
                let start = c.at;
                c.any()?;
                let text = c.since(start);
                found.position = (text != b"null").then_some(text);
            }
            b"rows" => columns = Some(columns_of(&mut c)?),
            _ => return None,
        }
        match c.peek()? {
            b',' => c.at += 1,
            _ => break,
        }
    }
    c.take(b'}')?;
    if !c.ended() || version != Some(3) || !names.contains(&&b"part"[..]) || found.part >= Some(MAX_COUNT) {
        return None;
    }
    std::str::from_utf8(value).ok()?;
    let columns = columns.filter(Columns::fit)?;
    found.rows = columns.ids.len() + columns.order_ids.len();
    columns.put_into(table)?;
    Some(found)
}

impl Columns<'_> {
    /// Whether the columns have the right lengths, and their values the right sizes.
    fn fit(&self) -> bool {
        let rows = self.ids.len();
        let lengths = [
            self.first_weeks.len(),
            self.weeks.len(),
            self.visits.len(),
            self.names.len(),
            self.name_stamps.len(),
            self.counts.len(),
        ];
        let orders = self.counts.iter().try_fold(0u64, |sum, &count| sum.checked_add(count));
        lengths.iter().all(|&len| len == rows)
            && orders == Some(self.order_ids.len() as u64)
            && self.stamps.len() == self.order_ids.len()
            && self.cents.len() == self.order_ids.len()
            && self.visits.iter().all(|&visits| visits < MAX_COUNT)
            && self.first_weeks.iter().all(|&week| week < 1 << 31)
            && self.stamps.iter().chain(&self.name_stamps).all(|&stamp| stamp < MAX_STAMP)
            && self.cents.iter().all(|&cents| cents < MAX_CENTS)
            && self.ids.iter().chain(&self.order_ids).all(|id| id.len() <= usize::from(u16::MAX))
    }
    fn put_into(self, table: &mut Table) -> Option<()> {
        let mut at = 0;
        for (i, weeks) in self.weeks.into_iter().enumerate() {
            let mut row = Row {
                id: self.ids[i],
                first_week: self.first_weeks[i] as u32,
                weeks: RowWeeks::Word(0),
                visits: self.visits[i],
                name: self.names[i],
                name_stamp: self.name_stamps[i],
            };
            row.weeks = match weeks {
                FieldWeeks::Word(bits) => RowWeeks::Word(bits),
                FieldWeeks::Wide(near, far) => RowWeeks::Wide(wide(row.first_week, near, far)),
            };
            let id = row.id;
            let customer = table.restore_row(row);
            for order in at..at + self.counts[i] as usize {
                table.restore_order(customer, id, self.order_ids[order], self.stamps[order], self.cents[order]);
            }
            at += self.counts[i] as usize;
        }
        Some(())
    }
}

fn wide(first_week: u32, mut near: Vec<u64>, far: Vec<(u32, [u64; 8])>) -> Weeks {
    let behind = near.split_off(near.len().min(MAX_SPAN_WORDS));
    let mut weeks = Weeks { near, far };
    for (word, bits) in behind.iter().enumerate() {
        for bit in (0..64).filter(|bit| bits >> bit & 1 != 0) {
            weeks.add_far(first_week + ((MAX_SPAN_WORDS + word) * 64 + bit) as u32);
        }
    }
    weeks
}

fn columns_of<'a>(c: &mut Cursor<'a>) -> Option<Columns<'a>> {
    let mut columns = Columns::default();
    c.take(b'[')?;
    column(c, &mut columns.ids, string)?;
    c.take(b',')?;
    column(c, &mut columns.first_weeks, Cursor::unsigned)?;
    c.take(b',')?;
    column(c, &mut columns.weeks, weeks)?;
    c.take(b',')?;
    column(c, &mut columns.visits, Cursor::unsigned)?;
    c.take(b',')?;
    column(c, &mut columns.names, |c| optional(c, string))?;
    c.take(b',')?;
    column(c, &mut columns.name_stamps, Cursor::unsigned)?;
    c.take(b',')?;
    column(c, &mut columns.counts, Cursor::unsigned)?;
    c.take(b',')?;
    column(c, &mut columns.order_ids, string)?;
    c.take(b',')?;
    column(c, &mut columns.stamps, Cursor::unsigned)?;
    c.take(b',')?;
    column(c, &mut columns.cents, Cursor::unsigned)?;
    c.take(b']')?;
    Some(columns)
}

fn column<'a, T>(
    c: &mut Cursor<'a>,
    out: &mut Vec<T>,
    mut one: impl FnMut(&mut Cursor<'a>) -> Option<T>,
) -> Option<()> {
    c.members(b'[', b']', &mut |c| {
        out.push(one(c)?);
        Some(())
    })
}

fn string<'a>(c: &mut Cursor<'a>) -> Option<&'a [u8]> {
    c.take(b'"')?;
    c.text()
}

fn optional<'a, T>(c: &mut Cursor<'a>, one: impl FnOnce(&mut Cursor<'a>) -> Option<T>) -> Option<Option<T>> {
    match c.word(b"null") {
        Some(()) => Some(None),
        None => one(c).map(Some),
    }
}

fn weeks(c: &mut Cursor) -> Option<FieldWeeks> {
    if c.peek()? != b'[' {
        let near = near_weeks(c)?;
        return Some(match near[..] {
            [word] => FieldWeeks::Word(word),
            _ => FieldWeeks::Wide(near, Vec::new()),
        });
    }
    c.at += 1;
    let near = near_weeks(c)?;
    let mut far: Vec<(u32, [u64; 8])> = Vec::new();
    while c.take(b',').is_some() {
        let number = u32::try_from(c.unsigned()?).ok().filter(|&n| n < (1 << 31) / FAR_BLOCK_WEEKS)?;
        if far.iter().any(|&(known, _)| known == number) {
            return None; // Twice: the reference keeps the last.
        }
        c.take(b',')?;
        let words = hex(string(c)?)?;
        let mut block = [0; 8];
        block.get_mut(..words.len())?.copy_from_slice(&words);
        far.push((number, block));
    }
    c.take(b']')?;
    Some(FieldWeeks::Wide(near, far))
}

fn near_weeks(c: &mut Cursor) -> Option<Vec<u64>> {
    let near = if c.peek()? == b'"' { hex(string(c)?)? } else { vec![c.unsigned()?] };
    (near[0] & 1 != 0).then_some(near) // The reference refuses a customer without activity in its first week.
}

/// Words of a number in hex, the lowest first, the last one not 0 unless it is the only one.
fn hex(digits: &[u8]) -> Option<Vec<u64>> {
    let mut words = Vec::new();
    for word in digits.rchunks(16) {
        if !word.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        words.push(u64::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?);
    }
    while words.len() > 1 && words.last() == Some(&0) {
        words.pop();
    }
    (!words.is_empty()).then_some(words)
}
