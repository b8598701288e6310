//! The login: SASL PLAIN (RFC 4616, RFC 5034) where announced, else USER and PASS (RFC 1939 §7).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::command::{Command, CommandError};
use super::error::AuthFailure;
use super::reply::{Capabilities, Refusal, ResponseCode, Status};
use super::session::{Authorization, Mechanism, Session, Transaction};

/// Who logs in.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

impl<'h> Session<'h, Authorization> {
    /// Logs in, and asks for the capabilities anew.
    ///
    /// AUTH PLAIN where announced; USER and PASS where it is not, or where the server refuses the mechanism without
    /// telling that the credentials are wrong and announces USER. Nothing is sent over an unprotected connection to
    /// another machine unless [`super::Endpoint::allow_cleartext`].
    pub fn authenticate(mut self, credentials: &Credentials) -> Result<Session<'h, Transaction>, AuthFailure> {
        if !self.state.may_send_password {
            return Err(AuthFailure::ClearText);
        }
        self.link.notes.keep_secret(credentials);
        let (mechanism, verdict) = if self.capabilities.has_mechanism("PLAIN") {
            tracing::debug!(mechanism = "PLAIN", "logging in");
            match self.auth_plain(credentials)? {
                Err(Refusal { code: None, .. }) if self.capabilities.user => {
                    (Mechanism::UserAndPass, self.user_and_pass(credentials)?)
                }
                verdict => (Mechanism::Plain, verdict),
            }
        } else if self.capabilities.user || self.capabilities.sasl.is_none() {
            (Mechanism::UserAndPass, self.user_and_pass(credentials)?)
        } else {
            let offered = self.capabilities.sasl.unwrap_or_default().join(" ");
            return Err(AuthFailure::NoMechanism { offered: self.link.notes.shown(offered.as_bytes()) });
        };
        verdict.map_err(|refusal| failure(refusal, &self.capabilities))?;
        Ok(self.into_transaction(mechanism)?)
    }

    fn user_and_pass(&mut self, credentials: &Credentials) -> Result<Result<(), Refusal>, AuthFailure> {
        tracing::debug!(mechanism = "USER", "logging in");
        let commands = [Command::User(credentials.user.clone()), Command::Pass(credentials.password.clone())];
        // Before USER goes out: a password that cannot be sent leaves no half login behind.
        for command in &commands {
            command.encode()?;
        }
        for command in &commands {
            if let Err(refusal) = self.link.ask(command)? {
                return Ok(Err(refusal));
            }
            self.link.end_reply();
        }
        Ok(Ok(()))
    }

    fn auth_plain(&mut self, credentials: &Credentials) -> Result<Result<(), Refusal>, AuthFailure> {
        let message = plain_message(credentials)?;
        let with_response = Command::AuthPlain(Some(message.clone()));
        let command = if with_response.encode().is_ok() { with_response } else { Command::AuthPlain(None) };
        let response = Command::Response(message);
        response.encode()?;
        self.link.send(&command)?;
        self.link.begin_reply(command.shown());
        let mut status = self.link.status()?;
        // Also with an initial response: a server that asks although it was told has dropped it.
        if status == Status::Continue {
            self.link.send_within(&response)?;
            status = self.link.status()?;
        }
        match status {
            Status::Ok(_) => {
                self.link.end_reply();
                Ok(Ok(()))
            }
            Status::Err(refusal) => Ok(Err(refusal)),
            Status::Continue => Err(self.link.protocol("the server asks for a second response").into()),
        }
    }
}

/// NUL user NUL password, in base64 (RFC 4616 §2).
pub(super) fn plain_message(credentials: &Credentials) -> Result<SecretString, CommandError> {
    let (user, password) = (credentials.user.as_bytes(), credentials.password.expose_secret().as_bytes());
    if user.contains(&0) || password.contains(&0) {
        return Err(CommandError::ForbiddenOctet { command: "AUTH PLAIN" });
    }
    let mut message = Zeroizing::new(Vec::with_capacity(user.len() + password.len() + 2));
    for part in [b"\0", user, b"\0", password] {
        message.extend_from_slice(part);
    }
    Ok(STANDARD.encode(&*message).into())
}

/// What a refused login means: by the code where one is, else by what is known of servers without codes.
fn failure(Refusal { code, text }: Refusal, capabilities: &Capabilities) -> AuthFailure {
    match code {
        Some(ResponseCode::InUse | ResponseCode::LoginDelay | ResponseCode::SysTemp) => {
            AuthFailure::Busy { code, text }
        }
        None if tells_of_lock(&text) => AuthFailure::Busy { code, text },
        Some(ResponseCode::SysPerm | ResponseCode::Utf8) => AuthFailure::Unavailable { text },
        None if capabilities.auth_resp_code => AuthFailure::Unavailable { text },
        Some(ResponseCode::Auth) | None => AuthFailure::Rejected { text },
    }
}

/// RFC 1939 §7 lets PASS fail for a locked maildrop, and servers without IN-USE say so in words only.
fn tells_of_lock(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let of_maildrop = ["maildrop", "mailbox", "mail drop"].iter().any(|word| text.contains(word));
    text.contains("in use") || (of_maildrop && (text.contains("lock") || text.contains("busy")))
}
