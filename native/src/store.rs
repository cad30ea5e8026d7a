//! Rows and texts that stay where they are: they grow by a chunk, and nothing is moved.

/// Rows of a chunk; few for the fuzzer, which then reaches several chunks.
const ROWS: usize = if cfg!(fuzzing) { 4 } else { 1 << 13 };

pub struct Rows<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Rows<T> {
    pub fn new() -> Self {
        Rows { chunks: Vec::new(), len: 0 }
    }
    pub fn push(&mut self, value: T) -> u32 {
        let row = u32::try_from(self.len).expect("at most 2^32 rows");
        if self.len.is_multiple_of(ROWS) {
            self.chunks.push(Vec::with_capacity(ROWS));
        }
        self.chunks[self.len / ROWS].push(value);
        self.len += 1;
        row
    }
    pub fn len(&self) -> usize {
        self.len
    }
}

impl<T> std::ops::Index<u32> for Rows<T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, row: u32) -> &T {
        &self.chunks[row as usize / ROWS][row as usize % ROWS]
    }
}

impl<T> std::ops::IndexMut<u32> for Rows<T> {
    #[inline(always)]
    fn index_mut(&mut self, row: u32) -> &mut T {
        &mut self.chunks[row as usize / ROWS][row as usize % ROWS]
    }
}

/// The longest id that is kept in its row.
pub const INLINE: usize = 12;
/// The length of an id that is kept in `Ids`.
const ELSEWHERE: u8 = 15;
const BLOCK_BYTES: usize = if cfg!(fuzzing) { 64 } else { 1 << 20 };

/// An id's first bytes, or where it is: block, place in the block, length.
pub type Id = [u8; INLINE];

/// The ids that are too long for their rows.
pub struct Ids {
    blocks: Vec<Vec<u8>>,
}

impl Ids {
    pub fn new() -> Self {
        Ids { blocks: Vec::new() }
    }
    /// An id as it is kept in a row, and its length there.
    pub fn store(&mut self, id: &[u8]) -> (Id, u8) {
        if let Some(short) = inline(id) {
            return short;
        }
        let len = u16::try_from(id.len()).expect("an id has at most 65,535 bytes");
        let room = self.blocks.last().is_some_and(|block| block.len() + id.len() <= BLOCK_BYTES);
        if !room {
            self.blocks.push(Vec::with_capacity(BLOCK_BYTES));
        }
        let number = self.blocks.len() - 1;
        let block = &mut self.blocks[number];
        let mut kept = [0; INLINE];
        kept[..4].copy_from_slice(&(number as u32).to_le_bytes());
        kept[4..8].copy_from_slice(&(block.len() as u32).to_le_bytes());
        kept[8..10].copy_from_slice(&len.to_le_bytes());
        block.extend_from_slice(id);
        (kept, ELSEWHERE)
    }
    #[inline(always)]
    pub fn load<'a>(&'a self, id: &'a Id, len: u8) -> &'a [u8] {
        if len != ELSEWHERE {
            return &id[..len as usize];
        }
        let word = |at: usize| u32::from_le_bytes([id[at], id[at + 1], id[at + 2], id[at + 3]]) as usize;
        let len = u16::from_le_bytes([id[8], id[9]]) as usize;
        &self.blocks[word(0)][word(4)..word(4) + len]
    }
}

/// The id as it is kept in a row, if it is short enough.
#[inline(always)]
pub fn inline(id: &[u8]) -> Option<(Id, u8)> {
    (id.len() <= INLINE).then(|| {
        let mut kept = [0; INLINE];
        kept[..id.len()].copy_from_slice(id);
        (kept, id.len() as u8)
    })
}
