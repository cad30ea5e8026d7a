//! Rows as values of changelog records: columns of JSON, as `consumer/domain/packing.py` has them.

use std::io::Write;

use crate::table::{Table, NONE};
use crate::weeks::FAR_BLOCK_WEEKS;

const FORMAT_VERSION: u32 = 3;
const MAX_JSON_INT: u64 = (1 << 63) - 1;

/// A customer, and the place of some of its orders in a list.
#[derive(Clone, Copy)]
struct Row {
    customer: u32,
    from: usize,
    to: usize,
}

/// What limits a record: rows, orders of a row, orders and far weeks' blocks, bytes.
pub type Sizes = (usize, usize, usize, usize);

/// Rows that are written together.
struct Group {
    sizes: Sizes,
    part: Option<u32>,
    rows: Vec<Row>,
    orders: Vec<u32>,
    weight: usize,
}

impl Group {
    fn new(sizes: Sizes, part: Option<u32>) -> Self {
        Group { sizes, part, rows: Vec::new(), orders: Vec::new(), weight: 0 }
    }
    /// Add a row with these orders.
    fn add(&mut self, table: &Table, customer: u32, orders: impl Iterator<Item = u32>) {
        let from = self.orders.len();
        self.orders.extend(orders);
        let row = Row { customer, from, to: self.orders.len() };
        self.weight += weight(table, &[row]);
        self.rows.push(row);
    }
    fn is_full(&self) -> bool {
        self.rows.len() >= self.sizes.0 || self.weight >= self.sizes.2
    }
    /// Write the rows, if there are any, and begin again.
    fn flush(&mut self, table: &Table, done: &mut Vec<Vec<u8>>) {
        if !self.rows.is_empty() {
            self.records(table, &self.rows, done);
        }
        self.rows.clear();
        self.orders.clear();
        self.weight = 0;
    }
    /// Write these rows of the group, in halves if they are too long together.
    fn records(&self, table: &Table, rows: &[Row], done: &mut Vec<Vec<u8>>) {
        if rows.len() == 1 || weight(table, rows) <= self.sizes.2 {
            let mut out = Vec::with_capacity(rows.len() * 96 + 64);
            write_to(&mut out, format_args!("{{\"v\":{FORMAT_VERSION},\"part\":"));
            match self.part {
                Some(part) => int(&mut out, u64::from(part)),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"rows\":");
            columns(table, rows, &self.orders, &mut out);
            out.push(b'}');
            if out.len() <= self.sizes.3 || rows.len() == 1 {
                done.push(out);
                return;
            }
        }
        let (first, second) = rows.split_at(rows.len() / 2);
        self.records(table, first, done);
        self.records(table, second, done);
    }
}

/// How much the rows add to a record: their orders, and the blocks of their far weeks.
fn weight(table: &Table, rows: &[Row]) -> usize {
    rows.iter().map(|row| row.to - row.from + table.wide_weeks(row.customer).map_or(0, |weeks| weeks.far.len())).sum()
}

