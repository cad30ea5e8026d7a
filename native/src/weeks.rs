//! The weeks of a customer that do not fit into 64 bits from the first one; the rules are those of
//! `consumer/domain/table.py`.

/// The longest bit set from the first week to the last: 39 years.
const MAX_SPAN_WEEKS: usize = 2_048;
pub const FAR_BLOCK_WEEKS: u32 = 512;

/// The bits of a block of far weeks.
pub type Block = [u64; 8];

#[derive(Default, Clone)]
pub struct Weeks {
    /// From the first week on; the last word is not 0.
    pub near: Vec<u64>,
    /// Number of the block -> its bits.
    pub far: Vec<(u32, Block)>,
}

impl Weeks {
    /// Mark a week; `first` is the first week, which may become an earlier one.
    pub fn add(&mut self, first: &mut u32, week: u32) {
        let shift = i64::from(week) - i64::from(*first);
        if (0..MAX_SPAN_WEEKS as i64).contains(&shift) {
            self.set(shift as usize);
        } else if shift < 0 && self.span() + (-shift) as usize <= MAX_SPAN_WEEKS {
            self.shift_up(-shift as usize);
            self.set(0);
            *first = week;
        } else {
            self.add_far(week);
        }
    }
    pub fn add_far(&mut self, week: u32) {
        let (number, bit) = (week / FAR_BLOCK_WEEKS, (week % FAR_BLOCK_WEEKS) as usize);
        let at = self.far.iter().position(|block| block.0 == number).unwrap_or_else(|| {
            self.far.push((number, Block::default()));
            self.far.len() - 1
        });
        self.far[at].1[bit / 64] |= 1 << (bit % 64);
    }
    fn set(&mut self, bit: usize) {
        if self.near.len() <= bit / 64 {
            self.near.resize(bit / 64 + 1, 0);
        }
        self.near[bit / 64] |= 1 << (bit % 64);
    }
    /// The number of weeks from the first to the last.
    fn span(&self) -> usize {
        self.near.len() * 64 - self.near.last().map_or(0, |word| word.leading_zeros() as usize)
    }
    fn shift_up(&mut self, by: usize) {
        let mut moved = vec![0; (self.span() + by).div_ceil(64)];
        for (word, &bits) in self.near.iter().enumerate() {
            let (at, offset) = (word + by / 64, by % 64);
            if bits << offset != 0 {
                moved[at] |= bits << offset;
            }
            if offset > 0 && bits >> (64 - offset) != 0 {
                moved[at + 1] |= bits >> (64 - offset);
            }
        }
        self.near = moved;
    }
    pub fn count(&self) -> u32 {
        let far = self.far.iter().flat_map(|block| block.1);
        self.near.iter().copied().chain(far).map(u64::count_ones).sum()
    }
}
