//! The characters of a file: UTF-8, UTF-16, and the encodings of one byte that XML declarations name.

/// Decodes a file.
///
/// # Errors
/// The reference's words for what is wrong.
pub(super) fn decode(bytes: &[u8]) -> Result<String, String> {
    match bytes {
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0, b'<', 0, b'?', ..] => return utf16(bytes, u16::from_be_bytes),
        [b'<', 0, b'?', 0, ..] => return utf16(bytes, u16::from_le_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    match declared(bytes).as_deref() {
        Some("iso-8859-1" | "latin1" | "iso_8859-1" | "l1") => {
            Ok(bytes.iter().map(|b| char::from(*b)).collect())
        }
        Some("windows-1252" | "cp1252") => Ok(bytes.iter().map(|b| windows_1252(*b)).collect()),
        Some("us-ascii" | "ascii") => match bytes.iter().position(|b| !b.is_ascii()) {
            Some(at) => Err(format!("Invalid ASCII character \"0x{:x}\"", bytes[at])),
            None => utf8(bytes),
        },
        None | Some("utf-8" | "utf8" | "utf-16") => utf8(bytes),
        Some(other) => Err(format!("Invalid encoding name \"{other}\"")),
    }
}

/// The encoding that the XML declaration names, in small letters.
fn declared(bytes: &[u8]) -> Option<String> {
    let end = bytes.windows(2).position(|w| w == b"?>")?;
    let declaration = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix("<?xml")?;
    let rest = declaration.split_once("encoding")?.1.trim_start();
    let rest = rest.strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(rest[1..].split(quote).next()?.to_ascii_lowercase())
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|cause| {
        let bad = &bytes[cause.valid_up_to()..];
        let length = match bad.first() {
            Some(0xC2..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(0xF0..=0xF7) => 4,
            _ => 1,
        };
        let follows = bad
            .iter()
            .skip(1)
            .take(length - 1)
            .take_while(|b| **b & 0xC0 == 0x80);
        let at = if length == 1 { 1 } else { follows.count() + 2 };
        format!("Invalid byte {at} of {length}-byte UTF-8 sequence.")
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .map_err(|_| "Invalid UTF-16 surrogate detected".to_owned())
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}',
        '\u{2C6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}', '\u{90}',
        '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2DC}',
        '\u{2122}', '\u{161}', '\u{203A}', '\u{153}', '\u{9D}', '\u{17E}', '\u{178}',
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_the_encoding_they_are_written_in() {
        assert_eq!(decode("\u{feff}<a/>".as_bytes()).as_deref(), Ok("<a/>"));
        assert_eq!(decode(b"\xFF\xFE<\0a\0").as_deref(), Ok("<a"));
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a n='\xE4'/>";
        assert!(decode(latin).is_ok_and(|text| text.contains('\u{e4}')));
        let wrong = decode(b"<a>\xE4bc</a>").unwrap_err();
        assert_eq!(wrong, "Invalid byte 2 of 3-byte UTF-8 sequence.");
    }
}
