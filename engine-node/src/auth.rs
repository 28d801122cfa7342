//! Who a client is: HTTP Basic with the engine's users or those of a directory, a bearer token of an issuer, or nobody.
pub mod directory;
pub mod token;

use crate::{
    app::writer::now,
    logins::Logins,
    options::AuthKind,
    rest::caller::Asking,
    rights::{Authority, Who},
    store::{Store, StoreError, UserRow},
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use directory::Directory;
use http::{HeaderValue, StatusCode, header};
use rest_api::ApiError;
use sha2::{Digest, Sha256};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use token::Tokens;
use tokio::sync::Semaphore;

/// Verdicts remembered.
const VERDICTS: usize = 10_000;
/// Passwords verified at once: each costs tens of milliseconds of a core and 19 MiB.
const AT_ONCE: usize = 2;
/// What the reference sends for its only engine.
const BASIC: &str = "Basic realm=\"default\"";
const BEARER: &str = "Bearer realm=\"default\"";
/// How long a verdict of the directory counts, and the groups it has named: nobody tells when they change.
const DIRECTORY_COUNTS: Duration = Duration::from_secs(60);

/// Authentication of a node. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    kind: AuthKind,
    store: Arc<dyn Store>,
    /// Who a header is of, or `None` if it is wrong; by hash of the header and generation of the users.
    verdicts: quick_cache::sync::Cache<([u8; 32], u64), Verdict>,
    generation: Arc<AtomicU64>,
    verifying: Semaphore,
    logins: Logins,
    authority: Authority,
    tokens: Option<Tokens>,
    directory: Option<Directory>,
}

/// What was found of a header.
#[derive(Clone)]
struct Verdict {
    who: Option<Who>,
    /// Until when it counts; `None`: as long as users stay as they are.
    until: Option<Instant>,
}

/// What was found can't be found out now.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] token::NoKeys),
    #[error(transparent)]
    Directory(#[from] directory::Trouble),
}

/// Why there is no verdict to be remembered.
enum Undecided {
    /// The user failed too often and has to wait.
    Locked,
    Trouble(Trouble),
}

/// How a password was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    Right,
    Wrong,
    /// Not looked at: the user failed too often and has to wait.
    Locked,
}

impl Auth {
    /// `generation` is raised when users may have changed: verdicts of an older one are forgotten.
    pub fn new(
        kind: AuthKind,
        store: Arc<dyn Store>,
        generation: Arc<AtomicU64>,
        authority: Authority,
        (tokens, directory): (Option<Tokens>, Option<Directory>),
    ) -> Auth {
        let verdicts = quick_cache::sync::Cache::new(VERDICTS);
        Auth {
            inner: Arc::new(Inner {
                kind,
                store,
                verdicts,
                generation,
                verifying: Semaphore::new(AT_ONCE),
                logins: Logins::default(),
                authority,
                tokens,
                directory,
            }),
        }
    }

    /// The directory whose users and groups are the engine's, if there is one.
    pub fn directory(&self) -> Option<&Directory> {
        self.inner.directory.as_ref()
    }

    /// Knows what users may do.
    pub fn authority(&self) -> &Authority {
        &self.inner.authority
    }

    /// Who an `Authorization` header is of; `None` if it is not right.
    ///
    /// # Errors
    /// The database, the token's issuer or the directory can't be reached.
    pub async fn who(&self, header: &HeaderValue) -> Result<Option<Who>, Trouble> {
        let scheme = header
            .as_bytes()
            .split(|byte| *byte == b' ')
            .next()
            .unwrap_or_default();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            let token = header
                .to_str()
                .ok()
                .and_then(|text| Some(text.split_once(' ')?.1.trim()));
            return match (&self.inner.tokens, token) {
                (Some(tokens), Some(token)) => Ok(tokens.who(token).await?),
                _ => Ok(None),
            };
        }
        if !self.inner.kind.takes_passwords() {
            return Ok(None);
        }
        let hash: [u8; 32] = Sha256::digest(header.as_bytes()).into();
        let key = (hash, self.inner.generation.load(Ordering::Acquire));
        let is_over = |verdict: &Verdict| verdict.until.is_some_and(|until| until <= Instant::now());
        if self.inner.verdicts.get(&key).as_ref().is_some_and(is_over) {
            self.inner.verdicts.remove(&key);
        }
        // Requests with the same header wait for one verification.
        let verdict = self.inner.verdicts.get_or_insert_async(&key, self.verify(header));
        match verdict.await {
            Ok(verdict) => Ok(verdict.who),
            Err(Undecided::Locked) => Ok(None),
            Err(Undecided::Trouble(trouble)) => Err(trouble),
        }
    }

    async fn verify(&self, header: &HeaderValue) -> Result<Verdict, Undecided> {
        let until = self
            .inner
            .directory
            .as_ref()
            .map(|_| Instant::now() + DIRECTORY_COUNTS);
        let wrong = Verdict { who: None, until };
        let Some((name, password)) = credentials(header) else {
            return Ok(wrong);
        };
        match self.judge(&name, password).await.map_err(Undecided::Trouble)? {
            Judged::Right => {}
            Judged::Wrong => return Ok(wrong),
            Judged::Locked => return Err(Undecided::Locked),
        }
        let who = self.named(&name).await.map_err(Undecided::Trouble)?;
        Ok(Verdict {
            who: Some(who),
            until,
        })
    }

    /// A user by name, with the groups that the directory names.
    ///
    /// # Errors
    /// The directory can't be reached.
    pub async fn named(&self, user: &str) -> Result<Who, Trouble> {
        let groups = match &self.inner.directory {
            Some(directory) => Some(Arc::from(directory.groups_of(user).await?)),
            None => None,
        };
        Ok(Who {
            user: user.into(),
            groups,
        })
    }

    /// Judges a user's password, as the reference's `checkPassword`: each failure makes the user wait longer.
    ///
    /// # Errors
    /// The database or the directory can't be reached.
    pub async fn judge(&self, name: &str, password: String) -> Result<Judged, Trouble> {
        if let Some(directory) = &self.inner.directory {
            return Ok(directory.judge(name, &password).await?);
        }
        let user = self.inner.store.user(name).await?;
        if let Some(user) = &user
            && self.inner.logins.is_locked(user, now())
        {
            return Ok(Judged::Locked);
        }
        let stored = user.as_ref().map(|u| u.password_hash.clone());
        let _permit = self.inner.verifying.acquire().await;
        let checked = tokio::task::spawn_blocking(move || {
            // An unknown user takes as long as a wrong password.
            let hash = stored.as_deref().unwrap_or_else(|| nobody());
            verify_password(&password, hash) && stored.is_some()
        });
        let right = checked.await.map_err(|e| StoreError::Internal(e.to_string()))?;
        if let Some(user) = &user {
            self.inner.logins.tried(user, right, now());
        }
        Ok(if right { Judged::Right } else { Judged::Wrong })
    }
}

