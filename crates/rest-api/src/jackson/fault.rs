//! Where and why a text is no JSON, in the words of the reference's parser (Jackson 2.17, observed on Camunda 7.24).
//! Lines and columns count from 1, columns in bytes.

/// What is wrong, and how far the text had been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The parser's message, with its place.
    pub message: String,
    /// The members of the root object that were whole before: their names and their values' places.
    pub members: Vec<(String, std::ops::Range<usize>)>,
    /// The member whose value was being read, if the fault lies inside of that.
    pub within: Option<String>,
    /// Whether the root is a list: nothing that stands in it is ever looked at.
    pub in_list: bool,
}

/// What a text turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One JSON value.
    Value,
    /// One JSON value and the beginning of another.
    More,
    /// No JSON.
    Fault(Fault),
}

const SOURCE: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled);";
const VALID: &str =
    "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
const COMMENT: &str = "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not \
                       enabled for parser)";

/// Reads a text as the reference does.
pub fn find(text: &[u8]) -> Found {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut scan = Scan {
        text,
        at: 0,
        members: Vec::new(),
        within: None,
    };
    let in_list = || text.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    match scan.document() {
        Ok(false) => Found::Value,
        Ok(true) => Found::More,
        Err(message) => Found::Fault(Fault {
            message,
            members: scan.members,
            within: scan.within,
            in_list: in_list(),
        }),
    }
}

type Step<T = ()> = Result<T, String>;

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    members: Vec<(String, std::ops::Range<usize>)>,
    within: Option<String>,
}

