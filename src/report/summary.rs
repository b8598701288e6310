//! What a run did, in numbers.

use crate::model::Octets;

/// What a run did: true also when it failed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Messages on the server.
    pub listed: u64,
    /// Messages that were to be fetched.
    pub planned: u64,
    /// Messages durably delivered and recorded by this run, recovered ones included.
    pub delivered: u64,
    /// Their stored octets.
    pub octets: Octets,
    /// Messages whose deletion the server confirmed at QUIT.
    pub deleted: u64,
    /// Messages that were DELEd in a session whose QUIT was refused or not answered.
    pub unconfirmed: u64,
    /// Messages that were fetched and proved to be delivered before.
    pub recognised: u64,
    /// Messages put into the held Maildir.
    pub held: u64,
    /// Messages that a rule of the account leaves on the server.
    pub skipped: u64,
    /// Messages that stay on the server because they are larger than what is to be fetched.
    pub oversize: u64,
    /// Messages of these whose headers were delivered by this run.
    pub announced: u64,
    /// Messages deleted or found delivered earlier and still listed.
    pub known: u64,
}
