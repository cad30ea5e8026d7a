//! Hash -> row, in segments that are split one at a time: no step is longer than the work on one segment.

/// Slots of a segment: 32 KiB; few for the fuzzer, which then reaches splits.
const SLOTS: usize = if cfg!(fuzzing) { 16 } else { 4096 };
const FULL: usize = SLOTS * 13 / 16;
/// Slots in which `likely` looks.
const LOOKED_AHEAD: usize = 4;
/// Bits of the hash that choose a segment, at most.
const MAX_DEPTH: u8 = 20;

/// Open addressing. A slot: the hash in its upper half, row + 1 in its lower; 0: free.
struct Segment {
    slots: Box<[u64]>,
    used: usize,
    depth: u8,
}

impl Segment {
    fn new(depth: u8) -> Self {
        Segment { slots: vec![0; SLOTS].into_boxed_slice(), used: 0, depth }
    }
    fn place(&mut self, slot: u64) {
        let mut at = home(slot);
        while self.slots[at] != 0 {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = slot;
        self.used += 1;
    }
}

#[inline(always)]
fn home(slot: u64) -> usize {
    (slot >> 32) as usize % SLOTS
}

#[inline(always)]
fn slot_of(hash: u32, row: u32) -> u64 {
    u64::from(hash) << 32 | (u64::from(row) + 1)
}

pub struct Index {
    /// The first `depth` bits of a hash -> its segment; segments with fewer bits stand there several times.
    directory: Vec<u32>,
    depth: u8,
    segments: Vec<Segment>,
}

impl Index {
    pub fn new() -> Self {
        Index { directory: vec![0], depth: 0, segments: vec![Segment::new(0)] }
    }
    #[inline(always)]
    fn segment(&self, hash: u32) -> usize {
        self.directory[((u64::from(hash) << self.depth) >> 32) as usize] as usize
    }
    #[inline(always)]
    pub fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let slots = &self.segments[self.segment(hash)].slots;
        let mut at = hash as usize % SLOTS;
        loop {
            let slot = slots[at];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == hash {
                let row = (slot as u32).wrapping_sub(1);
                if is(row) {
                    return Some(row);
                }
            }
            at = (at + 1) % SLOTS;
        }
    }
    /// Fetch the hash's slot into the processor's cache.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(&self.segments[self.segment(hash)].slots[hash as usize % SLOTS]);
    }
    /// The row that `find` will probably find, to be fetched.
    #[inline(always)]
    pub fn likely(&self, hash: u32) -> Option<u32> {
        let slots = &self.segments[self.segment(hash)].slots;
        (0..LOOKED_AHEAD)
            .map(|n| slots[(hash as usize + n) % SLOTS])
            .find(|slot| (slot >> 32) as u32 == hash && *slot != 0)
            .map(|slot| (slot as u32).wrapping_sub(1))
    }
    /// Add a row that is not in the index.
    pub fn insert(&mut self, hash: u32, row: u32) {
        while self.segments[self.segment(hash)].used >= FULL {
            self.split(hash);
        }
        let segment = self.segment(hash);
        self.segments[segment].place(slot_of(hash, row));
    }
    #[cold]
    fn split(&mut self, hash: u32) {
        let old = self.segment(hash);
        let depth = self.segments[old].depth + 1;
        assert!(depth <= MAX_DEPTH, "too many rows with similar hashes");
        if depth > self.depth {
            self.directory = self.directory.iter().flat_map(|&segment| [segment, segment]).collect();
            self.depth = depth;
        }
        let mut halves = [Segment::new(depth), Segment::new(depth)];
        for &slot in self.segments[old].slots.iter().filter(|&&slot| slot != 0) {
            halves[(slot >> (64 - depth) & 1) as usize].place(slot);
        }
        let [lower, upper] = halves;
        self.segments[old] = lower;
        let new = self.segments.len() as u32;
        self.segments.push(upper);
        // The old segment's entries stand together; the second half of them begins with the bit 1.
        let width = 1usize << (self.depth - depth);
        let prefix = ((u64::from(hash) << depth) >> 32) as usize | 1;
        self.directory[prefix * width..(prefix + 1) * width].fill(new);
    }
    /// Remove a row that is in the index.
    pub fn remove(&mut self, hash: u32, row: u32) {
        let segment = self.segment(hash);
        let segment = &mut self.segments[segment];
        let slot = slot_of(hash, row);
        let mut free = hash as usize % SLOTS;
        while segment.slots[free] != slot {
            free = (free + 1) % SLOTS;
        }
        // What follows moves up, unless it would then stand before its own slot.
        let mut at = free;
        loop {
            at = (at + 1) % SLOTS;
            let next = segment.slots[at];
            if next == 0 {
                break;
            }
            let from_home = (at + SLOTS - home(next)) % SLOTS;
            if from_home >= (at + SLOTS - free) % SLOTS {
                segment.slots[free] = next;
                free = at;
            }
        }
        segment.slots[free] = 0;
        segment.used -= 1;
    }
}

#[inline(always)]
pub fn prefetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        // SAFETY: a prefetch changes nothing, whatever the address; and this one is a reference's.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