/// The values of records with what has changed since the last call, which is ranked, too.
pub fn changes(table: &mut Table, sizes: Sizes) -> Vec<Vec<u8>> {
    let (customers, orders) = table.take_changes();
    let mut done = Vec::new();
    let mut group = Group::new(sizes, None);
    let mut at = 0;
    for customer in customers {
        let first = at;
        while at < orders.len() && orders[at].0 == customer {
            at += 1;
        }
        table.rank(customer, at > first);
        let mut rest = &orders[first..at];
        loop {
            let (some, later) = rest.split_at(rest.len().min(sizes.1));
            rest = later;
            group.add(table, customer, some.iter().map(|order| order.1));
            if group.is_full() {
                group.flush(table, &mut done);
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    group.flush(table, &mut done);
    table.settle_ranking();
    done
}

/// A place in the table: a customer's row, and the next order in its list, plus 1; 0: before the first.
pub type Place = (u32, u32);

/// The values of a part of the table, until they have `max_bytes` or `customers` are written; and the place after it.
pub fn part(
    table: &Table,
    mut place: Place,
    customers: u32,
    part: u32,
    max_bytes: usize,
    sizes: Sizes,
) -> (Vec<Vec<u8>>, Place) {
    let mut done = Vec::new();
    let mut size = 0;
    let mut group = Group::new(sizes, Some(part));
    while place.0 < customers && size < max_bytes {
        while place.0 < customers && !group.is_full() {
            let (customer, order) = place;
            let first = if order == 0 { table.customers[customer].first_order } else { order - 1 };
            group.add(table, customer, table.orders_from(first).take(sizes.1));
            let next = group.orders.last().filter(|_| first != NONE).map_or(NONE, |&last| table.orders[last].next);
            place = if next == NONE { (customer + 1, 0) } else { (customer, next + 1) };
        }
        let before = done.len();
        group.flush(table, &mut done);
        size += done[before..].iter().map(Vec::len).sum::<usize>();
    }
    (done, place)
}

/// One customer with all its orders, as columns of one row.
pub fn customer(table: &Table, customer: u32) -> Vec<u8> {
    let orders: Vec<u32> = table.orders_from(table.customers[customer].first_order).collect();
    let mut out = Vec::new();
    columns(table, &[Row { customer, from: 0, to: orders.len() }], &orders, &mut out);
    out
}

fn columns(table: &Table, rows: &[Row], orders: &[u32], out: &mut Vec<u8>) {
    let of = |row: &Row| &table.customers[row.customer];
    let orders = || rows.iter().flat_map(|row| &orders[row.from..row.to]).copied();
    out.push(b'[');
    column(out, rows.iter(), |out, row| text(out, table.customer_id(row.customer)));
    out.push(b',');
    column(out, rows.iter(), |out, row| int(out, u64::from(of(row).first_week)));
    out.push(b',');
    column(out, rows.iter(), |out, row| weeks(out, table, row.customer));
    out.push(b',');
    column(out, rows.iter(), |out, row| int(out, of(row).visits));
    out.push(b',');
    column(out, rows.iter(), |out, row| match table.name(row.customer) {
        Some(name) => text(out, name),
        None => out.extend_from_slice(b"null"),
    });
    out.push(b',');
    column(out, rows.iter(), |out, row| int(out, of(row).name_stamp));
    out.push(b',');
    column(out, rows.iter(), |out, row| int(out, (row.to - row.from) as u64));
    out.push(b',');
    column(out, orders(), |out, order| text(out, table.order_id(order)));
    out.push(b',');
    column(out, orders(), |out, order| int(out, table.orders[order].stamp()));
    out.push(b',');
    column(out, orders(), |out, order| int(out, table.orders[order].cents()));
    out.push(b']');
}

fn column<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut one: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    let start = out.len();
    for item in items {
        if out.len() > start {
            out.push(b',');
        }
        one(out, item);
    }
    out.push(b']');
}

fn weeks(out: &mut Vec<u8>, table: &Table, customer: u32) {
    let Some(weeks) = table.wide_weeks(customer) else {
        return near_weeks(out, &[table.week_bits(customer)]);
    };
    if weeks.far.is_empty() {
        return near_weeks(out, &weeks.near);
    }
    out.push(b'[');
    near_weeks(out, &weeks.near);
    for (number, block) in &weeks.far {
        debug_assert!(block.len() as u32 * 64 == FAR_BLOCK_WEEKS);
        write_to(out, format_args!(",{number},"));
        hex(out, block);
    }
    out.push(b']');
}

fn near_weeks(out: &mut Vec<u8>, words: &[u64]) {
    match words {
        [] => out.push(b'0'),
        [word] if *word <= MAX_JSON_INT => int(out, *word),
        _ => hex(out, words),
    }
}

fn hex(out: &mut Vec<u8>, words: &[u64]) {
    let top = words.iter().rposition(|&word| word != 0).unwrap_or(0);
    write_to(out, format_args!("\"{:x}", words[top]));
    for word in words[..top].iter().rev() {
        write_to(out, format_args!("{word:016x}"));
    }
    out.push(b'"');
}

fn write_to(out: &mut Vec<u8>, text: std::fmt::Arguments) {
    out.write_fmt(text).expect("a vector takes everything");
}

fn int(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Whether `text` writes this byte as an escape, of at most six bytes.
fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The most bytes that `text` writes, without its quotes.
pub fn text_bytes(text: &[u8]) -> u64 {
    let escaped = text.iter().filter(|&&byte| is_escaped(byte)).count();
    (text.len() + 5 * escaped) as u64
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if !text.iter().copied().any(is_escaped) {
        out.extend_from_slice(text);
    } else {
        for &b in text {
            match b {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                0..=0x1f => write_to(out, format_args!("\\u{b:04x}")),
                _ => out.push(b),
            }
        }
    }
    out.push(b'"');
}
