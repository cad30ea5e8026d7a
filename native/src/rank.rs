//! The top x, updated with what changed, and exact; the rules are those of `consumer/domain/top.py`.

use std::cmp::Ordering;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::table::Table;

const MIN_POOL: usize = if cfg!(fuzzing) { 2 } else { 1_000 };
const POOL_PER_X: usize = if cfg!(fuzzing) { 1 } else { 4 };
const SHRINK_AT: usize = if cfg!(fuzzing) { 2 } else { 4 };
const KEY_BITS: u32 = 40;

/// A customer's value (`contract/lifetime_value.py`) and row; the larger value is better, then the smaller id.
type Position = (u128, u32);

pub struct Ranking {
    x: usize,
    active: bool,
    size: usize,
    pool: HashMap<u32, u128, RandomState>,
    /// All customers outside the pool rank behind this position; None: all customers are in the pool.
    bound: Option<Position>,
}

impl Ranking {
    pub fn new(x: usize, active: bool) -> Self {
        let size = MIN_POOL.max(POOL_PER_X * x);
        Ranking { x, active, size, pool: HashMap::default(), bound: None }
    }
}

impl Table {
    #[inline(always)]
    fn value(&self, row: u32, active: bool) -> u128 {
        let spend = self.spend(row);
        if !active {
            return spend;
        }
        let weeks = self.week_count(row);
        match u64::try_from(spend) {
            Ok(spend) if spend >> (64 - KEY_BITS) == 0 => u128::from((spend << KEY_BITS) / u64::from(weeks)),
            _ => spend.checked_mul(1 << KEY_BITS).expect("a spend below 2^88 cents") / u128::from(weeks),
        }
    }
    /// Less: `a` ranks before `b`.
    #[inline(always)]
    fn order(&self, a: Position, b: Position) -> Ordering {
        b.0.cmp(&a.0).then_with(|| self.customer_id(a.1).cmp(self.customer_id(b.1)))
    }
    /// Rank a customer who has changed, perhaps with orders.
    #[inline(always)]
    pub fn rank(&mut self, row: u32, has_changed_orders: bool) {
        let ranking = &self.ranking;
        let bound = ranking.bound;
        // Without a changed order, a customer has not risen; a new customer without an order ranks at zero.
        let zero_is_in = bound.is_none_or(|bound| bound.0 == 0);
        if !has_changed_orders && !zero_is_in && !ranking.pool.contains_key(&row) {
            return;
        }
        let position = (self.value(row, ranking.active), row);
        if bound.is_none_or(|bound| self.order(position, bound) != Ordering::Greater) {
            self.ranking.pool.insert(row, position.0);
        } else {
            self.ranking.pool.remove(&row);
        }
    }
    /// Refill the pool from the full table, or shrink it, where that is due.
    pub fn settle_ranking(&mut self) {
        let Ranking { x, active, size, pool, .. } = &self.ranking;
        let (size, active) = (*size, *active);
        let best = if pool.len() < (*x).min(self.customers.len()) {
            let all = (0..self.customers.len() as u32).map(|row| (self.value(row, active), row));
            self.best_of(all, size)
        } else if pool.len() > SHRINK_AT * size {
            self.best_of(pool.iter().map(|(&row, &value)| (value, row)), size)
        } else {
            return;
        };
        self.ranking.bound = if best.len() == size { best.last().copied() } else { None };
        self.ranking.pool = best.into_iter().map(|(value, row)| (row, value)).collect();
    }
    /// Rank everybody.
    pub fn rank_all(&mut self) {
        for row in 0..self.customers.len() as u32 {
            self.rank(row, true);
            if self.ranking.pool.len() > SHRINK_AT * self.ranking.size {
                self.settle_ranking();
            }
        }
        self.settle_ranking();
    }
    /// The best of these, best first; in memory for twice as many.
    fn best_of(&self, all: impl Iterator<Item = Position>, most: usize) -> Vec<Position> {
        let mut best: Vec<Position> = Vec::new();
        for position in all {
            best.push(position);
            if best.len() >= 2 * most {
                best.select_nth_unstable_by(most - 1, |&a, &b| self.order(a, b));
                best.truncate(most);
            }
        }
        best.sort_unstable_by(|&a, &b| self.order(a, b));
        best.truncate(most);
        best
    }
    /// The top x as of the last changes, best first.
    pub fn best(&self) -> Vec<u32> {
        let pool = self.ranking.pool.iter().map(|(&row, &value)| (value, row));
        self.best_of(pool, self.ranking.x).into_iter().map(|(_, row)| row).collect()
    }
    /// The best of all customers, ranked now.
    pub fn top(&self, x: usize, active: bool) -> Vec<u32> {
        let all = (0..self.customers.len() as u32).map(|row| (self.value(row, active), row));
        self.best_of(all, x).into_iter().map(|(_, row)| row).collect()
    }
}
