//! A customer's orders and weeks, and the ten best customers.

use std::cmp::Ordering;
use std::error::Error;

use hashbrown::HashMap;
use serde_json::{Value, json};

use crate::event::Event;

const TOP: usize = 10;
const DAY_MS: i64 = 86_400_000;

#[derive(Default)]
pub struct Customer {
    cents: i64,
    first_week: i64,
    /// A bit set from the first week on; the load has 52.
    weeks: u64,
    orders: HashMap<Box<str>, Order>,
}

struct Order {
    cents: i64,
    time: i64,
}

impl Customer {
    /// Mark the event's week as active; of an order, keep the newest version.
    pub fn add(&mut self, event: &Event) -> Result<(), Box<dyn Error>> {
        let time = event.time()?;
        self.be_active((time.div_euclid(DAY_MS) + 4).div_euclid(7));
        if event.r#type != "ORDER" {
            return Ok(());
        }
        let cents = event.cents()?;
        match self.orders.get_mut(event.key) {
            Some(order) if time > order.time => {
                self.cents += cents - order.cents;
                *order = Order { cents, time };
            }
            Some(_) => {}
            None => {
                self.cents += cents;
                self.orders.insert(event.key.into(), Order { cents, time });
            }
        }
        Ok(())
    }

    /// Weeks go from Sunday to Saturday.
    fn be_active(&mut self, week: i64) {
        if self.weeks == 0 {
            self.first_week = week;
        } else if week < self.first_week {
            self.weeks <<= self.first_week - week;
            self.first_week = week;
        }
        self.weeks |= 1 << (week - self.first_week);
    }
}

/// The best by spend / weeks, compared exactly; ties go by id.
pub fn top(customers: &HashMap<Box<[u8]>, Customer>) -> Vec<Value> {
    let mut rows: Vec<(&[u8], i64, i64)> = customers
        .iter()
        .map(|(id, customer)| {
            (
                &**id,
                customer.cents,
                i64::from(customer.weeks.count_ones()),
            )
        })
        .collect();
    let best_first = |a: &(&[u8], i64, i64), b: &(&[u8], i64, i64)| -> Ordering {
        (b.1 * a.2).cmp(&(a.1 * b.2)).then(a.0.cmp(b.0))
    };
    rows.sort_unstable_by(best_first);
    rows.iter()
        .take(TOP)
        .map(|(id, cents, weeks)| {
            json!({"customer_id": String::from_utf8_lossy(id), "cents": cents, "weeks": weeks})
        })
        .collect()
}
