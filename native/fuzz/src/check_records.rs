//! Records of a batch and lines of a file are those that a plain reading of the format finds.

use crate::check_event::assert_is_read_rightly;
use crate::event::decode;
use crate::records::{count_line_ends, lines, rare, walk, Grouping, Record};
use crate::table::Table;

const BLANKS: &[u8] = b" \t\r";

/// Four bytes that say where the records begin, how many there are and how they are grouped; then the buffer.
pub fn check_records(data: &[u8]) {
    let Some((&[start, count, records, bytes], buffer)) = data.split_first_chunk() else { return };
    let buffer: Box<[u8]> = buffer.into();
    let (start, count) = (usize::from(start), usize::from(count));
    let grouping = Grouping {
        records: 1 + usize::from(records >> 2),
        bytes: usize::from(bytes) * usize::from(bytes),
        groups: 1 + usize::from(records & 3),
    };
    if let Some((found, end)) = walk(&buffer, start, count, grouping) {
        assert!(found.len() <= count.min(grouping.records * grouping.groups));
        assert_are_plainly_read(&buffer, start, &found, end);
        assert_are_taken(&buffer, &found, true);
    }
    let found = lines(&buffer, BLANKS).expect("a small block");
    let plain = buffer.split(|&byte| byte == b'\n').map(without_blanks).enumerate();
    let plain = plain.filter(|(_, line)| !line.is_empty());
    let got = found.iter().map(|record| {
        let number = count_line_ends(&buffer[..record.value.at as usize]);
        (number, record.value.of(&buffer).expect("a line"))
    });
    assert!(plain.eq(got));
    assert_are_taken(&buffer, &found, false);
}

fn without_blanks(line: &[u8]) -> &[u8] {
    let first = line.iter().position(|byte| !BLANKS.contains(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !BLANKS.contains(byte)).map_or(first, |last| last + 1);
    &line[first..end]
}

fn assert_are_plainly_read(buffer: &[u8], start: usize, found: &[Record], end: usize) {
    let mut rest = &buffer[start..];
    for (record, rare) in found.iter().zip(rare(buffer, start)) {
        let rare = rare.expect("what the walk has read");
        let length = number(&mut rest);
        let (mut body, after) = rest.split_at(usize::try_from(length).unwrap());
        rest = after;
        body = &body[1..]; // The attributes.
        assert_eq!(number(&mut body), i128::from(rare.timestamp_delta));
        assert_eq!(number(&mut body), i128::from(rare.offset_delta));
        assert_eq!(field(&mut body), record.key.of(buffer));
        assert_eq!(field(&mut body), record.value.of(buffer));
        assert_eq!(body, rare.headers);
    }
    assert_eq!(rest, &buffer[end..]);
}

/// A number of the format: groups of seven bits, the lowest first; the sign is in the lowest bit.
fn number(b: &mut &[u8]) -> i128 {
    let (mut value, mut shift) = (0i128, 0);
    loop {
        let (&byte, rest) = b.split_first().unwrap();
        *b = rest;
        value |= i128::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return if value % 2 == 0 { value / 2 } else { -(value + 1) / 2 };
        }
    }
}

fn field<'a>(b: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(b)).ok()?;
    let (found, rest) = b.split_at(length);
    *b = rest;
    Some(found)
}

/// The table takes an event that decodes and is keyed by its customer, and leaves the rest.
fn assert_are_taken(buffer: &[u8], records: &[Record], keyed: bool) {
    let mut table = Table::new(3, true, None, true);
    let taken = table.take(buffer, records, keyed, u64::MAX);
    let is_left = |record: &Record| {
        let value: Box<[u8]> = record.value.of(buffer).unwrap_or_default().into();
        let mut scratch = vec![0; value.len()];
        let Some(event) = decode(&value, 0, value.len(), &mut scratch) else { return true };
        assert_is_read_rightly(&event, &value);
        keyed && record.key.of(buffer) != Some(event.customer)
    };
    let left: Vec<usize> = (0..records.len()).filter(|&i| is_left(&records[i])).collect();
    assert_eq!(taken.rest, left);
    assert_eq!(taken.events.iter().sum::<u64>(), (records.len() - left.len()) as u64);
}