impl Scan<'_> {
    /// Whether something follows the root value.
    fn document(&mut self) -> Step<bool> {
        self.blanks()?;
        let number = matches!(self.peek(), Some(b'-' | b'0'..=b'9'));
        self.value(0, "null")?;
        if number && let Some(byte) = self.peek().filter(|b| !b.is_ascii_whitespace()) {
            return Err(self.unexpected(byte, "Expected space separating root-level values"));
        }
        self.blanks()?;
        match self.peek() {
            None => Ok(false),
            // Only the next token is looked at.
            Some(b'{' | b'[' | b'"') => Ok(true),
            Some(_) => self.value(0, "null").map(|()| true),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The place of a byte, and so many behind it on its line, as the parser writes it.
    fn place(&self, at: usize, behind: usize) -> String {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        format!("{SOURCE} line: {line}, column: {}]", at - start + 1 + behind)
    }

    fn error(&self, words: impl std::fmt::Display, at: usize) -> String {
        format!("{words}\n at {}", self.place(at, 0))
    }

    fn end(&self, words: &str) -> String {
        self.error(format_args!("Unexpected end-of-input{words}"), self.text.len())
    }

    fn unexpected(&self, byte: u8, why: &str) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let width = rest.len().min(if byte < 0xe0 {
            2
        } else if byte < 0xf0 {
            3
        } else {
            4
        });
        let shown = match byte.is_ascii() {
            true => Some(char::from(byte)),
            false => std::str::from_utf8(&rest[..width])
                .ok()
                .and_then(|t| t.chars().next()),
        };
        let shown = shown.unwrap_or(char::REPLACEMENT_CHARACTER);
        let words = format!(
            "Unexpected character ('{shown}' (code {})): {why}",
            u32::from(shown)
        );
        self.error(words, self.at + shown.len_utf8() - 1)
    }

    fn in_number(&self, byte: u8, why: &str) -> String {
        let shown = char::from(byte);
        let words = format!("Unexpected character ('{shown}' (code {byte})) in numeric value: {why}");
        self.error(words, self.at)
    }

    /// Blanks between tokens.
    fn blanks(&mut self) -> Step {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'/' => return Err(self.unexpected(byte, COMMENT)),
                0..b' ' => {
                    let words = format!(
                        "Illegal character ((CTRL-CHAR, code {byte})): only regular white space (\\r, \\n, \\t) is \
                         allowed between tokens"
                    );
                    return Err(self.error(words, self.at + 1));
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// A value, whose first byte is next; `before` is the token before it.
    fn value(&mut self, depth: usize, before: &str) -> Step {
        match self.peek() {
            None => Err(self.end("")),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                self.at += 1;
                self.characters(
                    ": was expecting closing '\"' for name",
                    " in VALUE_STRING",
                    "string value",
                )
                .map(drop)
            }
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'N') => self.odd("NaN"),
            Some(b'I') => self.odd("Infinity"),
            Some(b'-' | b'0'..=b'9') => self.number(before),
            Some(b'+') => {
                self.at += 1;
                let words = "Unexpected character ('+' (code 43)) in numeric value: JSON spec does not allow numbers to \
                             have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow";
                Err(self.error(words, self.at))
            }
            Some(byte @ (b'}' | b']')) if depth == 0 => {
                let (open, shown) = (if byte == b'}' { "Object" } else { "Array" }, char::from(byte));
                let words = format!("Unexpected close marker '{shown}': no open {open} to close");
                Err(self.error(words, self.at))
            }
            Some(byte @ (b'}' | b']' | b',')) => Err(self.unexpected(byte, "expected a value")),
            Some(byte) if identifier(byte) => Err(self.unrecognized(self.at)),
            Some(byte) if !byte.is_ascii() => {
                let next = self.text.get(self.at + 1).copied().unwrap_or_default();
                let words = format!("Invalid UTF-8 start byte 0x{next:x}");
                Err(self.error(words, self.at + 2))
            }
            Some(byte) => Err(self.unexpected(byte, VALID)),
        }
    }

    fn word(&mut self, word: &str) -> Step {
        let start = self.at;
        let matches = self.text[start..].starts_with(word.as_bytes());
        let after = self.text.get(start + word.len()).copied();
        if !matches || after.is_some_and(identifier) {
            return Err(self.unrecognized(start));
        }
        self.at += word.len();
        Ok(())
    }

    fn odd(&mut self, word: &str) -> Step {
        let start = self.at;
        self.word(word)?;
        let sign = if start > 0 && self.text[start - 1] == b'-' {
            "-"
        } else {
            ""
        };
        let words = format!(
            "Non-standard token '{sign}{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
        );
        Err(self.error(words, self.at))
    }

    /// The parser reads one byte behind the token.
    fn unrecognized(&self, start: usize) -> String {
        let rest = &self.text[start..];
        let length = rest.iter().position(|b| !identifier(*b)).unwrap_or(rest.len());
        let token = String::from_utf8_lossy(&rest[..length]);
        let words = format!(
            "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
             'false')"
        );
        let end = start + length;
        let beyond = usize::from(end < self.text.len());
        format!("{words}\n at {}", self.place(end, beyond))
    }

    fn number(&mut self, before: &str) -> Step {
        let cut = format!(" in {before}");
        if self.peek() == Some(b'-') {
            self.at += 1;
            match self.peek() {
                None => return Err(self.end(&cut)),
                Some(b'0'..=b'9') => {}
                Some(b'I') => return self.odd("Infinity"),
                Some(byte) => {
                    let why = "expected digit (0-9) to follow minus sign, for valid numeric value";
                    return Err(self.in_number(byte, why));
                }
            }
        }
        if self.peek() == Some(b'0') && self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            return Err(self.error("Invalid numeric value: Leading zeroes not allowed", self.at + 1));
        }
        self.digits();
        if self.peek() == Some(b'.') {
            self.at += 1;
            match self.peek() {
                Some(b'0'..=b'9') => self.digits(),
                other => {
                    self.at -= usize::from(other.is_none());
                    let byte = other.unwrap_or(b'.');
                    return Err(self.in_number(byte, "Decimal point not followed by a digit"));
                }
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            match self.peek() {
                None => return Err(self.end(&cut)),
                Some(b'0'..=b'9') => self.digits(),
                Some(byte) => return Err(self.in_number(byte, "Exponent indicator not followed by a digit")),
            }
        }
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// What stands behind an opening quote, up to the closing one.
    fn characters(&mut self, empty: &str, cut: &str, what: &str) -> Step<String> {
        let start = self.at;
        loop {
            match self.peek() {
                None if self.at == start && what == "name" => return Err(self.end(empty)),
                None => return Err(self.end(cut)),
                Some(b'"') => {
                    let raw = &self.text[start - 1..=self.at];
                    self.at += 1;
                    return Ok(serde_json::from_slice(raw).unwrap_or_default());
                }
                Some(b'\\') => self.escape()?,
                Some(byte) if byte < b' ' => {
                    let words = format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using backslash to be \
                         included in {what}"
                    );
                    return Err(self.error(words, self.at));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Step {
        const CUT: &str = " in character escape sequence";
        self.at += 1;
        match self.peek() {
            None => Err(self.end(CUT)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                for _ in 0..4 {
                    self.at += 1;
                    match self.peek() {
                        None => return Err(self.end(CUT)),
                        Some(byte) if byte.is_ascii_hexdigit() => {}
                        Some(byte) => {
                            let why = "expected a hex-digit for character escape sequence";
                            return Err(self.unexpected(byte, why));
                        }
                    }
                }
                self.at += 1;
                Ok(())
            }
            Some(byte) => {
                let words = format!(
                    "Unrecognized character escape '{}' (code {byte})",
                    char::from(byte)
                );
                Err(self.error(words, self.at))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Step {
        let open = self.at;
        self.at += 1;
        self.blanks()?;
        if self.close(b'}', open)? {
            return Ok(());
        }
        loop {
            match self.peek() {
                None => return Err(self.end(" within/between Object entries")),
                Some(b'"') => self.at += 1,
                Some(byte) => {
                    return Err(self.unexpected(byte, "was expecting double-quote to start field name"));
                }
            }
            let name = self.characters(": was expecting closing '\"' for name", " in field name", "name")?;
            self.blanks()?;
            match self.peek() {
                None => return Err(self.end(" within/between Object entries")),
                Some(b':') => self.at += 1,
                Some(byte) => {
                    let why = "was expecting a colon to separate field name and value";
                    return Err(self.unexpected(byte, why));
                }
            }
            self.blanks()?;
            if self.peek().is_none() {
                return Err(self.end(" within/between Object entries"));
            }
            let start = self.at;
            if depth == 0 && matches!(self.peek(), Some(b'{' | b'[' | b'"')) {
                self.within = Some(name.clone());
            }
            self.value(depth + 1, "FIELD_NAME")?;
            if depth == 0 {
                self.within = None;
                self.members.push((name, start..self.at));
            }
            self.blanks()?;
            if self.close(b'}', open)? {
                return Ok(());
            }
            self.comma("was expecting comma to separate Object entries")?;
        }
    }

    fn array(&mut self, depth: usize) -> Step {
        let open = self.at;
        self.at += 1;
        self.blanks()?;
        if self.close(b']', open)? {
            return Ok(());
        }
        loop {
            if self.peek().is_none() {
                return Err(self.end(" within/between Array entries"));
            }
            self.value(depth + 1, "START_ARRAY")?;
            self.blanks()?;
            if self.close(b']', open)? {
                return Ok(());
            }
            self.comma("was expecting comma to separate Array entries")?;
        }
    }

    /// Takes the closing bracket if it is next.
    fn close(&mut self, bracket: u8, open: usize) -> Step<bool> {
        let kind = if bracket == b'}' { "Object" } else { "Array" };
        match self.peek() {
            Some(byte) if byte == bracket => {
                self.at += 1;
                Ok(true)
            }
            Some(byte @ (b'}' | b']')) => {
                let words = format!(
                    "Unexpected close marker '{}': expected '{}' (for {kind} starting at {})",
                    char::from(byte),
                    char::from(bracket),
                    self.place(open, 0)
                );
                Err(self.error(words, self.at))
            }
            None => {
                let place = self.place(open, 0);
                Err(self.end(&format!(
                    ": expected close marker for {kind} (start marker at {place})"
                )))
            }
            Some(_) => Ok(false),
        }
    }

    fn comma(&mut self, why: &str) -> Step {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.blanks()
            }
            Some(byte) => Err(self.unexpected(byte, why)),
            None => Ok(()),
        }
    }
}

/// A part of what Java calls an identifier, ASCII only.
fn identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `faults.json`: what was sent to `POST /execution/count` of Camunda 7.24, and what it answered.
    #[test]
    fn faults_are_worded_and_placed_as_by_the_reference() {
        let recorded: Vec<(String, String)> = serde_json::from_str(include_str!("faults.json")).unwrap();
        assert!(recorded.len() > 90);
        let mut different = Vec::new();
        for (sent, expected) in recorded {
            let found = match find(sent.as_bytes()) {
                Found::Fault(fault) => fault.message.replace(SOURCE, "[S").replace("\n at ", " @ "),
                other => format!("{other:?}"),
            };
            if found != expected {
                different.push(format!("{sent:?}\n  expected {expected}\n  got      {found}"));
            }
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
    }

    #[test]
    fn what_is_json_has_no_fault() {
        for text in ["{}", " [1, -0.5e3, \"\\u00e4\", true, null] ", "5", "\u{feff}{}"] {
            assert_eq!(find(text.as_bytes()), Found::Value, "{text}");
        }
        assert_eq!(find(b"{} {}"), Found::More);
        assert_eq!(find(b"{} 5"), Found::More);
    }
}
