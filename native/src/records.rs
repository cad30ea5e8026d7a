//! Keys and values of the records of an uncompressed batch (format v2), in place, and lines of a file.
//!
//! What is unusual is left to `cluster/record_fields.py`, which says what is wrong where something is.

use memchr::memchr_iter;

/// Bytes of the buffer.
#[derive(Clone, Copy)]
pub struct Span {
    pub at: u32,
    /// -1: null.
    pub len: i32,
}

impl Span {
    pub const NULL: Span = Span { at: 0, len: -1 };

    #[inline(always)]
    pub fn of(self, buffer: &[u8]) -> Option<&[u8]> {
        let len = usize::try_from(self.len).ok()?;
        Some(&buffer[self.at as usize..self.at as usize + len])
    }
}

#[derive(Clone, Copy)]
pub struct Record {
    pub key: Span,
    pub value: Span,
}

/// How records are grouped: a group ends with `records` or with the record that reaches `bytes`.
#[derive(Clone, Copy)]
pub struct Grouping {
    pub records: usize,
    pub bytes: usize,
    /// Groups read at once.
    pub groups: usize,
}

#[inline(always)]
fn varint(b: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let byte = *b.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(((value >> 1) as i64) ^ -((value & 1) as i64));
        }
    }
    None
}

#[inline(always)]
fn skip_varint(b: &[u8], at: &mut usize) -> Option<()> {
    for _ in 0..9 {
        let byte = *b.get(*at)?;
        *at += 1;
        if byte < 0x80 {
            return Some(());
        }
    }
    None
}

#[inline(always)]
fn field(b: &[u8], at: &mut usize) -> Option<Span> {
    let len = varint(b, at)?;
    if len < 0 {
        return Some(Span::NULL);
    }
    let span = Span { at: *at as u32, len: i32::try_from(len).ok()? };
    *at = at.checked_add(len as usize)?;
    Some(span)
}

fn record(b: &[u8], at: &mut usize) -> Option<Record> {
    let length = varint(b, at)?;
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    *at += 1;
    skip_varint(b, at)?;
    skip_varint(b, at)?;
    let key = field(b, at)?;
    let value = field(b, at)?;
    if *at >= end || end > b.len() {
        return None;
    }
    *at = end;
    Some(Record { key, value })
}

/// The records of the next groups, and the index after them: as many whole groups as are good. None: not one is.
pub fn walk(b: &[u8], mut at: usize, count: usize, grouping: Grouping) -> Option<(Vec<Record>, usize)> {
    if b.len() > i32::MAX as usize {
        return None;
    }
    let start = at;
    let mut found = Vec::with_capacity(count.min(grouping.records * grouping.groups));
    let (mut good, mut good_end) = (0, at);
    'groups: for _ in 0..grouping.groups {
        let group_start = at;
        for _ in 0..grouping.records.min(count - good) {
            match record(b, &mut at) {
                Some(record) => found.push(record),
                None => break 'groups,
            }
            if at - group_start >= grouping.bytes {
                break;
            }
        }
        (good, good_end) = (found.len(), at);
        if good == count || at - start >= grouping.bytes {
            break;
        }
    }
    found.truncate(good);
    (good > 0).then_some((found, good_end))
}

/// The fields of a record that are rarely asked for.
pub struct Rare<'a> {
    pub timestamp_delta: i64,
    pub offset_delta: i64,
    /// The number of headers and the headers, as they are on the wire.
    pub headers: &'a [u8],
}

/// Those of the records from an index on, which `walk` has read; without an end.
pub fn rare(b: &[u8], mut at: usize) -> impl Iterator<Item = Option<Rare<'_>>> {
    std::iter::repeat_with(move || rare_fields(b, &mut at))
}

fn rare_fields<'a>(b: &'a [u8], at: &mut usize) -> Option<Rare<'a>> {
    let length = varint(b, at)?;
    let end = *at + length as usize;
    *at += 1;
    let timestamp_delta = varint(b, at)?;
    let offset_delta = varint(b, at)?;
    field(b, at)?;
    field(b, at)?;
    let headers = b.get(*at..end)?;
    *at = end;
    Some(Rare { timestamp_delta, offset_delta, headers })
}

/// The lines of a block that are not blank, without the bytes `around` them.
pub fn lines(b: &[u8], around: &[u8]) -> Option<Vec<Record>> {
    if b.len() > i32::MAX as usize {
        return None;
    }
    let mut found = Vec::new();
    let mut at = 0;
    for line_end in memchr_iter(b'\n', b).chain([b.len()]) {
        let (mut first, mut end) = (at, line_end);
        at = line_end + 1;
        while first < end && around.contains(&b[first]) {
            first += 1;
        }
        while first < end && around.contains(&b[end - 1]) {
            end -= 1;
        }
        if first < end {
            let value = Span { at: first as u32, len: (end - first) as i32 };
            found.push(Record { key: Span::NULL, value });
        }
    }
    Some(found)
}

/// How many lines end in a block.
pub fn count_line_ends(b: &[u8]) -> usize {
    memchr_iter(b'\n', b).count()
}
