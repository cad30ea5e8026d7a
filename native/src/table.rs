//! The customers and orders of one partition; the rules are those of `consumer/domain/`.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use crate::event::{decode, Event, Kind, MAX_EVENT_BYTES};
use crate::index::{prefetch, Index};
use crate::pack::text_bytes;
use crate::partitioner::Home;
use crate::rank::Ranking;
use crate::records::Record;
use crate::store::{inline, Id, Ids, Rows, INLINE};
use crate::weeks::Weeks;

/// Events that are decoded before the first of them is added: their rows come from memory meanwhile.
const AHEAD: usize = 64;
/// No row.
pub const NONE: u32 = u32::MAX;

/// As in `consumer/domain/table.py`; but texts are counted as `pack::text_bytes` does, not each character as an escape.
const ROW_BYTES: u64 = 112;
const ORDER_BYTES: u64 = 48;
const FAR_BLOCK_BYTES: u64 = 144;
/// 64 weeks, in hex.
const WORD_BYTES: u64 = 16;

const CHANGED: u8 = 1;
/// `weeks` is a row of `Table::wide`.
const WIDE: u8 = 2;
/// The upper part of the spend is in `Table::rich`.
const RICH: u8 = 4;

#[repr(C, align(64))]
pub struct Customer {
    /// From the first week on.
    weeks: u64,
    spend: u64,
    pub name_stamp: u64,
    pub visits: u64,
    pub first_week: u32,
    pub orders: u32,
    name: u32,
    /// The first of a list, the newest order first.
    pub first_order: u32,
    id: Id,
    id_len: u8,
    flags: u8,
}

/// 36 bytes: two numbers of 64 bits are kept as halves.
pub struct Order {
    stamp: [u32; 2],
    /// The cents; in the upper half also the flags and the id's length.
    packed: [u32; 2],
    customer: u32,
    /// The next one of the same customer.
    pub next: u32,
    id: Id,
}

const CENTS: u64 = (1 << 57) - 1;
const ORDER_CHANGED: u64 = 1 << 59;
const ID_LEN_AT: u32 = 60;

#[inline(always)]
fn halves(n: u64) -> [u32; 2] {
    [n as u32, (n >> 32) as u32]
}
#[inline(always)]
fn whole(halves: [u32; 2]) -> u64 {
    u64::from(halves[0]) | u64::from(halves[1]) << 32
}

impl Order {
    #[inline(always)]
    pub fn stamp(&self) -> u64 {
        whole(self.stamp)
    }
    #[inline(always)]
    pub fn cents(&self) -> u64 {
        whole(self.packed) & CENTS
    }
    #[inline(always)]
    fn id_len(&self) -> u8 {
        (self.packed[1] >> 28) as u8
    }
}

/// A last name, and how many customers have it.
struct Name {
    text: Box<[u8]>,
    customers: u32,
}

/// The hashes of an event's customer and order.
#[derive(Clone, Copy)]
pub struct Located {
    customer: u32,
    order: Option<u32>,
}

/// A customer's weeks as a changelog row has them.
pub enum RowWeeks {
    Word(u64),
    Wide(Weeks),
}

/// A customer's row as a changelog record has it, without its orders.
pub struct Row<'a> {
    pub id: &'a [u8],
    pub first_week: u32,
    pub weeks: RowWeeks,
    pub visits: u64,
    pub name: Option<&'a [u8]>,
    pub name_stamp: u64,
}

/// What became of the records that were offered.
#[derive(Default)]
pub struct Taken {
    /// Events added, by `Kind`.
    pub events: [u64; 4],
    /// The indexes of the records that the reference must look at.
    pub rest: Vec<usize>,
}

pub struct Table {
    hasher: RandomState,
    pub customers: Rows<Customer>,
    by_id: Index,
    pub orders: Rows<Order>,
    by_order: Index,
    ids: Ids,
    names: Rows<Name>,
    by_name: Index,
    free_names: Vec<u32>,
    wide: Rows<Weeks>,
    rich: HashMap<u32, u64>,
    home: Option<Home>,
    notes_changes: bool,
    pub changed: Vec<u32>,
    pub changed_orders: Vec<u32>,
    pub changed_bytes: u64,
    pub events: u64,
    pub revenue: u128,
    /// Times, doubled; first > last: there is no event.
    pub first: u64,
    pub last: u64,
    pub ranking: Ranking,
    scratch: Vec<u8>,
}

