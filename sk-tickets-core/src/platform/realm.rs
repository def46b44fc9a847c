//! Who a row belongs to: a tenant, in its test or its live world.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Test or live: two worlds of the same tenant that share nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are two worlds, and code relies on it")]
pub enum Environment {
    /// Where one builds and tries: no customer is ever told anything.
    Test,
    /// Where the customers are.
    Live,
}

impl Environment {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Test, Self::Live];

    /// `test` or `live`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = EnvironmentError;

    fn from_str(text: &str) -> Result<Self, EnvironmentError> {
        Self::ALL.into_iter().find(|environment| environment.as_str() == text).ok_or(EnvironmentError)
    }
}

/// A text that names neither environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `test` or `live`")]
#[non_exhaustive]
pub struct EnvironmentError;

/// The name of a tenant: 1 to 63 of `a-z`, `0-9`, `-` and `_`, a letter or digit first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

const TENANT_MAX: usize = 63;

impl Tenant {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that cannot be the name of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant is named by 1 to 63 of a-z, 0-9, - and _, a letter or digit first")]
#[non_exhaustive]
pub struct TenantError;

impl FromStr for Tenant {
    type Err = TenantError;

    fn from_str(text: &str) -> Result<Self, TenantError> {
        let lawful = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if first && text.len() <= TENANT_MAX && text.bytes().all(lawful) {
            Ok(Self(text.into()))
        } else {
            Err(TenantError)
        }
    }
}

/// One tenant in one environment: the unit of isolation. Everything but the realm itself belongs to exactly one.
///
/// A server gets a realm out of a verified API key. An app that embeds the engine and knows by its own means whom it
/// acts for says so with [`Realm::assume`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm {
    tenant: Tenant,
    environment: Environment,
}

impl Realm {
    /// The realm of a tenant whose identity the caller vouches for. Nothing is checked here, hence the name.
    #[must_use]
    pub const fn assume(tenant: Tenant, environment: Environment) -> Self {
        Self { tenant, environment }
    }

    /// Whose realm this is.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Test or live.
    #[must_use]
    pub const fn environment(&self) -> Environment {
        self.environment
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_name_is_a_slug() {
        for good in ["demo", "acme-2", "0", "a_b", &"x".repeat(63)] {
            assert!(good.parse::<Tenant>().is_ok(), "{good}");
        }
        for bad in ["", "Acme", "-a", "_a", "a b", "ä", "a/b", &"x".repeat(64)] {
            assert!(bad.parse::<Tenant>().is_err(), "{bad}");
        }
    }
}
