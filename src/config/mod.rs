//! The configuration file: TOML into validated types.