impl Table {
    pub fn new(x: usize, active: bool, home: Option<Home>, notes_changes: bool) -> Self {
        Table {
            hasher: RandomState::default(),
            customers: Rows::new(),
            by_id: Index::new(),
            orders: Rows::new(),
            by_order: Index::new(),
            ids: Ids::new(),
            names: Rows::new(),
            by_name: Index::new(),
            free_names: Vec::new(),
            wide: Rows::new(),
            rich: HashMap::new(),
            home,
            notes_changes,
            changed: Vec::new(),
            changed_orders: Vec::new(),
            changed_bytes: 0,
            events: 0,
            revenue: 0,
            first: u64::MAX,
            last: 0,
            ranking: Ranking::new(x, active),
            scratch: Vec::new(),
        }
    }

    /// Decode records and add their events, but for those later than `latest`, a time doubled.
    pub fn take(&mut self, buffer: &[u8], records: &[Record], keyed: bool, latest: u64) -> Taken {
        let mut taken = Taken::default();
        let mut scratch = std::mem::take(&mut self.scratch);
        let text_bytes = records.iter().map(decodable).sum();
        if scratch.len() < text_bytes {
            scratch.resize(text_bytes, 0);
        }
        let mut free = &mut scratch[..];
        let mut events: Vec<(usize, Event, Located)> = Vec::with_capacity(AHEAD);
        for (number, some) in records.chunks(AHEAD).enumerate() {
            events.clear();
            for (i, record) in some.iter().enumerate() {
                let (own, rest) = free.split_at_mut(decodable(record));
                free = rest;
                match event_of(buffer, record, keyed, own) {
                    Some(event) if event.time <= latest => {
                        let located = self.locate(&event);
                        events.push((number * AHEAD + i, event, located));
                    }
                    _ => taken.rest.push(number * AHEAD + i),
                }
            }
            for (_, _, located) in &events {
                self.fetch_rows(*located);
            }
            for (index, event, located) in &events {
                if self.add(event, *located) {
                    taken.events[event.kind as usize] += 1;
                } else {
                    taken.rest.push(*index);
                }
            }
        }
        taken.rest.sort_unstable();
        self.scratch = scratch;
        taken
    }

