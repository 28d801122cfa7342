//! Who a client is: HTTP Basic with the engine's users, or nobody.
use crate::{
    app::writer::now,
    logins::Logins,
    options::AuthKind,
    rest::caller::Asking,
    rights::Authority,
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
use http::{HeaderValue, StatusCode, header};
use rest_api::ApiError;
use sha2::{Digest, Sha256};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::Semaphore;

/// Verdicts remembered.
const VERDICTS: usize = 10_000;
/// Passwords verified at once: each costs tens of milliseconds of a core and 19 MiB.
const AT_ONCE: usize = 2;
/// What the reference sends for its only engine.
const CHALLENGE: &str = "Basic realm=\"default\"";

/// Authentication of a node. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    kind: AuthKind,
    store: Arc<dyn Store>,
    /// User of a header, or `None` if it is wrong; by hash of the header and generation of the users.
    verdicts: quick_cache::sync::Cache<([u8; 32], u64), Option<Arc<str>>>,
    generation: Arc<AtomicU64>,
    verifying: Semaphore,
    logins: Logins,
    authority: Authority,
}

/// Why there is no verdict to be remembered.
enum Undecided {
    /// The user failed too often and has to wait.
    Locked,
    Store(StoreError),
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
            }),
        }
    }

    /// Knows what users may do.
    pub fn authority(&self) -> &Authority {
        &self.inner.authority
    }

    /// The user of an `Authorization` header; `None` if it is not right.
    ///
    /// # Errors
    /// The database can't be reached.
    pub async fn user(&self, header: &HeaderValue) -> Result<Option<Arc<str>>, StoreError> {
        let hash: [u8; 32] = Sha256::digest(header.as_bytes()).into();
        let key = (hash, self.inner.generation.load(Ordering::Acquire));
        // Requests with the same header wait for one verification.
        let verdict = self.inner.verdicts.get_or_insert_async(&key, self.verify(header));
        match verdict.await {
            Ok(verdict) => Ok(verdict),
            Err(Undecided::Locked) => Ok(None),
            Err(Undecided::Store(error)) => Err(error),
        }
    }

    async fn verify(&self, header: &HeaderValue) -> Result<Option<Arc<str>>, Undecided> {
        let Some((name, password)) = credentials(header) else {
            return Ok(None);
        };
        match self.judge(&name, password).await.map_err(Undecided::Store)? {
            Judged::Right => Ok(Some(name.into())),
            Judged::Wrong => Ok(None),
            Judged::Locked => Err(Undecided::Locked),
        }
    }

    /// Judges a user's password, as the reference's `checkPassword`: each failure makes the user wait longer.
    ///
    /// # Errors
    /// The database can't be reached.
    pub async fn judge(&self, name: &str, password: String) -> Result<Judged, StoreError> {
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
    let verdict = match request.headers().get(header::AUTHORIZATION) {
        None => Ok(None),
        Some(header) => auth.user(header).await,
    };
    let asking = match verdict {
        Ok(Some(user)) => auth.authority().of(&user.into()).await.map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    match asking {
        Ok(Some(rights)) => {
            request.extensions_mut().insert(Asking(rights));
            Ok(())
        }
        Ok(None) => {
            let challenge = HeaderValue::from_static(CHALLENGE);
            Err((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response())
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "users not read");
            Err(ApiError::unavailable("the database of this shard is not available").into_response())
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
