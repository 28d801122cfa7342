//! Values that must not be shown.
use crate::ConfigError;
use std::{convert::Infallible, fmt, path::Path, str::FromStr};

/// A password or token. Never printed: `Debug` and `Display` show `***`. An option of this type is refused as a flag,
/// because command lines are visible to everybody on the machine; it comes from the environment or the `--config` file.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// From the clear text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The clear text. Compare it with [`Secret::matches`], not with `==`.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same text, in a time that depends only on the length of `other`.
    pub fn matches(&self, other: &[u8]) -> bool {
        let mine = self.0.as_bytes();
        let mut differs = (mine.len() != other.len()) as u8;
        for (i, byte) in other.iter().enumerate() {
            differs |= byte ^ mine.get(i).copied().unwrap_or(0);
        }
        differs == 0
    }

    /// The secret of the option pair `--NAME` and `--NAME-file`: the value if it is there, else the file's content
    /// without the line end, else none.
    ///
    /// # Errors
    /// Both given, the file unreadable or empty: names the option.
    pub fn resolve(
        name: &str,
        value: Option<&Secret>,
        file: Option<&Path>,
    ) -> Result<Option<Secret>, ConfigError> {
        let option = format!("{name}-file");
        match (value, file) {
            (Some(_), Some(_)) => Err(ConfigError::new(
                &option,
                format!("{name} is given as well: one is enough"),
            )),
            (Some(value), None) => Ok(Some(value.clone())),
            (None, None) => Ok(None),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| ConfigError::new(&option, format!("{}: {e}", path.display())))?;
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    return Err(ConfigError::new(&option, format!("{} is empty", path.display())));
                }
                Ok(Some(Secret::new(text)))
            }
        }
    }
}

impl FromStr for Secret {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(Secret::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed_and_compares_whole() {
        let secret = Secret::new("open sesame");
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
        assert!(secret.matches(b"open sesame"));
        assert!(!secret.matches(b"open sesam") && !secret.matches(b"open sesame!") && !secret.matches(b""));
    }

    #[test]
    fn a_missing_secret_file_names_option_and_path() {
        let error = Secret::resolve("cluster-secret", None, Some(Path::new("/nowhere/secret")))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("--cluster-secret-file") && error.contains("/nowhere/secret"),
            "{error}"
        );
    }
}