    #[inline(always)]
    fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish()
    }
    /// The hashes of an event's ids, whose slots are fetched.
    #[inline(always)]
    pub fn locate(&self, event: &Event) -> Located {
        let customer = self.hash(event.customer) as u32;
        self.by_id.prefetch(customer);
        let order = (event.kind == Kind::Order).then(|| {
            let hash = self.order_hash(customer, event.key);
            self.by_order.prefetch(hash);
            hash
        });
        Located { customer, order }
    }
    #[inline(always)]
    fn order_hash(&self, customer: u32, id: &[u8]) -> u32 {
        ((self.hash(id) ^ u64::from(customer)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
    }
    #[inline(always)]
    fn fetch_rows(&self, located: Located) {
        if let Some(row) = self.by_id.likely(located.customer) {
            prefetch(&self.customers[row]);
        }
        if let Some(row) = located.order.and_then(|hash| self.by_order.likely(hash)) {
            // An order may lie across two lines of the cache.
            prefetch(&self.orders[row]);
            prefetch(&self.orders[row].id[INLINE - 1]);
        }
    }

    pub fn customer_id(&self, row: u32) -> &[u8] {
        let customer = &self.customers[row];
        self.ids.load(&customer.id, customer.id_len)
    }
    pub fn order_id(&self, row: u32) -> &[u8] {
        let order = &self.orders[row];
        self.ids.load(&order.id, order.id_len())
    }
    /// The orders of a list, from one on.
    pub fn orders_from(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |row: u32| (row != NONE).then_some(row);
        std::iter::successors(some(first), move |&row| some(self.orders[row].next))
    }
    pub fn name(&self, row: u32) -> Option<&[u8]> {
        let name = self.customers[row].name;
        (name != NONE).then(|| &*self.names[name].text)
    }
    pub fn find(&self, id: &[u8]) -> Option<u32> {
        self.find_customer(self.hash(id) as u32, id)
    }
    #[inline(always)]
    fn find_customer(&self, hash: u32, id: &[u8]) -> Option<u32> {
        match inline(id) {
            Some((id, len)) => self.by_id.find(hash, |row| {
                let customer = &self.customers[row];
                customer.id == id && customer.id_len == len
            }),
            None => self.by_id.find(hash, |row| self.customer_id(row) == id),
        }
    }
    #[inline(always)]
    fn find_order(&self, hash: u32, customer: u32, id: &[u8]) -> Option<u32> {
        match inline(id) {
            Some((id, len)) => self.by_order.find(hash, |row| {
                let order = &self.orders[row];
                order.customer == customer && order.id == id && order.id_len() == len
            }),
            None => self.by_order.find(hash, |row| self.orders[row].customer == customer && self.order_id(row) == id),
        }
    }
    fn new_customer(&mut self, hash: u32, id: &[u8], week: u32) -> u32 {
        let (id, id_len) = self.ids.store(id);
        let row = self.customers.push(Customer {
            weeks: 1,
            spend: 0,
            name_stamp: 0,
            visits: 0,
            first_week: week,
            orders: 0,
            name: NONE,
            first_order: NONE,
            id,
            id_len,
            flags: 0,
        });
        self.by_id.insert(hash, row);
        row
    }

    /// Add an event; false: its customer does not belong here.
    #[inline(always)]
    pub fn add(&mut self, event: &Event, located: Located) -> bool {
        let week = event.week();
        let row = match self.find_customer(located.customer, event.customer) {
            Some(row) => row,
            None => {
                if self.home.is_some_and(|home| !home.has(event.customer)) {
                    return false;
                }
                self.new_customer(located.customer, event.customer, week)
            }
        };
        self.first = self.first.min(event.time);
        self.last = self.last.max(event.time);
        self.events += 1;
        self.add_week(row, week);
        if self.notes_changes && self.customers[row].flags & CHANGED == 0 {
            self.note_change(row);
        }
        match event.kind {
            Kind::Order => {
                let hash = located.order.expect("orders are located by their order");
                self.put_order(row, hash, event.key, event.stamp(), event.cents, self.notes_changes);
            }
            Kind::Visit => {
                let visits = &mut self.customers[row].visits;
                *visits = visits.checked_add(1).expect("fewer than 2^64 visits");
            }
            Kind::Customer => {
                if let Some(name) = event.name {
                    self.changed_bytes += text_bytes(name);
                    self.put_name(row, name, event.stamp());
                }
            }
            Kind::Image => {}
        }
        true
    }
    fn note_change(&mut self, row: u32) {
        self.customers[row].flags |= CHANGED;
        self.changed.push(row);
        let text = text_bytes(self.customer_id(row)) + self.name(row).map_or(0, text_bytes);
        self.changed_bytes += ROW_BYTES + text;
        self.changed_bytes += match self.wide_weeks(row) {
            None => WORD_BYTES,
            Some(weeks) => WORD_BYTES * weeks.near.len() as u64 + FAR_BLOCK_BYTES * weeks.far.len() as u64,
        };
    }
    #[inline(always)]
    fn add_week(&mut self, row: u32, week: u32) {
        let customer = &mut self.customers[row];
        let shift = week.wrapping_sub(customer.first_week);
        if shift < 64 && customer.flags & WIDE == 0 {
            customer.weeks |= 1 << shift;
        } else {
            self.add_far_week(row, week);
        }
    }
    #[cold]
    fn add_far_week(&mut self, row: u32, week: u32) {
        let customer = &mut self.customers[row];
        if customer.flags & WIDE == 0 {
            let earlier = customer.first_week.saturating_sub(week);
            if earlier > 0 && earlier <= customer.weeks.leading_zeros() {
                customer.weeks = customer.weeks << earlier | 1;
                customer.first_week = week;
                return;
            }
            let near = vec![customer.weeks];
            customer.weeks = u64::from(self.wide.push(Weeks { near, far: Vec::new() }));
            customer.flags |= WIDE;
        }
        let weeks = &mut self.wide[customer.weeks as u32];
        let (words, blocks) = (weeks.near.len(), weeks.far.len());
        weeks.add(&mut customer.first_week, week);
        self.changed_bytes += WORD_BYTES * (weeks.near.len() - words) as u64;
        self.changed_bytes += FAR_BLOCK_BYTES * (weeks.far.len() - blocks) as u64;
    }
    /// The weeks of a customer that are more than 64 bits.
    pub fn wide_weeks(&self, row: u32) -> Option<&Weeks> {
        let customer = &self.customers[row];
        (customer.flags & WIDE != 0).then(|| &self.wide[customer.weeks as u32])
    }
    /// The week bits of a customer who has at most 64.
    pub fn week_bits(&self, row: u32) -> u64 {
        self.customers[row].weeks
    }
    #[inline(always)]
    pub fn week_count(&self, row: u32) -> u32 {
        match self.wide_weeks(row) {
            None => self.customers[row].weeks.count_ones(),
            Some(weeks) => weeks.count(),
        }
    }

    #[inline(always)]
    fn put_order(&mut self, customer: u32, hash: u32, id: &[u8], stamp: u64, cents: u64, notes: bool) {
        let (row, before) = match self.find_order(hash, customer, id) {
            Some(row) => {
                let order = &mut self.orders[row];
                let before = order.cents();
                if (stamp, cents) <= (order.stamp(), before) {
                    return;
                }
                order.stamp = halves(stamp);
                order.packed = halves(whole(order.packed) & !CENTS | cents);
                (row, before)
            }
            None => {
                let (id, len) = self.ids.store(id);
                let of = &mut self.customers[customer];
                let row = self.orders.push(Order {
                    stamp: halves(stamp),
                    packed: halves(u64::from(len) << ID_LEN_AT | cents),
                    customer,
                    next: of.first_order,
                    id,
                });
                of.first_order = row;
                of.orders += 1;
                self.by_order.insert(hash, row);
                (row, 0)
            }
        };
        self.pay(customer, cents, before);
        if notes && whole(self.orders[row].packed) & ORDER_CHANGED == 0 {
            let order = &mut self.orders[row];
            order.packed = halves(whole(order.packed) | ORDER_CHANGED);
            self.changed_orders.push(row);
            self.changed_bytes += ORDER_BYTES + text_bytes(id);
        }
    }
    #[inline(always)]
    fn pay(&mut self, customer: u32, cents: u64, before: u64) {
        self.revenue = self.revenue + u128::from(cents) - u128::from(before);
        let of = &mut self.customers[customer];
        match of.spend.checked_add(cents) {
            Some(sum) if of.flags & RICH == 0 => of.spend = sum - before,
            _ => {
                let spend = self.spend(customer) + u128::from(cents) - u128::from(before);
                let of = &mut self.customers[customer];
                of.spend = spend as u64;
                of.flags |= RICH;
                self.rich.insert(customer, (spend >> 64) as u64);
            }
        }
    }
    #[inline(always)]
    pub fn spend(&self, row: u32) -> u128 {
        let customer = &self.customers[row];
        let low = u128::from(customer.spend);
        if customer.flags & RICH == 0 {
            low
        } else {
            u128::from(self.rich[&row]) << 64 | low
        }
    }

    fn put_name(&mut self, row: u32, name: &[u8], stamp: u64) {
        let known_stamp = self.customers[row].name_stamp;
        if self.name(row).is_some_and(|known| (stamp, name) <= (known_stamp, known)) {
            return;
        }
        self.set_name(row, Some(name), stamp);
    }
    fn set_name(&mut self, row: u32, name: Option<&[u8]>, stamp: u64) {
        if self.name(row) != name {
            let new = name.map_or(NONE, |name| self.take_name(name));
            let old = std::mem::replace(&mut self.customers[row].name, new);
            if old != NONE {
                self.release_name(old);
            }
        }
        self.customers[row].name_stamp = stamp;
    }
    fn take_name(&mut self, text: &[u8]) -> u32 {
        let hash = self.hash(text) as u32;
        if let Some(row) = self.by_name.find(hash, |row| *self.names[row].text == *text) {
            self.names[row].customers += 1;
            return row;
        }
        let name = Name { text: text.into(), customers: 1 };
        let row = match self.free_names.pop() {
            Some(row) => {
                self.names[row] = name;
                row
            }
            None => self.names.push(name),
        };
        self.by_name.insert(hash, row);
        row
    }
    fn release_name(&mut self, row: u32) {
        self.names[row].customers -= 1;
        if self.names[row].customers == 0 {
            let text = std::mem::take(&mut self.names[row].text);
            self.by_name.remove(self.hash(&text) as u32, row);
            self.free_names.push(row);
        }
    }

    /// Put a changelog row into the table; it replaces what is known of the customer, but not its orders.
    pub fn restore_row(&mut self, row: Row) -> u32 {
        let hash = self.hash(row.id) as u32;
        let at = match self.find_customer(hash, row.id) {
            Some(at) => at,
            None => self.new_customer(hash, row.id, row.first_week),
        };
        let customer = &mut self.customers[at];
        customer.first_week = row.first_week;
        customer.visits = row.visits;
        let is_wide = customer.flags & WIDE != 0;
        match row.weeks {
            RowWeeks::Word(bits) if !is_wide => customer.weeks = bits,
            RowWeeks::Word(bits) => self.wide[customer.weeks as u32] = Weeks { near: vec![bits], far: Vec::new() },
            RowWeeks::Wide(weeks) if is_wide => self.wide[customer.weeks as u32] = weeks,
            RowWeeks::Wide(weeks) => {
                customer.weeks = u64::from(self.wide.push(weeks));
                customer.flags |= WIDE;
            }
        }
        self.set_name(at, row.name, row.name_stamp);
        at
    }
    /// Put an order of a changelog row into the table. Rows are absolute, and later ones are never smaller.
    pub fn restore_order(&mut self, customer: u32, customer_id: &[u8], id: &[u8], stamp: u64, cents: u64) {
        let hash = self.order_hash(self.hash(customer_id) as u32, id);
        self.put_order(customer, hash, id, stamp, cents, false);
    }

    /// The changed customers, and the changed orders with their customers, both ascending; they are no changes then.
    pub fn take_changes(&mut self) -> (Vec<u32>, Vec<(u32, u32)>) {
        let mut customers = std::mem::take(&mut self.changed);
        customers.sort_unstable();
        let changed_orders = std::mem::take(&mut self.changed_orders);
        let mut orders = Vec::with_capacity(changed_orders.len());
        for row in changed_orders {
            let order = &mut self.orders[row];
            order.packed = halves(whole(order.packed) & !ORDER_CHANGED);
            orders.push((order.customer, row));
        }
        orders.sort_unstable();
        for &row in &customers {
            self.customers[row].flags &= !CHANGED;
        }
        self.changed_bytes = 0;
        (customers, orders)
    }

    /// A customer who does not belong here.
    pub fn misplaced(&self) -> Option<&[u8]> {
        let home = self.home?;
        (0..self.customers.len() as u32).map(|row| self.customer_id(row)).find(|id| !home.has(id))
    }
}

/// The bytes of a value that may be decoded.
#[inline(always)]
fn decodable(record: &Record) -> usize {
    let len = usize::try_from(record.value.len).unwrap_or(0);
    if len > MAX_EVENT_BYTES {
        0
    } else {
        len
    }
}

#[inline(always)]
fn event_of<'a>(buffer: &'a [u8], record: &Record, keyed: bool, scratch: &'a mut [u8]) -> Option<Event<'a>> {
    if record.value.len <= 0 {
        return None;
    }
    let from = record.value.at as usize;
    let event = decode(buffer, from, from + record.value.len as usize, scratch)?;
    (!keyed || record.key.of(buffer) == Some(event.customer)).then_some(event)
}