fn credentials(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn verify_password(password: &str, stored: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else {
        return false;
    };
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}

/// A hash that no password is compared with for its result.
fn nobody() -> &'static str {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| hash_password("nobody").unwrap_or_default())
}

/// The argon2id PHC string of a password, with a salt of its own.
///
/// # Errors
/// The system has no randomness.
pub fn hash_password(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|h| h.to_string())
        .map_err(|e| anyhow::anyhow!("hashing a password: {e}"))
}

/// A user with that password and no further details.
///
/// # Errors
/// As [`hash_password`].
pub fn new_user(id: &str, password: &str) -> anyhow::Result<UserRow> {
    Ok(UserRow {
        id: id.to_owned(),
        first_name: None,
        last_name: None,
        email: None,
        password_hash: hash_password(password)?,
        unlocks: 0,
    })
}

/// Lets only known users through to `/engine-rest`, but for what the reference answers to anybody.
///
/// # Errors
/// The answer for everybody else.
pub async fn require_user(auth: &Auth, request: &mut Request) -> Result<(), Response> {
    if auth.inner.kind == AuthKind::None || is_public(request.uri().path()) {
        return Ok(());
    }
    let found = match request.headers().get(header::AUTHORIZATION) {
        None => Ok(None),
        Some(header) => auth.who(header).await,
    };
    let asking = match found {
        Ok(Some(who)) => auth.authority().of(&who).await.map(Some).map_err(Trouble::from),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    match asking {
        Ok(Some(rights)) => {
            request.extensions_mut().insert(Asking(rights));
            Ok(())
        }
        Ok(None) => {
            let mut refusal = StatusCode::UNAUTHORIZED.into_response();
            for challenge in auth.inner.kind.challenges() {
                let challenge = HeaderValue::from_static(challenge);
                refusal.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
            }
            Err(refusal)
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "it can't be said who asks"
            );
            Err(unavailable(&error).into_response())
        }
    }
}

/// 503 where it can't be found out who somebody is; causes go to the log only.
pub fn unavailable(trouble: &Trouble) -> ApiError {
    ApiError::unavailable(match trouble {
        Trouble::Store(_) => "the database of this shard is not available",
        Trouble::Keys(_) => "the issuer of tokens is not available",
        Trouble::Directory(directory::Trouble::TooMany) => "the directory finds too many entries",
        Trouble::Directory(_) => "the directory of users is not available",
    })
}

impl AuthKind {
    fn takes_passwords(self) -> bool {
        matches!(self, AuthKind::Basic | AuthKind::BasicOrBearer)
    }

    /// Whether bearer tokens are taken.
    pub fn takes_tokens(self) -> bool {
        matches!(self, AuthKind::Bearer | AuthKind::BasicOrBearer)
    }

    fn challenges(self) -> &'static [&'static str] {
        match self {
            AuthKind::Bearer => &[BEARER],
            AuthKind::BasicOrBearer => &[BASIC, BEARER],
            AuthKind::None | AuthKind::Basic => &[BASIC],
        }
    }
}

/// The list of engines and checking a password need no user, as in the reference.
fn is_public(path: &str) -> bool {
    matches!(
        path.trim_end_matches('/'),
        "/engine-rest/engine" | "/engine-rest/identity/verify"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s0_16_basic_credentials_are_read_with_colons_and_umlauts_in_the_password() {
        let header = |text: &str| HeaderValue::from_str(&format!("Basic {}", BASE64.encode(text))).unwrap();
        assert_eq!(
            credentials(&header("jonny:a:ö")),
            Some(("jonny".into(), "a:ö".into()))
        );
        assert_eq!(credentials(&header("jonny")), None);
        assert_eq!(credentials(&HeaderValue::from_static("Bearer abc")), None);
    }

    #[test]
    fn s0_16_a_password_matches_its_hash_only() {
        let hash = hash_password("secret").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password("secret", &hash));
        assert!(!verify_password("Secret", &hash) && !verify_password("secret", "plain"));
    }
}
