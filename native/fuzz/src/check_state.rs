//! A table is what its changelog restores, after whatever it has restored and taken itself.

use crate::pack::{changes, part, Sizes};
use crate::records::{Record, Span};
use crate::restore::restore;
use crate::table::Table;

/// Between two steps: no byte of UTF-8.
const BETWEEN: u8 = 0xff;
const WIDE: Sizes = (1_000, 500, 5_000, 1 << 20);
const NARROW: Sizes = (2, 1, 3, 200);

/// One byte of options, then steps: changelog records first; then events, and an empty step packs the changes.
pub fn check_state(data: &[u8]) {
    let Some((&options, steps)) = data.split_first() else { return };
    let (active, sizes) = (options & 1 != 0, if options & 2 != 0 { WIDE } else { NARROW });
    let x = 1 + usize::from(options >> 6);
    let new = || Table::new(x, active, None, true);
    let (mut table, mut follower) = (new(), new());
    let mut steps = steps.split(|&byte| byte == BETWEEN).peekable();
    while let Some(value) = steps.next_if(|step| step.starts_with(b"{\"v\":")) {
        assert_eq!(restores(&mut table, value), restores(&mut follower, value));
    }
    table.rank_all();
    let mut events: Vec<&[u8]> = Vec::new();
    for step in steps.chain([&b""[..]]) {
        if !step.is_empty() {
            events.push(step);
            continue;
        }
        take(&mut table, &std::mem::take(&mut events));
        for value in changes(&mut table, sizes) {
            assert!(restores(&mut follower, &value), "a change can't be restored");
        }
        assert_eq!(table.best(), table.top(x, active));
    }
    assert_eq!(customers(&table), customers(&follower));

    let mut copy = new();
    let mut place = (0, 0);
    while place.0 < table.customers.len() as u32 {
        let before = place;
        let (values, after) = part(&table, place, table.customers.len() as u32, 1, 300, sizes);
        assert_ne!(after, before);
        for value in values {
            assert!(restores(&mut copy, &value), "a part of the table can't be restored");
        }
        place = after;
    }
    assert_eq!(customers(&table), customers(&copy));
    for row in 0..table.customers.len() as u32 {
        assert_eq!(table.find(table.customer_id(row)), Some(row));
    }
}

fn restores(table: &mut Table, value: &[u8]) -> bool {
    let value: Box<[u8]> = value.into();
    let mut scratch = vec![0; value.len()];
    restore(table, &value, &mut scratch).is_some()
}

fn take(table: &mut Table, events: &[&[u8]]) {
    let buffer = events.concat().into_boxed_slice();
    let mut at = 0;
    let record = |event: &&[u8]| {
        let value = Span { at, len: event.len() as i32 };
        at += event.len() as u32;
        Record { key: Span::NULL, value }
    };
    let records: Vec<Record> = events.iter().map(record).collect();
    table.take(&buffer, &records, false, u64::MAX);
}

/// Id, name and its stamp, cents, first week, number of weeks, visits; then the orders: id, stamp, cents.
type Known = (String, Option<String>, u64, u128, u32, u32, u64, Vec<(String, u64, u64)>);

fn customers(table: &Table) -> Vec<Known> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).expect("UTF-8").to_owned();
    let known = |row| {
        let of = &table.customers[row];
        let order = |order| (text(table.order_id(order)), table.orders[order].stamp(), table.orders[order].cents());
        let mut orders: Vec<_> = table.orders_from(of.first_order).map(order).collect();
        orders.sort_unstable();
        assert_eq!(orders.len(), of.orders as usize);
        assert!(orders.is_sorted_by(|a, b| a.0 < b.0), "an order stands twice");
        assert_eq!(table.spend(row), orders.iter().map(|order| u128::from(order.2)).sum());
        let (spend, weeks) = (table.spend(row), table.week_count(row));
        let name = table.name(row).map(text);
        (text(table.customer_id(row)), name, of.name_stamp, spend, of.first_week, weeks, of.visits, orders)
    };
    let mut found: Vec<Known> = (0..table.customers.len() as u32).map(known).collect();
    found.sort_unstable();
    assert!(found.is_sorted_by(|a, b| a.0 < b.0), "a customer stands twice");
    assert_eq!(table.revenue, found.iter().map(|customer| customer.3).sum());
    assert_eq!(table.orders.len(), found.iter().map(|customer| customer.7.len()).sum::<usize>());
    found
}
