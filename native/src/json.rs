//! A cursor over JSON text. `None` means "ask the reference": it never says that a text is wrong.

/// Deeper values are left to the reference.
const MAX_DEPTH: u32 = 32;
/// Longer numbers are left to the reference.
const MAX_DIGITS: usize = 17;

pub struct Cursor<'a> {
    b: &'a [u8],
    /// Readable bytes after `b`, for reads of 16 bytes at once.
    slack: usize,
    pub at: usize,
    /// A byte beyond ASCII was seen.
    pub high: bool,
    /// Where strings with escapes are written: at least as long as `b`, for they never become longer.
    scratch: &'a mut [u8],
}

impl<'a> Cursor<'a> {
    /// At the beginning of `whole[from..to]`.
    #[inline(always)]
    pub fn new(whole: &'a [u8], from: usize, to: usize, scratch: &'a mut [u8]) -> Self {
        Cursor { b: &whole[from..to], slack: whole.len() - to, at: 0, high: false, scratch }
    }
    #[inline(always)]
    pub fn peek(&self) -> Option<u8> {
        self.b.get(self.at).copied()
    }
    #[inline(always)]
    pub fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }
    #[inline(always)]
    pub fn take(&mut self, c: u8) -> Option<()> {
        (self.peek()? == c).then(|| self.at += 1)
    }
    pub fn word(&mut self, word: &[u8]) -> Option<()> {
        self.b[self.at..].starts_with(word).then(|| self.at += word.len())
    }
    /// Whether the text has ended; blanks may follow.
    pub fn ended(&mut self) -> bool {
        self.blanks();
        self.at == self.b.len()
    }
    /// The bytes from an index on.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.b[start..self.at]
    }

    /// After the opening quote: the string, and past the closing quote.
    #[inline(always)]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        #[cfg(target_arch = "x86_64")]
        {
            use core::arch::x86_64::*;
            let readable = self.b.len() + self.slack;
            while self.at + 16 <= readable {
                // SAFETY: SSE2 is part of x86-64, and `at + 16` is within the buffer that `b` is a part of.
                let (quote, bad, high) = unsafe {
                    let v = _mm_loadu_si128(self.b.as_ptr().add(self.at).cast());
                    let quote = _mm_cmpeq_epi8(v, _mm_set1_epi8(b'"' as i8));
                    let slash = _mm_cmpeq_epi8(v, _mm_set1_epi8(b'\\' as i8));
                    // Unsigned "< 0x20": the larger of the byte and 0x1f is 0x1f.
                    let control = _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
                    let bad = _mm_or_si128(slash, control);
                    (_mm_movemask_epi8(quote) as u32, _mm_movemask_epi8(bad) as u32, _mm_movemask_epi8(v) as u32)
                };
                let n = (quote | bad).trailing_zeros().min(16);
                self.high |= high & ((1 << n) - 1) != 0;
                self.at += n as usize;
                if n == 16 {
                    if self.at >= self.b.len() {
                        return None; // The string does not end within the value.
                    }
                    continue;
                }
                if bad >> n & 1 != 0 {
                    return self.unescaped(start);
                }
                let found = self.b.get(start..self.at); // None: the quote is behind the value.
                self.at += 1;
                return found;
            }
        }
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.b[start..self.at - 1]);
                }
                0..=0x1f | b'\\' => return self.unescaped(start),
                c => {
                    self.high |= c >= 0x80;
                    self.at += 1;
                }
            }
        }
    }

    /// The string that began at `start`, from the first byte on that may not stand in it as it is.
    #[cold]
    fn unescaped(&mut self, start: usize) -> Option<&'a [u8]> {
        let out = std::mem::take(&mut self.scratch);
        let mut n = self.at.checked_sub(start)?;
        out.get_mut(..n)?.copy_from_slice(self.b.get(start..self.at)?);
        loop {
            let c = self.peek()?;
            self.at += 1;
            match c {
                b'"' => break,
                0..=0x1f => return None,
                b'\\' => {
                    let c = self.escape()?;
                    self.high |= !c.is_ascii();
                    n += c.encode_utf8(out.get_mut(n..)?).len();
                }
                c => {
                    self.high |= c >= 0x80;
                    *out.get_mut(n)? = c;
                    n += 1;
                }
            }
        }
        let (found, rest) = out.split_at_mut(n);
        self.scratch = rest;
        Some(found)
    }
    fn escape(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            b'"' | b'\\' | b'/' => c as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                if !(0xd800..0xe000).contains(&first) {
                    return char::from_u32(first);
                }
                self.word(b"\\u")?;
                let second = self.hex4()?;
                if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
                    return None; // A lone surrogate.
                }
                return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
            _ => return None,
        })
    }
    fn hex4(&mut self) -> Option<u32> {
        let digits = self.b.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |n, &d| Some(n << 4 | (d as char).to_digit(16)?))
    }

    /// A whole number that is not negative.
    pub fn unsigned(&mut self) -> Option<u64> {
        let start = self.at;
        let mut value = 0u64;
        while let Some(d @ b'0'..=b'9') = self.peek() {
            value = value.checked_mul(10)?.checked_add(u64::from(d - b'0'))?;
            self.at += 1;
        }
        let is_plain = self.at == start + 1 || (self.at > start && self.b[start] != b'0');
        (is_plain && !matches!(self.peek(), Some(b'.' | b'e' | b'E'))).then_some(value)
    }
    /// A plain number, without an exponent.
    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let start = self.at;
        self.digits()?;
        if self.b[start] == b'0' && self.at > start + 1 {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        (self.at - start <= MAX_DIGITS && !matches!(self.peek(), Some(b'e' | b'E'))).then_some(())
    }
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
    pub fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.text().map(|_| ())
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }
    /// An array or an object; `each` reads a value.
    pub fn members(&mut self, open: u8, close: u8, each: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(open)?;
        self.blanks();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            if open == b'{' {
                self.take(b'"')?;
                self.text()?;
                self.blanks();
                self.take(b':')?;
                self.blanks();
            }
            each(self)?;
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                c if c == close => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
            self.blanks();
        }
    }
    /// Any value.
    pub fn any(&mut self) -> Option<()> {
        self.nested(MAX_DEPTH)
    }
    fn nested(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            b'{' if depth > 0 => self.members(b'{', b'}', &mut |c| c.nested(depth - 1)),
            b'[' if depth > 0 => self.members(b'[', b']', &mut |c| c.nested(depth - 1)),
            b'{' | b'[' => None,
            _ => self.scalar(),
        }
    }
}
